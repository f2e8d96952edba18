"""What this process holds because it created it, so that a closed object can be found until its creator ends.

A descriptor is held for each such object; a forked child gives up its copies. An object that another process unlinked
is noticed when the next ones are created, two looks at a time, and at once when there is no room.

Owns: the descriptors. Leaves to others: names and lifetimes (the store).
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ._shmfs import Object, Store

T = TypeVar("T")

_LOOKS_PER_CREATION = 2


class Created:
    """The objects that this process created with `Lifetime.LAST_USER` and has not seen unlinked."""

    def __init__(self) -> None:
        self._objects: dict[tuple[Path, str], tuple[Store, Object]] = {}
        self._queue: deque[tuple[Path, str]] = deque()
        os.register_at_fork(after_in_child=self._forget)

    def __len__(self) -> int:
        return len(self._objects)

    def hold(self, store: Store, name: str, object: Object) -> None:
        """Holds an object that was created just now."""
        self._look(_LOOKS_PER_CREATION)
        key = (store.dir, name.lstrip("/"))
        if key not in self._objects:
            self._queue.append(key)
        self._objects[key] = (store, object)

    def let_go(self, store: Store, name: str) -> None:
        """Holds it no more: its name goes."""
        self._objects.pop((store.dir, name.lstrip("/")), None)

    def with_room(self, create: Callable[[], T]) -> T:
        """Creates something; if there is no room, once more after all was given back that has lost its name."""
        try:
            return create()
        except OSError as error:
            if error.errno != errno.ENOSPC or not self._look(len(self._queue)):
                raise
            return create()

    def _look(self, looks: int) -> int:
        """Looks at that many, those first that were not looked at for longest. Returns how many it gave back."""
        before = len(self._objects)
        for _ in range(min(looks, len(self._queue))):
            try:
                key = self._queue.popleft()
            except IndexError:
                # Another thread looks at it.
                break
            found = self._objects.get(key)
            if found and _is_named(*found, key[1]):
                self._queue.append(key)
            else:
                self._objects.pop(key, None)
        return before - len(self._objects)

    def _forget(self) -> None:
        self._objects.clear()
        self._queue.clear()


def _is_named(store: Store, object: Object, name: str) -> bool:
    """Whether the name still is this object's. An error that says nothing about it leaves it as it is."""
    try:
        now = os.fstat(store.open_object(name, read_only=True).fileno())
    except FileNotFoundError:
        return False
    except OSError:
        return True
    mine = os.fstat(object.fileno())
    return (now.st_dev, now.st_ino) == (mine.st_dev, mine.st_ino)
