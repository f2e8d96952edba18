"""Nothing alive is ever unlinked, nothing dead is left."""

import errno
import unittest

import shmfs
from shmfs import shared_memory
from support import TestCase, dev_shm, named

CREATES = """
import sys
from shmfs import shared_memory
memory = shared_memory.SharedMemory(sys.argv[1], create=True, size=1 << 16)
memory.buf[:5] = b"hello"
print("created", flush=True)
sys.stdin.readline()
"""

LOOKS = """
import sys
from shmfs import shared_memory
memory = shared_memory.SharedMemory(sys.argv[1])
print(bytes(memory.buf[:5]).decode(), flush=True)
sys.stdin.readline()
"""

TREE = """
import multiprocessing, sys, time
from shmfs import shared_memory

def work(name, told):
    memory = shared_memory.SharedMemory(name)
    mine = shared_memory.SharedMemory(create=True, size=4096)
    values = shared_memory.ShareableList([1, "two"])
    told.send((mine.name, values.shm.name))
    time.sleep(1000)

if __name__ == "__main__":
    names = []
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        memory = shared_memory.SharedMemory(create=True, size=4096)
        closed = shared_memory.SharedMemory(create=True, size=4096)
        closed.close()
        globals()[method] = memory
        # Locks of a Queue would be names of the kernel's, which the killed tracker leaves.
        tell, told = context.Pipe()
        names += [memory.name, closed.name]
        for _ in range(2):
            context.Process(target=work, args=(memory.name, tell), daemon=True).start()
            names += told.recv()
    print(*names, flush=True)
    time.sleep(1000)
"""


class Lifetimes(TestCase):
    def setUp(self):
        self.store = shmfs.default_store()
        self.name = self.unique("frames")

    def gone(self, *names):
        self.eventually(lambda: not named(self.store) & set(names), f"{names} are still there")

    def test_a_tree_that_is_killed_leaves_nothing(self):
        before = named(self.store)
        tree = self.program(TREE, start_new_session=True)
        names = set(tree.line().split())
        self.assertEqual(len(names), 3 * (2 + 2 * 2))
        self.assertLessEqual(names, named(self.store))
        self.assertFalse(names & dev_shm())
        tree.kill()
        self.gone(*names)
        self.assertLessEqual(named(self.store), before)

    def test_the_exit_of_an_attacher_unlinks_nothing(self):
        # bpo-38119: the tracker of a process that merely looked used to unlink what its creator still uses.
        memory = shared_memory.SharedMemory(self.name, create=True, size=4096)
        self.addCleanup(memory.unlink)
        memory.buf[:5] = b"hello"
        for ends in (lambda child: (child.say(), child.end()), lambda child: child.kill()):
            looker = self.child(LOOKS, self.name)
            self.assertEqual(looker.line(), "hello")
            ends(looker)
            again = shared_memory.SharedMemory(self.name)
            self.assertEqual(bytes(again.buf[:5]), b"hello")
            again.close()
        memory.close()

    def test_the_end_of_the_creator_leaves_it_to_its_users(self):
        creator = self.child(CREATES, self.name)
        creator.line()
        memory = shared_memory.SharedMemory(self.name)
        creator.kill()
        third = self.child(LOOKS, self.name)
        self.assertEqual(third.line(), "hello")
        third.kill()
        self.assertIn(self.name, named(self.store))
        memory.close()
        self.gone(self.name)

    def test_a_creator_that_closed_it_still_holds_it(self):
        memory = shared_memory.SharedMemory(self.name, create=True, size=4096)
        memory.buf[:5] = b"hello"
        memory.close()
        del memory
        looker = self.child(LOOKS, self.name)
        self.assertEqual(looker.line(), "hello")
        looker.kill()
        self.assertIn(self.name, named(self.store))
        self.store.unlink(self.name)

    def test_until_removed_outlives_everybody(self):
        script = CREATES.replace("size=1 << 16", "size=1 << 16, lifetime='until-removed'")
        creator = self.child(script, self.name)
        creator.line()
        creator.kill()
        self.assertEqual(self.child(LOOKS, self.name).line(), "hello")
        self.store.unlink(self.name)
        self.assertErrno(errno.ENOENT, shared_memory.SharedMemory, self.name)

    def test_process_goes_with_its_creator_alone(self):
        script = CREATES.replace("size=1 << 16", "size=1 << 16, lifetime='process'")
        creator = self.child(script, self.name)
        creator.line()
        looker = shared_memory.SharedMemory(self.name)
        creator.kill()
        self.gone(self.name)
        self.assertEqual(bytes(looker.buf[:5]), b"hello")
        looker.close()

    def test_unlinked_is_gone_by_name_and_lives_in_its_views(self):
        memory = shared_memory.SharedMemory(self.name, create=True, size=4096)
        memory.unlink()
        self.assertErrno(errno.ENOENT, shared_memory.SharedMemory, self.name)
        memory.buf[0] = 7
        self.assertEqual(memory.buf[0], 7)
        memory.close()
        self.assertErrno(errno.ENOENT, memory.unlink)


if __name__ == "__main__":
    unittest.main()
