"""Durable objects: across runs, and across kills."""

import errno
import os
import pathlib
import tempfile
import unittest

from shmfs import Lifetime, Store
from support import TestCase

WRITES = """
import sys, shmfs
store = shmfs.Store.embedded(size=1 << 24, state=sys.argv[1])
ledger, created = store.open_or_create("ledger", 1 << 16, mode=0o640, lifetime=shmfs.Lifetime.DURABLE)
durable = ledger.durable()
with durable:
    durable.write(0, b"100 to Ada")
    durable.edit(4096, 12)[:] = b"100 from Bob"
print(created, durable.epoch, flush=True)
durable.edit()[:] = bytes(1 << 16)
durable.buf[0] == 0 or sys.exit("an edit is seen when it is stored")
print("edited", flush=True)
sys.stdin.readline()
"""

TAKES_OVER = """
import sys, shmfs
store = shmfs.Store.open()
durable = store.open_object("ledger").durable()
durable.edit(0, 4)[:] = b"dead"
print("edits", flush=True)
sys.stdin.readline()
"""


class Durable(TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.state = pathlib.Path(folder.name) / "state"

    def test_it_is_as_it_was_persisted_after_a_kill(self):
        first = self.child(WRITES, self.state)
        said = first.line().split()
        self.assertEqual(said[0], "True")
        self.assertEqual(first.line(), "edited")
        first.kill()

        store = Store.embedded(size=1 << 24, state=self.state)
        entry = next(entry for entry in store.list() if entry.name == "ledger")
        self.assertEqual((entry.mode, entry.lifetime, entry.size), (0o640, Lifetime.DURABLE, 1 << 16))
        durable = store.open_object("ledger").durable()
        durable.roll_back()
        self.assertEqual(bytes(durable.buf[:10]), b"100 to Ada")
        self.assertEqual(bytes(durable.buf[4096:4108]), b"100 from Bob")
        self.assertGreaterEqual(durable.epoch, int(said[1]))

    def test_a_second_run_goes_on_where_the_first_ended(self):
        for run in range(2):
            child = self.child(WRITES, self.state)
            self.assertEqual(child.line().split()[0], str(run == 0))
            child.say()
            child.line()
            child.end()

    def ledger(self):
        store = Store.embedded(size=1 << 24, state=self.state)
        return store, store.create("ledger", 1 << 16, lifetime=Lifetime.DURABLE).durable()

    def test_the_next_editor_rolls_back_what_a_dead_one_left(self):
        store, durable = self.ledger()
        durable.write(0, b"live")
        durable.persist()
        child = self.child(TAKES_OVER, environment=environment(store))
        self.assertEqual(child.line(), "edits")
        self.assertEqual(bytes(durable.buf[:4]), b"dead")
        child.kill()
        self.assertEqual(bytes(durable.edit(0, 4)), b"live")

    def test_a_block_that_raises_is_rolled_back(self):
        _, durable = self.ledger()
        with durable:
            durable.write(10, b"kept")
        with self.assertRaises(ZeroDivisionError), durable:
            durable.write(10, b"lost")
            1 / 0
        self.assertEqual(bytes(durable.buf[10:14]), b"kept")

    def test_views_end_with_their_epoch(self):
        _, durable = self.ledger()
        view = durable.edit(0, 8)
        before = durable.epoch
        view[:] = b"12345678"
        self.assertGreater(durable.persist(), before)
        with self.assertRaises(ValueError):
            view[0] = 0
        with self.assertRaises(TypeError):
            durable.buf[0] = 0

    def test_closing_undoes_what_was_not_persisted(self):
        store, durable = self.ledger()
        durable.write(0, b"persisted")
        durable.persist()
        durable.write(0, b"forgotten")
        durable.close()
        with self.assertRaises(ValueError):
            durable.persist()
        again = store.open_object("ledger")
        self.assertEqual(again.map().read(0, 9), b"persisted")

    def test_refusals(self):
        store, durable = self.ledger()
        self.assertErrno(errno.EINVAL, durable.edit, 1 << 16, 1)
        self.assertErrno(errno.EINVAL, store.create("plain", 4096).durable)
        without = Store.embedded(size=1 << 20)
        self.assertErrno(errno.EOPNOTSUPP, without.create, "x", 1, lifetime=Lifetime.DURABLE)
        with self.assertRaises(ValueError):
            store.create("x", 1, lifetime="for ever")


def environment(store):
    """This process's, with another store in it."""
    return {**os.environ, **store.environment()}


if __name__ == "__main__":
    unittest.main()
