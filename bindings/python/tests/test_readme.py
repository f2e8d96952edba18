"""The examples of the README run as they stand there."""

import os
import pathlib
import re
import socket
import tempfile
import unittest

from support import TestCase

try:
    import numpy  # noqa: F401
except ImportError as error:
    raise unittest.SkipTest(f"NumPy is not to be had: {error}") from error

README = pathlib.Path(__file__).resolve().parent.parent / "README.md"


def examples():
    """The indented blocks that are Python and no commands."""
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", README.read_text(), re.MULTILINE)
    texts = ["\n".join(line[4:] for line in block.splitlines()) for block in blocks]
    return [text for text in texts if not re.match(r"\s*(pip|python3) ", text)]


class Readme(TestCase):
    def test_its_examples_run(self):
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.chdir(folder.name)
        pathlib.Path("index").write_bytes(bytes(16))
        ours, theirs = socket.socketpair()
        with ours, theirs:
            names = {"a_unix_socket": ours}
            found = examples()
            self.assertEqual(len(found), 4)
            for text in found:
                exec(text, names)
            self.assertEqual(bytes(names["memory"].buf[:5]), b"hello")
            self.assertEqual(names["frames"].shape, (512, 512))
            self.assertEqual((names["durable"].epoch, bytes(names["durable"].buf[:10])), (1, b"100 to Ada"))


if __name__ == "__main__":
    unittest.main()
