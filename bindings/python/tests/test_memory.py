"""Objects without a store, mappings and their views, mapped files."""

import ctypes
import errno
import mmap
import os
import pathlib
import signal
import tempfile
import threading
import unittest

import shmfs
from shmfs import MappedFile, Object, Seals
from support import TestCase

PAGE = mmap.PAGESIZE

SEES_FILE = """
import sys, shmfs
with shmfs.MappedFile.open(sys.argv[1]) as file:
    print(file.read(0, 5).decode())
    file.write(5, b"there")
    file.grow(file.size + 4)
    file.write(file.size - 4, b"tail")
"""

GUARDED = """
import errno, shmfs
shmfs.install_guard()
object = shmfs.Object.anonymous(8192)
mapping = object.map()
mapping.write(4096, b"there")
object.resize(4096)
for act in (lambda: mapping.read(4096, 8), lambda: mapping.write(5000, b"x")):
    try:
        act()
    except OSError as error:
        print(errno.errorcode[error.errno], "cut" in error.strerror)
print(flush=True)
memoryview(mapping)[0] = 1
memoryview(mapping)[4096] = 1
"""


class Mappings(TestCase):
    def setUp(self):
        self.object = Object.anonymous(3 * PAGE)

    def test_two_mappings_show_the_same_bytes(self):
        here, there = self.object.map(), self.object.map(read_only=True)
        here.write(PAGE - 2, b"seen")
        self.assertEqual(there.read(PAGE - 2, 4), b"seen")
        self.assertEqual((len(here), here.readonly, there.readonly), (3 * PAGE, False, True))
        memoryview(here)[0] = 9
        self.assertEqual(memoryview(there)[0], 9)

    def test_a_view_for_reading_cannot_be_written(self):
        mapping = self.object.map(read_only=True)
        self.assertTrue(memoryview(mapping).readonly)
        with self.assertRaises(TypeError):
            memoryview(mapping)[0] = 1
        with self.assertRaises(TypeError):
            ctypes.c_char.from_buffer(mapping)
        self.assertErrno(errno.EACCES, mapping.write, 0, b"x")

    def test_it_cannot_be_closed_while_views_exist(self):
        mapping = self.object.map()
        view = memoryview(mapping)
        part = view[10:20]
        with self.assertRaisesRegex(BufferError, "1 views"):
            mapping.close()
        view.release()
        with self.assertRaises(BufferError):
            mapping.close()
        part.release()
        mapping.close()
        self.assertTrue(mapping.closed)
        with self.assertRaises(BufferError):
            memoryview(mapping)
        with self.assertRaises(ValueError):
            mapping.read()

    def test_a_view_holds_the_mapping(self):
        view = memoryview(self.object.map())[PAGE:]
        self.object.close()
        view[:4] = b"kept"
        self.assertEqual(bytes(view[:4]), b"kept")

    def test_parts_and_private_ones(self):
        whole = self.object.map()
        part = self.object.map(offset=PAGE, size=10)
        whole.write(PAGE, b"part")
        self.assertEqual(part.read(), b"part" + bytes(6))
        private = self.object.map(private=True)
        private.write(0, b"mine")
        self.assertEqual((private.read(0, 4), whole.read(0, 4)), (b"mine", bytes(4)))
        self.assertErrno(errno.EINVAL, self.object.map, offset=1)

    def test_ranges_that_are_not_inside(self):
        mapping = self.object.map()
        for act in (lambda: mapping.read(3 * PAGE, 1), lambda: mapping.write(3 * PAGE - 1, b"xy")):
            error = self.assertErrno(errno.EINVAL, act)
            self.assertIn(str(3 * PAGE), str(error))
        with self.assertRaises(OverflowError):
            mapping.read(-1)

    def test_a_mapping_beyond_the_objects_end_has_no_view(self):
        mapping = self.object.map(size=4 * PAGE)
        self.assertErrno(errno.ERANGE, mapping.read, 3 * PAGE, 1)
        with self.assertRaises(BufferError):
            memoryview(mapping)
        self.object.resize(4 * PAGE)
        self.assertEqual(memoryview(mapping)[-1], 0)

    def test_advice_and_locking(self):
        mapping = self.object.map()
        mapping.advise(shmfs.Advice.WILL_NEED)
        mapping.lock(0, PAGE)
        self.assertGreaterEqual(mapping.resident(), 1)
        mapping.unlock(0, PAGE)
        mapping.flush()
        with self.assertRaises(ValueError):
            mapping.advise("sometimes")

    def test_seals(self):
        self.object.seal(Seals.GROW | Seals.SHRINK)
        self.assertIn(Seals.GROW, self.object.seals)
        self.assertErrno(errno.EPERM, self.object.resize, 5 * PAGE)
        with self.assertRaises(PermissionError):
            self.object.resize(PAGE)
        self.object.seal(Seals.WRITE)
        self.assertErrno(errno.EPERM, self.object.map)

    def test_the_guard_takes_turns(self):
        order = []

        def other():
            with self.object.guard():
                order.append("other")

        with self.object.guard() as guard:
            thread = threading.Thread(target=other)
            thread.start()
            self.assertTrue(thread.is_alive())
            order.append("this")
            self.assertIsNotNone(guard)
        thread.join()
        self.assertEqual(order, ["this", "other"])

    def test_pages_that_are_gone_are_errors_with_the_guard(self):
        child = self.child(GUARDED)
        self.assertEqual([child.line(), child.line(), child.line()], ["EFAULT True", "EFAULT True", ""])
        # What Python touches itself still ends the program, after a sentence.
        _, said = child.process.communicate(timeout=60)
        self.assertEqual(child.process.returncode, -signal.SIGBUS)
        self.assertIn("the anonymous object", said)

    def test_closed(self):
        with self.object as object:
            self.assertFalse(object.closed)
        self.assertTrue(self.object.closed)
        for act in (self.object.map, self.object.fileno, lambda: self.object.size):
            with self.assertRaises(ValueError):
                act()


class Files(TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "index"

    def test_two_processes(self):
        file = MappedFile.create(self.path, 10)
        file.write(0, b"hello")
        self.assertEqual(self.run_child(SEES_FILE, self.path), "hello")
        self.assertEqual(file.read(0, 10), b"hellothere")
        file.refresh()
        self.assertEqual(file.read(), b"hellotheretail")
        file.flush()
        self.assertEqual(self.path.read_bytes(), b"hellotheretail")

    def test_past_the_end_is_an_error(self):
        file = MappedFile.create(self.path, 5)
        error = self.assertErrno(errno.ERANGE, file.read, 3, 4)
        self.assertEqual(error.filename, str(self.path))
        self.assertIn("5 bytes", error.strerror)
        os.truncate(self.path, 2)
        self.assertErrno(errno.ERANGE, file.write, 2, b"x")

    def test_a_mapping_of_its_own(self):
        file = MappedFile.create(self.path, 2 * PAGE)
        mapping = file.map(PAGE)
        memoryview(mapping)[:3] = b"abc"
        file.close()
        self.assertEqual(self.path.read_bytes()[PAGE : PAGE + 3], b"abc")
        with self.assertRaises(ValueError):
            file.read()

    def test_read_only_and_what_is_not_there(self):
        self.assertErrno(errno.ENOENT, MappedFile.open, self.path)
        self.path.write_bytes(b"12345")
        self.assertErrno(errno.EEXIST, MappedFile.create, self.path, 1)
        with MappedFile.open(self.path, read_only=True) as file:
            self.assertTrue(file.readonly)
            self.assertErrno(errno.EACCES, file.write, 0, b"x")


if __name__ == "__main__":
    unittest.main()
