"""CPython's own tests of multiprocessing, with the import of one module changed.

The source is the installed interpreter's (package `test`). It is changed in memory: what was imported from
`multiprocessing.shared_memory` comes from `shmfs.shared_memory`. The processes that the tests start import this module
as well, and thus the same tests.

Owns: the change of the import. Leaves to others: which tests run, and how (`cases`).
"""

import importlib.util

IMPORTS = {
    "from multiprocessing import shared_memory": "from shmfs import shared_memory",
    "from multiprocessing.shared_memory import": "from shmfs.shared_memory import",
    "'multiprocessing.shared_memory.": "'shmfs.shared_memory.",
}


def _rewritten():
    spec = importlib.util.find_spec("test._test_multiprocessing")
    source = spec.loader.get_source(spec.name)
    for theirs, ours in IMPORTS.items():
        if theirs not in source:
            raise ImportError(f"CPython's tests do not say {theirs!r} any more")
        source = source.replace(theirs, ours)
    return compile(source, f"{spec.origin} (rewritten)", "exec")


exec(_rewritten(), globals())
