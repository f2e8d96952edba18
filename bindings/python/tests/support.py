"""What the tests share: other processes, and waiting for what comes by itself.

Owns: the scripts' surroundings. Leaves to others: which store the tests run in (`run.py` sets the environment).
"""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

DEADLINE_SECONDS = 60


class Child:
    """Another Python process, which talks in lines."""

    def __init__(self, arguments, environment=None, **options):
        self.process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            **options,
        )

    def line(self):
        """The next line that it prints."""
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the child said nothing more: {self.process.stderr.read()}")
        return line.rstrip("\n")

    def say(self, line=""):
        """A line for it to read."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self):
        """Waits for its end, which must be a good one, and returns what else it has printed."""
        out, err = self.process.communicate(timeout=DEADLINE_SECONDS)
        if self.process.returncode != 0 or err:
            raise AssertionError(f"the child ended with {self.process.returncode}: {err}")
        return out

    def kill(self):
        """Kills it, with all processes of its group if it leads one."""
        if os.getpgid(self.process.pid) == self.process.pid:
            os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()
        self.process.communicate(timeout=DEADLINE_SECONDS)


class TestCase(unittest.TestCase):
    """With children that do not outlive the test."""

    def child(self, script, *args, **options):
        """A process that runs a script."""
        return self._start(["-c", script, *args], **options)

    def _start(self, arguments, **options):
        child = Child(arguments, **options)
        self.addCleanup(self._reap, child)
        return child

    @staticmethod
    def _reap(child):
        if child.process.poll() is None:
            child.kill()
        for stream in (child.process.stdin, child.process.stdout, child.process.stderr):
            stream.close()

    def program(self, text, **options):
        """A child whose script is a file, as those need that spawn processes."""
        handle, path = tempfile.mkstemp(suffix=".py")
        self.addCleanup(os.unlink, path)
        with os.fdopen(handle, "w") as file:
            file.write(text)
        return self._start([path], **options)

    def run_child(self, script, *args, **options):
        """Runs a script to its end and returns what it printed, without the last newline."""
        return self.child(script, *args, **options).end().rstrip("\n")

    def eventually(self, holds, message):
        """Waits until something holds that needs nobody's doing any more."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                self.fail(message)
            time.sleep(0.005)

    def unique(self, name):
        """A name that no test beside this one uses."""
        return f"{name}-{os.getpid()}-{self.id().rsplit('.', 1)[-1]}"[:200]

    def assertErrno(self, number, act, *args, **named):
        """The call fails with an `OSError` of this number."""
        with self.assertRaises(OSError) as caught:
            act(*args, **named)
        self.assertEqual(caught.exception.errno, number, caught.exception)
        return caught.exception


def dev_shm():
    """The files in /dev/shm, which are nobody's business here."""
    folder = pathlib.Path("/dev/shm")
    return {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()


def named(store):
    """The names in a store."""
    return {entry.name for entry in store.list()}
