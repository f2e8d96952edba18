"""Which store applies in this process.

SHMFS_STORE names it, or else it is the user's or the system's, which is started where the program `shm` is found.
Where none runs and `shm` is not found, a thread of this process keeps one: its environment is handed to all children,
which join it, and it ends with this process.

Owns: the store that applies, one for the process and for those that it forks.
Leaves to others: finding and starting stores (the Rust crate `shmfs`).
"""

from __future__ import annotations

import os
import shutil
import threading

from ._shmfs import Store

_PROGRAM = "shm"

_lock = threading.Lock()
_store: Store | None = None

# No child finds the lock taken by a thread that it does not have.
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def default() -> Store:
    """The store that applies; it is found or started at the first call."""
    global _store
    with _lock:
        if _store is None:
            _store = _open()
        return _store


def prepare() -> None:
    """Finds the store already now, if this process would have to keep it.

    Children that are forked, or started by a fork server, before the first object is made would not know of it later.
    """
    if os.environ.get("SHMFS_STORE") or _program():
        return
    try:
        default()
    except OSError:
        # Whoever needs a store will be told.
        pass


def _open() -> Store:
    try:
        return Store.open()
    except FileNotFoundError:
        # Nothing runs, and there is no program that would start it.
        store = Store.embedded()
        os.environ.update(store.environment())
        return store


def _program() -> str | None:
    return os.environ.get("SHMFS_PROGRAM") or shutil.which(_PROGRAM)


def at(dir: os.PathLike[str]) -> Store:
    """The store in this directory: the one that applies, if it is that one."""
    if _store is not None and _store.dir == dir:
        return _store
    return Store.at(dir)
