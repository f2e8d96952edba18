"""SharedMemory and ShareableList beyond what CPython tests of them."""

import errno
import gc
import multiprocessing.shared_memory
import os
import pickle
import unittest

import shmfs
from shmfs import shared_memory
from support import TestCase, dev_shm

EVERYTHING = ["text", "ünïcödé text", b"bytes", b"\0inside\0.", "", b"", 1, -(2**63), 2.5, True, False, None]


class Memory(TestCase):
    def memory(self, size=100, **named):
        memory = shared_memory.SharedMemory(create=True, size=size, **named)
        self.addCleanup(memory.unlink)
        self.addCleanup(memory.close)
        return memory

    def test_it_is_in_the_store_and_not_in_dev_shm(self):
        memory = self.memory()
        entry = next(entry for entry in shmfs.default_store().list() if entry.name == memory.name)
        self.assertEqual((entry.kind, entry.size, entry.mode), ("object", 100, 0o600))
        self.assertEqual(entry.lifetime, shmfs.Lifetime.LAST_USER)
        self.assertNotIn(memory.name, dev_shm())

    def test_a_chosen_lifetime_is_the_objects(self):
        memory = self.memory(lifetime=shmfs.Lifetime.UNTIL_REMOVED)
        lifetimes = {entry.name: entry.lifetime for entry in shmfs.default_store().list()}
        self.assertIs(lifetimes[memory.name], shmfs.Lifetime.UNTIL_REMOVED)

    def test_another_store_is_kept_when_pickled(self):
        store = shmfs.Store.embedded(size=1 << 20)
        for thing in (self.memory(store=store), shared_memory.ShareableList([1], store=store)):
            again = pickle.loads(pickle.dumps(thing))
            self.assertEqual(repr(again), repr(thing))
            getattr(again, "shm", again).close()
            getattr(thing, "shm", thing).close()
        self.assertErrno(errno.ENOENT, shared_memory.SharedMemory, "psm_only_there", store=store)

    def test_a_subclass_that_creates_what_is_missing(self):
        class Optional(shared_memory.SharedMemory):
            _flags = os.O_CREAT | os.O_RDWR

        name = self.unique("optional")
        first, second = Optional(name, size=10), Optional(name, size=20)
        self.assertEqual((first.size, second.size), (10, 10))
        first.unlink()
        second.close()
        first.close()

    def test_a_closed_one_has_no_buffer_and_can_be_closed_again(self):
        memory = self.memory()
        memory.close()
        memory.close()
        self.assertIsNone(memory.buf)

    def test_a_view_keeps_it_open_and_the_memory_where_it_is(self):
        memory = shared_memory.SharedMemory(create=True, size=8)
        view = memory.buf[2:4]
        with self.assertRaises(BufferError):
            memory.close()
        memory.unlink()
        del memory
        gc.collect()
        view[:] = b"ok"
        self.assertEqual(bytes(view), b"ok")

    def test_names_that_cannot_be(self):
        for name, number in (("a/b", errno.EINVAL), ("x" * 251, errno.ENAMETOOLONG), ("..", errno.EINVAL)):
            self.assertErrno(number, shared_memory.SharedMemory, name, create=True, size=1)
        with self.assertRaises(ValueError):
            shared_memory.SharedMemory("a\0b", create=True, size=1)

    def test_more_than_there_is_room_for(self):
        store = shmfs.Store.embedded(size=1 << 20)
        self.assertErrno(
            errno.ENOSPC, shared_memory.SharedMemory, create=True, size=2 << 20, store=store
        )

    def test_what_others_unlinked_is_given_back_by_the_next_creations(self):
        store = shmfs.Store.embedded(size=1 << 20)
        for _ in range(20):
            memory = shared_memory.SharedMemory(create=True, size=4096, store=store)
            memory.close()
            store.unlink(memory.name)
        self.assertLessEqual(store.usage().unnamed, 3)

    def test_room_that_others_gave_back_by_unlinking_is_used(self):
        store = shmfs.Store.embedded(size=1 << 20)
        for _ in range(4):
            memory = shared_memory.SharedMemory(create=True, size=3 << 18, store=store)
            memory.close()
            # As another process would, which knows nothing of what we hold.
            store.unlink(memory.name)


class Lists(TestCase):
    def test_the_layout_is_cpythons(self):
        values = [*EVERYTHING, "x" * 7, "x" * 8, b"y" * 100]
        ours = shared_memory.ShareableList(values)
        self.addCleanup(ours.shm.unlink)
        # Where shm_open of the C library is served by a store too, this is in the store.
        ascii_only = [value for value in values if not isinstance(value, str) or value.isascii()]
        ours_ascii = shared_memory.ShareableList(ascii_only)
        self.addCleanup(ours_ascii.shm.unlink)
        theirs = multiprocessing.shared_memory.ShareableList(ascii_only)
        self.addCleanup(theirs.shm.unlink)
        self.assertEqual(bytes(ours_ascii.shm.buf), bytes(theirs.shm.buf))
        self.assertEqual(ours_ascii.format, theirs.format)
        theirs.shm.close()
        for made in (ours, ours_ascii):
            made.shm.close()

    def test_everything_comes_back(self):
        made = shared_memory.ShareableList(EVERYTHING)
        self.addCleanup(made.shm.unlink)
        again = shared_memory.ShareableList(name=made.shm.name)
        for values in (made, again):
            self.assertEqual(list(values), EVERYTHING)
            self.assertEqual([type(value) for value in values], [type(value) for value in EVERYTHING])
        self.assertIn(2.5, again)
        self.assertEqual((again.index(None), again.count("")), (11, 1))

    def test_what_has_no_place_in_a_list(self):
        for value in ([], object(), 1j, 2**63, "x" * 10_000_000):
            with self.assertRaises((KeyError, ValueError, OverflowError, __import__("struct").error)):
                shared_memory.ShareableList([value])

    def test_memory_that_is_no_list(self):
        for content in (b"", b"\xff" * 64, b"\x02" + b"\0" * 63, b"\x01" + b"\0" * 7 + b"\x08" + b"\0" * 7):
            memory = shared_memory.SharedMemory(create=True, size=64)
            memory.buf[: len(content)] = content
            if content:
                with self.assertRaises(ValueError):
                    shared_memory.ShareableList(name=memory.name)
            else:
                self.assertEqual(list(shared_memory.ShareableList(name=memory.name)), [])
            memory.unlink()

    def test_generic_alias(self):
        self.assertEqual(str(shared_memory.ShareableList[int]), "shmfs.shared_memory.ShareableList[int]")


if __name__ == "__main__":
    unittest.main()
