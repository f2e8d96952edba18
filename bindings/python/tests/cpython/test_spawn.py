"""CPython's tests with processes that are started by spawn."""

import cases

cases.install(globals(), "spawn")
