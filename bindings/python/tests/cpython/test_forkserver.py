"""CPython's tests with processes that are started by forkserver."""

import cases

cases.install(globals(), "forkserver")
