"""Objects from process to process, over sockets."""

import errno
import os
import signal
import socket
import tempfile
import unittest

import shmfs
from support import TestCase

GIVES = """
import socket, sys, shmfs
stream = socket.socket(socket.AF_UNIX)
stream.connect(sys.argv[1])
object = shmfs.Object.anonymous(8192)
object.map().write(4096, b"from a stranger")
object.seal(shmfs.Seals.SHRINK | shmfs.Seals.GROW)
object.send_to(stream)
answer = shmfs.Object.receive_from(stream.fileno())
print(answer.map(read_only=True).read(0, 6).decode(), flush=True)
sys.stdin.readline()
"""

RECEIVES = """
import socket, shmfs
ours, theirs = socket.socketpair()
try:
    print("waits", flush=True)
    shmfs.Object.receive_from(ours)
except KeyboardInterrupt:
    print("interrupted")
"""

GUARDS = """
import shmfs
object = shmfs.Object.anonymous(4096)
with object.guard():
    try:
        print("waits", flush=True)
        with object.guard():
            pass
    except KeyboardInterrupt:
        print("interrupted")
"""


class Descriptors(TestCase):
    def test_unrelated_processes(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
            path = os.path.join(folder, "socket")
            listener.bind(path)
            listener.listen()
            child = self.child(GIVES, path)
            stream, _ = listener.accept()
            with stream:
                object = shmfs.Object.receive_from(stream)
                self.assertEqual(object.map().read(4096, 15), b"from a stranger")
                self.assertEqual(object.seals, shmfs.Seals.SHRINK | shmfs.Seals.GROW)
                store = shmfs.default_store()
                answer = store.anonymous("answer", 4096)
                self.assertIn("answer", {entry.name for entry in store.list() if entry.kind == "anonymous"})
                answer.map().write(0, b"thanks")
                answer.send_to(stream)
                self.assertEqual(child.line(), "thanks")
            answer.close()
            self.assertIn("answer", {entry.name for entry in store.list()}, "the child still has it")
            child.kill()
            self.eventually(
                lambda: "answer" not in {entry.name for entry in store.list()}, "nobody has the answer any more"
            )

    def test_what_comes_by_pythons_own_means(self):
        object = shmfs.Object.anonymous(4096)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            socket.send_fds(ours, [b"x"], [object.fileno()])
            same = shmfs.Object.receive_from(theirs)
            object.send_to(ours)
            _, numbers, _, _ = socket.recv_fds(theirs, 1, 1)
        again = shmfs.Object.from_fd(numbers[0])
        os.close(numbers[0])
        object.map().write(0, b"one")
        self.assertEqual([same.map().read(0, 3), again.map().read(0, 3)], [b"one", b"one"])

    def test_what_cannot_be_received(self):
        ours, theirs = socket.socketpair()
        with theirs:
            ours.send(b"x")
            self.assertErrno(errno.ENODATA, shmfs.Object.receive_from, theirs)
            with open(os.devnull) as other:
                socket.send_fds(ours, [b"x"], [other.fileno()])
                self.assertErrno(errno.ENODEV, shmfs.Object.receive_from, theirs)
            ours.close()
            self.assertErrno(errno.ECONNRESET, shmfs.Object.receive_from, theirs)
            self.assertErrno(errno.EPIPE, shmfs.Object.anonymous(1).send_to, theirs)
        a, b = socket.socketpair()
        with a, b:
            a.setblocking(False)
            with self.assertRaises(BlockingIOError):
                shmfs.Object.receive_from(a)

    def test_ctrl_c_ends_the_waiting(self):
        for script in (RECEIVES, GUARDS):
            child = self.child(script)
            self.assertEqual(child.line(), "waits")
            # Before it waits, while it does, or between: the signal is not lost.
            child.process.send_signal(signal.SIGINT)
            self.assertEqual(child.line(), "interrupted")
            child.end()

    def test_numbers_that_are_no_descriptors(self):
        for number in (-1, -100):
            with self.assertRaises(ValueError):
                shmfs.Object.from_fd(number)
        self.assertErrno(errno.EBADF, shmfs.Object.from_fd, 1_000_000)
        with open(os.devnull) as other:
            self.assertErrno(errno.ENODEV, shmfs.Object.from_fd, other)


if __name__ == "__main__":
    unittest.main()
