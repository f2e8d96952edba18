"""Runs one test module and counts: `suite.py MODULE FILE`, where FILE gets the numbers.

Owns: what counts as what. Leaves to others: which modules, in which surroundings (`run.py`).
"""

import json
import pathlib
import sys
import unittest

TESTS = pathlib.Path(__file__).resolve().parent


class Result(unittest.TextTestResult):
    """Says why a test is skipped where it happens."""

    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"\nSKIP: {test.id()}: {reason}", flush=True)


def main(module, counts):
    path = TESTS / module
    sys.path[:0] = [str(path.parent), str(TESTS)]
    suite = unittest.defaultTestLoader.loadTestsFromName(path.stem)
    result = unittest.TextTestRunner(resultclass=Result, stream=sys.stdout).run(suite)
    # A test that was to fail and did not is out of date.
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    passed = result.passed + len(result.expectedFailures)
    with open(counts, "w") as file:
        json.dump({"passed": passed, "failed": failed, "skipped": len(result.skipped)}, file)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
