"""The test cases that CPython has for SharedMemory and ShareableList, for one way of starting processes.

Tests that `not_ours.txt` names are expected to fail: one that passes must leave the list.
"""

import pathlib
import sys
import unittest

LIST = pathlib.Path(__file__).with_name("not_ours.txt")
CLASS = "WithProcessesTestSharedMemory"
LINES_AT_MOST = 3
WAIT_AT_MOST_SECONDS = 10


def not_ours():
    """The names on the list that this CPython has, and their reasons."""
    reasons = {}
    for line in LIST.read_text().splitlines():
        if line.startswith("#"):
            continue
        name, since, reason = line.split(maxsplit=2)
        if sys.version_info >= tuple(int(part) for part in since.split(".")):
            reasons[name] = reason
    return reasons


def install(names, method):
    """Puts the test case for `method` (fork, spawn or forkserver) into a module's names."""
    try:
        import rewritten
    except ImportError as error:
        hint = "on Debian: apt-get install libpython3-testsuite"
        raise unittest.SkipTest(f"this Python has no tests of its own ({error}); {hint}") from error
    # A listed test would wait for minutes for what does not come.
    rewritten.support.LONG_TIMEOUT = WAIT_AT_MOST_SECONDS
    installed = {"__name__": names["__name__"]}
    rewritten.install_tests_in_module_dict(installed, method)
    case = installed[CLASS]
    for name in not_ours():
        setattr(case, name, unittest.expectedFailure(getattr(case, name)))
    names.update({CLASS: case, "setUpModule": installed["setUpModule"], "tearDownModule": installed["tearDownModule"]})
