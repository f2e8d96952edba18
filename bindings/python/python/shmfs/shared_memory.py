"""`SharedMemory` and `ShareableList` with the interface of `multiprocessing.shared_memory`, without a resource tracker.

    from shmfs import shared_memory      # instead of: from multiprocessing import shared_memory

An object made here has `Lifetime.LAST_USER` unless another is asked for. Whoever has it open is a user; so is the
process that created it, from the creation to its `unlink()` or its end, whatever it closes in between. Nothing that
anybody uses is ever unlinked, and what was killed leaves nothing.

Owns: the two classes, and which objects this process still holds as their creator.
Leaves to others: which store (`_stores`), the layout of a list (`_packing`), memory (`_shmfs`).
Not done: CPython keeps a name until the last process of the creator's tree has ended; here it goes with the last that
uses it. A child that creates, closes, tells its name and ends passes nothing on: ask for `Lifetime.UNTIL_REMOVED`.
What another process unlinks after its creator closed it keeps its pages until the creator creates something or ends.
"""

from __future__ import annotations

import os
import secrets
import types
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from . import _packing, _stores
from ._created import Created
from ._packing import Item
from ._shmfs import Mapping, Object, Store
from ._values import Lifetime

__all__ = ["SharedMemory", "ShareableList"]

# What CPython's tests look for. No name is unlinked by a process that merely looked at it, and names begin as theirs.
_USE_POSIX = True
_SHM_NAME_PREFIX = "/psm_"
_RANDOM_BYTES = 8

_created = Created()
_stores.prepare()


def _make_filename() -> str:
    """A name that nobody has yet, as good as certainly."""
    return _SHM_NAME_PREFIX + secrets.token_hex(_RANDOM_BYTES)


def _checked(name: str) -> str:
    if "\0" in name:
        raise ValueError("embedded null character in the name")
    return name


class SharedMemory:
    """A piece of memory that processes find by its name.

    `create=True` makes one of `size` bytes; without a name it gets one. Otherwise `name` is opened, and `size` says
    nothing. `lifetime` and `store` are those of the object that is made or opened; `track` is accepted and means
    nothing, because nothing is tracked.

    Raises `FileExistsError`, `FileNotFoundError` and other `OSError`s with their errno; `ValueError` for sizes and
    names that cannot be.
    """

    _name: str | None = None
    _mmap: Mapping | None = None
    _buf: memoryview | None = None
    _size = 0
    _flags = os.O_RDWR
    _mode = 0o600

    def __init__(
        self,
        name: str | None = None,
        create: bool = False,
        size: int = 0,
        *,
        track: bool | None = None,
        lifetime: Lifetime = Lifetime.LAST_USER,
        store: Store | None = None,
    ) -> None:
        if size < 0 or create and size == 0:
            raise ValueError("'size' must be a positive number different from zero")
        if create:
            self._flags = os.O_CREAT | os.O_EXCL | os.O_RDWR
        if name is None and not self._flags & os.O_EXCL:
            raise ValueError("'name' can only be None if create=True")
        self._store = _stores.default() if store is None else store
        object = self._open(name, size, lifetime)
        try:
            self._mmap = object.map()
        except OSError:
            if create:
                self.unlink()
            raise
        self._size = len(self._mmap)
        self._buf = memoryview(self._mmap)

    def _open(self, name: str | None, size: int, lifetime: Lifetime) -> Object:
        if name is not None:
            self._name = "/" + name
            return self._open_named(name, size, lifetime)
        while True:
            self._name = _make_filename()
            try:
                return self._open_named(self._name, size, lifetime)
            except FileExistsError:
                continue

    def _open_named(self, name: str, size: int, lifetime: Lifetime) -> Object:
        flags = self._flags
        if not flags & os.O_CREAT or not flags & os.O_EXCL and size == 0:
            return self._store.open_object(_checked(name), read_only=not flags & os.O_RDWR)
        _checked(name)
        create = self._store.create if flags & os.O_EXCL else self._store.open_or_create
        made = _created.with_room(lambda: create(name, size, mode=self._mode, lifetime=lifetime))
        object, is_made = made if isinstance(made, tuple) else (made, True)
        if is_made and lifetime == Lifetime.LAST_USER:
            _created.hold(self._store, name, object)
        return object

    def __del__(self) -> None:
        # Arrays over the memory may live on: the last of them unmaps it.
        self._buf = self._mmap = None

    def __reduce__(self) -> tuple[Any, ...]:
        if self._store.dir == _stores.default().dir:
            return self.__class__, (self.name, False, self.size)
        return partial(self.__class__, store=self._store), (self.name, False, self.size)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.name!r}, size={self.size})"

    @property
    def buf(self) -> memoryview:
        """The memory; `None` once it is closed."""
        return self._buf  # type: ignore[return-value]

    @property
    def name(self) -> str:
        """What others open it by."""
        return self._name.removeprefix("/")  # type: ignore[union-attr]

    @property
    def size(self) -> int:
        """Its bytes."""
        return self._size

    def close(self) -> None:
        """Gives up this process's view of the memory.

        Raises `BufferError` while other views of `buf` exist. Arrays of `np.ndarray(buffer=memory.buf)` are none, and
        stay good.
        """
        if self._buf is not None:
            self._buf.release()
            self._buf = None
        if self._mmap is not None and self._mmap.views:
            raise BufferError(f"cannot close {self!r}: {self._mmap.views} views of it exist")
        # NumPy counts no view for `np.ndarray(buffer=memory.buf)`: it merely keeps the mapping, which the last array
        # unmaps.
        self._mmap = None

    def unlink(self) -> None:
        """Takes its name away. The memory lives on for those who have it open.

        Raises `FileNotFoundError` when it has no name any more.
        """
        if self._name is not None:
            try:
                self._store.unlink(_checked(self._name))
            except FileNotFoundError:
                _created.let_go(self._store, self._name)
                raise
            _created.let_go(self._store, self._name)


