"""Which store applies, and that it is what serves."""

import multiprocessing
import os
import pickle
import shutil
import unittest
import unittest.mock

import shmfs
from shmfs import Store, shared_memory
from support import TestCase, dev_shm, named

CHILDREN = """
import multiprocessing, os, sys

def look(name, queue):
    from shmfs import shared_memory
    memory = shared_memory.SharedMemory(name)
    queue.put(bytes(memory.buf[:4]))
    memory.close()

def work(tasks, results):
    for name in iter(tasks.get, None):
        look(name, results)

if __name__ == "__main__":
    import shmfs
    from shmfs import shared_memory
    in_dev_shm = 0
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        # The worker is there before the memory: it must find the store all the same.
        tasks, results = context.SimpleQueue(), context.SimpleQueue()
        worker = context.Process(target=work, args=(tasks, results))
        worker.start()
        memory = shared_memory.SharedMemory(create=True, size=4096)
        memory.buf[:4] = b"here"
        tasks.put(memory.name)
        assert results.get() == b"here"
        in_dev_shm += os.path.exists("/dev/shm/" + memory.name)
        tasks.put(None)
        worker.join()
        memory.close()
        memory.unlink()
        assert worker.exitcode == 0
    store = shmfs.default_store()
    embedded = os.path.basename(store.dir).startswith(f"run-{os.getpid()}-")
    print(embedded, store.usage().calls("shm_open") >= 3, len(store.list()), in_dev_shm)
"""

READS = """
import shmfs
frames = shmfs.Store.open().open_object("frames")
print(frames.map().read(0, 5).decode(), flush=True)
input()
"""

KEEPS = """
import time, shmfs
from shmfs import shared_memory
memory = shared_memory.SharedMemory(create=True, size=4096)
print(shmfs.default_store().dir, memory.name, flush=True)
time.sleep(1000)
"""


def _without_program():
    """An environment in which no store is named and the program `shm` is not found."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SHMFS_")}
    folders = environment.get("PATH", os.defpath).split(os.pathsep)
    environment["PATH"] = os.pathsep.join(folder for folder in folders if not shutil.which("shm", path=folder))
    return environment


class Stores(TestCase):
    def test_without_any_store_this_process_keeps_one_and_its_children_find_it(self):
        for running in (Store.system, lambda: Store.named("user")):
            try:
                running()
            except ConnectionRefusedError:
                continue
            self.skipTest("a store of this user or of the system runs")
        program = self.program(CHILDREN, environment=_without_program())
        self.assertEqual(program.end(), "True True 0 0\n")

    def test_a_process_that_is_killed_with_its_store_leaves_nothing(self):
        child = self.child(KEEPS, environment=_without_program())
        dir, name = child.line().split()
        self.assertTrue(os.path.exists(dir))
        child.kill()
        self.assertNotIn(name, dev_shm())
        with self.assertRaises(ConnectionRefusedError):
            Store.at(dir)
        if os.path.basename(dir).startswith(f"run-{child.process.pid}-"):
            # Its socket goes when the next store is made.
            Store.embedded(size=1 << 20)
            self.assertFalse(os.path.exists(dir))

    def test_a_private_one_ends_with_the_last_that_joined_it(self):
        program = os.environ.get("SHMFS_TEST_SHM")
        if not program:
            self.skipTest("the program shm is not there, which keeps private stores")
        with unittest.mock.patch.dict(os.environ, SHMFS_PROGRAM=program):
            store = Store.private(size=1 << 20)
        dir = store.dir
        store.create("frames", 4096).map().write(0, b"hello")
        child = self.child(READS, environment={**os.environ, **store.environment()})
        self.assertEqual(child.line(), "hello")
        del store
        self.assertTrue(dir.exists())
        child.say()
        child.end()
        self.eventually(lambda: not dir.exists(), "the store has not ended")

    def test_children_find_the_store_that_applies_here(self):
        before = named(shmfs.default_store())
        said = self.program(CHILDREN).end()
        self.assertEqual(said, f"False True {len(before)} 0\n")

    def test_the_store_serves_and_the_kernels_names_stay_as_they_are(self):
        store = shmfs.default_store()
        served = store.usage().calls("shm_open")
        memory = shared_memory.SharedMemory(create=True, size=4096)
        self.assertEqual(store.usage().calls("shm_open"), served + 1)
        self.assertNotIn(memory.name, dev_shm())
        memory.close()
        memory.unlink()

    def test_embedded_ones_are_apart_and_limited(self):
        one, two = Store.embedded(size=1 << 20), Store.embedded(size=1 << 20)
        one.create("x", 4096)
        self.assertEqual((named(one), named(two)), ({"x"}, set()))
        self.assertEqual(one.usage().size, 1 << 20)
        self.assertEqual(set(one.environment()), {"SHMFS_STORE", "SHMFS_TOKEN"})

    def test_a_child_joins_by_the_environment(self):
        store = Store.embedded(size=1 << 20)
        store.create("frames", 4096).map().write(0, b"hello")
        child = self.child(READS, environment={**os.environ, **store.environment()})
        self.assertEqual(child.line(), "hello")

    def test_a_forked_child_uses_the_stores_of_its_parent(self):
        store = Store.embedded(size=1 << 20)
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()

        def create():
            store.create("by-the-child", 4096)
            theirs.send(named(store))

        child = context.Process(target=create)
        child.start()
        self.assertEqual(ours.recv(), {"by-the-child"})
        child.join()
        self.assertEqual((child.exitcode, named(store)), (0, {"by-the-child"}))

    def test_one_creates_and_the_others_open(self):
        store = Store.embedded(size=1 << 24)
        script = (
            "import shmfs\nobject, created = shmfs.Store.open().open_or_create('one', 4096)\n"
            "assert object.size == 4096\nprint(created)"
        )
        environment = {**os.environ, **store.environment()}
        children = [self.child(script, environment=environment) for _ in range(4)]
        self.assertEqual(sorted(child.end().strip() for child in children), ["False"] * 3 + ["True"])

    def test_stores_that_are_not_there(self):
        with self.assertRaises(ConnectionRefusedError):
            Store.at("/nowhere/at/all")
        with self.assertRaises(ConnectionRefusedError):
            Store.named(self.unique("no")[:60])

    def test_a_store_is_pickled_as_its_place(self):
        store = Store.embedded(size=1 << 20)
        store.create("x", 1)
        self.assertEqual(named(pickle.loads(pickle.dumps(store))), {"x"})
        default = shmfs.default_store()
        self.assertIs(pickle.loads(pickle.dumps(default)), default)


if __name__ == "__main__":
    unittest.main()
