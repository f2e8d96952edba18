"""CPython's tests with processes that are started by fork."""

import cases

cases.install(globals(), "fork")