class ShareableList:
    """A list of a fixed number of ints, floats, bools, strs, bytes and Nones in shared memory.

    Made of a `sequence`, or opened by its `name`. Items can be replaced, also by another type; a str or bytes may have
    as many bytes as the place has room for. NULs at their end are lost. The memory is `shm`.
    """

    shm: SharedMemory

    def __init__(
        self,
        sequence: Iterable[Item] | None = None,
        *,
        name: str | None = None,
        lifetime: Lifetime = Lifetime.LAST_USER,
        store: Store | None = None,
    ) -> None:
        if sequence is None and name is not None:
            self.shm = SharedMemory(name, store=store)
            self._places = _packing.Places.of_memory(self.shm.buf)
            return
        values = list(sequence or ())
        formats = [_packing.format_of(value) for value in values]
        self._places = _packing.Places.of_formats(formats)
        self.shm = SharedMemory(name, create=True, size=self._places.total, lifetime=lifetime, store=store)
        self._places.write(self.shm.buf, formats, values)

    def _position(self, position: int, what: str) -> int:
        count = self._places.count
        if not -count <= position < count:
            raise IndexError(f"{what} out of range")
        return position % count

    def _get_packing_format(self, position: int) -> str:
        position = self._position(position, "position")
        return self._places.format_at(self.shm.buf, position)

    def __getitem__(self, position: int) -> Item:
        return self._places.read_item(self.shm.buf, self._position(position, "index"))

    def __setitem__(self, position: int, value: Item) -> None:
        position = self._position(position, "assignment index")
        form = self._places.format_at(self.shm.buf, position)
        if not isinstance(value, (str, bytes)):
            form = _packing.fixed_format(value)
        else:
            room = self._places.room_at(position)
            size = len(_packing.text_bytes(value))
            if size > room:
                raise ValueError(f"bytes/str item exceeds available storage: {size} bytes, {room} at most")
            if not form.endswith("s"):
                form = _packing.text_format(room)
        self._places.write_item(self.shm.buf, position, form, value)

    def __iter__(self) -> Iterator[Item]:
        return (self[position] for position in range(len(self)))

    def __len__(self) -> int:
        return self._places.count

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({list(self)}, name={self.shm.name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.shm._store.dir == _stores.default().dir:
            return partial(self.__class__, name=self.shm.name), ()
        return partial(self.__class__, name=self.shm.name, store=self.shm._store), ()

    @property
    def format(self) -> str:
        """The formats of all items, one after the other."""
        return "".join(self._get_packing_format(position) for position in range(len(self)))

    def count(self, value: object) -> int:
        """How many items equal the value."""
        return sum(item == value for item in self)

    def index(self, value: object) -> int:
        """The position of the first item that equals the value.

        Raises `ValueError` when there is none.
        """
        for position, item in enumerate(self):
            if item == value:
                return position
        raise ValueError(f"{value!r} is not in this list")

    def __class_getitem__(cls, item: Any, /) -> types.GenericAlias:
        return types.GenericAlias(cls, item)
