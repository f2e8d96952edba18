"""System V segments, in two processes."""

import errno
import os
import tempfile
import unittest

import shmfs
from shmfs import Store
from support import TestCase

LOOKS = """
import shmfs, sys
segment = shmfs.Store.open().open_segment(int(sys.argv[1]))
mapping = segment.attach()
mapping.write(5, b"there")
print(mapping.read(0, 5).decode(), flush=True)
sys.stdin.readline()
"""


class Segments(TestCase):
    def setUp(self):
        self.store = Store.embedded(size=1 << 20)

    def test_two_processes_and_the_count(self):
        key = shmfs.ftok("/", 7)
        segment = self.store.create_segment(key, 5000, mode=0o640)
        mapping = segment.attach()
        mapping.write(0, b"hello")
        child = self.child(LOOKS, key, environment={**os.environ, **self.store.environment()})
        self.assertEqual(child.line(), "hello")
        self.assertEqual((segment.stat()["attaches"], segment.key, segment.size), (2, key, 5000))
        child.kill()
        self.eventually(lambda: segment.stat()["attaches"] == 1, "the child's attach is still counted")
        self.assertEqual(mapping.read(0, 10), b"hellothere")
        segment.remove()
        self.assertTrue(segment.stat()["removed"])
        mapping.close()
        self.assertErrno(errno.EINVAL, segment.stat)

    def test_finding_and_making(self):
        first, created = self.store.open_or_create_segment(5, 4096)
        again, created_again = self.store.open_or_create_segment(5, 4096)
        self.assertEqual((created, created_again, first.id), (True, False, again.id))
        self.assertErrno(errno.EEXIST, self.store.create_segment, 5, 4096)
        self.assertEqual(self.store.segment_by_id(first.id).size, 4096)
        private = self.store.private_segment(100)
        self.assertEqual(private.key, 0)
        entry = next(entry for entry in self.store.list() if entry.shmid == private.id)
        self.assertEqual((entry.kind, entry.size), ("segment", 100))

    def test_read_only_and_owner(self):
        segment = self.store.private_segment(4096)
        mapping = segment.attach(read_only=True)
        self.assertTrue(mapping.readonly)
        self.assertErrno(errno.EACCES, mapping.write, 0, b"x")
        segment.set(os.getuid(), os.getgid(), 0o644)
        self.assertEqual(segment.stat()["mode"], 0o644)

    def test_a_durable_one(self):
        with tempfile.TemporaryDirectory() as folder:
            store = Store.embedded(size=1 << 20, state=folder)
            segment = store.create_segment(9, 4096, lifetime=shmfs.Lifetime.DURABLE)
            durable = segment.durable()
            durable.write(0, b"kept")
            durable.persist()
            durable.close()
            del store, segment, durable
            again = Store.embedded(size=1 << 20, state=folder)
            self.assertEqual(again.open_segment(9).attach().read(0, 4), b"kept")
            self.assertErrno(errno.EINVAL, again.private_segment(1).durable)


if __name__ == "__main__":
    unittest.main()
