"""The types of the native side. Sizes and offsets are in bytes. What fails raises `OSError` with errno."""

from builtins import list as _list
from collections.abc import Sequence
from datetime import datetime
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self, SupportsIndex, final

from typing_extensions import Buffer

from ._values import Advice, Lifetime, Seals

class _HasFileno(Protocol):
    def fileno(self) -> int: ...

_Descriptor = int | _HasFileno
# An enum of strings: the words do as well.
_Lifetime = Lifetime | Literal["process", "last-user", "until-removed", "durable"]
_Shape = SupportsIndex | Sequence[SupportsIndex]

def install_guard() -> None:
    """Makes `OSError`s of accesses to pages that are gone, where `read` and `write` copy.

    What NumPy or a memoryview touches itself ends the program all the same, after a line that names object and cause.
    It takes SIGBUS; `faulthandler` takes it too, and the one that comes last has it.
    """

def ftok(path: str | PathLike[str], project: int) -> int:
    """The System V key of a file and a project, as ftok(3)."""

@final
class Store:
    """A store: objects with names, segments with keys, and a broker that keeps them."""

    @staticmethod
    def open() -> Store:
        """The store that applies: SHMFS_STORE, or the user's, or the system's; the user's is started if none runs.

        Raises `FileNotFoundError` where none runs and the program `shm` is not found. `shmfs.default_store()` keeps one
        in this process then.
        """
    @staticmethod
    def named(name: str) -> Store:
        """The running store of this name. Raises `ConnectionRefusedError` where there is none."""
    @staticmethod
    def at(dir: str | PathLike[str]) -> Store:
        """The running store in this directory. Raises `ConnectionRefusedError` where there is none."""
    @staticmethod
    def user() -> Store:
        """The user's store, which is started if it does not run."""
    @staticmethod
    def system() -> Store:
        """The system's store."""
    @staticmethod
    def private(*, size: int | None = None, state: str | PathLike[str] | None = None) -> Store:
        """A store of its own, kept by the program `shm`. It ends with this process and the last that has joined it.

        `state` is the directory of its durable objects.
        """
    @staticmethod
    def embedded(*, size: int | None = None, state: str | PathLike[str] | None = None) -> Store:
        """A store of its own, kept by a thread of this process, with which it ends."""
    @property
    def dir(self) -> Path:
        """Its directory."""
    def environment(self) -> dict[str, str]:
        """What a child needs in its environment to join it."""
    def create(
        self,
        name: str,
        size: int,
        *,
        mode: int = 0o600,
        lifetime: _Lifetime = ...,
        guarded: bool = False,
    ) -> Object:
        """Creates an object. Raises `FileExistsError` where the name is taken; ENOSPC where there is no room."""
    def open_object(self, name: str, *, read_only: bool = False) -> Object:
        """Opens an object. Raises `FileNotFoundError` where there is none of this name."""
    def open_or_create(
        self,
        name: str,
        size: int,
        *,
        mode: int = 0o600,
        lifetime: _Lifetime = ...,
        guarded: bool = False,
    ) -> tuple[Object, bool]:
        """Opens an object or creates it, and says whether it was created: by one of those who try at the same time."""
    def anonymous(self, label: str, size: int) -> Object:
        """An object without a name, which the store lists under its label while anybody holds it."""
    def unlink(self, name: str) -> None:
        """Takes a name away."""
    def create_segment(
        self, key: int, size: int, *, mode: int = 0o600, lifetime: _Lifetime = ...
    ) -> Segment:
        """Creates a System V segment. Raises `FileExistsError` where the key is taken."""
    def open_segment(self, key: int) -> Segment:
        """Finds the System V segment of this key."""
    def open_or_create_segment(
        self, key: int, size: int, *, mode: int = 0o600, lifetime: _Lifetime = ...
    ) -> tuple[Segment, bool]:
        """Finds the System V segment of this key or creates it, and says whether it was created."""
    def private_segment(self, size: int) -> Segment:
        """Creates a System V segment without a key (IPC_PRIVATE)."""
    def segment_by_id(self, shmid: int) -> Segment:
        """Finds the System V segment of this id."""
    def list(self) -> _list[Entry]:
        """Everything in it."""
    def usage(self) -> Usage:
        """How much it holds, and what it has served."""
    def __reduce__(self) -> tuple[Any, ...]: ...

@final
class Object:
    """Shared memory that is open in this process. It owns one descriptor."""

    @staticmethod
    def anonymous(size: int) -> Object:
        """An object without a name and a store (memfd_create(2))."""
    @staticmethod
    def anonymous_huge(size: int, log2: int) -> Object:
        """The same, of huge pages of 2**log2 bytes."""
    @staticmethod
    def from_fd(fd: _Descriptor) -> Object:
        """The object behind a descriptor, which is duplicated."""
    @staticmethod
    def receive_from(socket: _Descriptor) -> Object:
        """Takes an object that another process gives by `send_to`. Waits if the socket blocks."""
    def send_to(self, socket: _Descriptor) -> None:
        """Gives it to the process at the other end of a unix socket."""
    @property
    def name(self) -> str | None: ...
    @property
    def size(self) -> int:
        """Its size now."""
    def resize(self, size: int) -> None:
        """Gives it another size. Raises `PermissionError` where a seal forbids it."""
    def seal(self, seals: Seals) -> None:
        """Puts seals on it, for ever."""
    @property
    def seals(self) -> Seals: ...
    def punch_hole(self, offset: int, size: int) -> None:
        """Gives the memory of a range back; who reads there finds zeros."""
    def unlink(self) -> None:
        """Takes its name away."""
    def map(
        self,
        *,
        read_only: bool = False,
        private: bool = False,
        offset: int = 0,
        size: int | None = None,
        huge: bool = False,
        populate: bool = False,
        locked: bool = False,
        guarded: bool = False,
    ) -> Mapping:
        """Maps it, or a part of it."""
    def array(
        self,
        shape: _Shape,
        dtype: Any = None,
        *,
        offset: int = 0,
        order: str = "C",
        read_only: bool = False,
    ) -> Any:
        """A NumPy array over it, which holds the memory. Raises `ImportError` without NumPy."""
    def guard(self) -> Guard:
        """A lock for `with`: snapshots of a guarded object wait for it, and so do others that take it."""
    def durable(self) -> Durable:
        """What edits it in epochs, if its lifetime is `DURABLE`."""
    def fileno(self) -> int: ...
    @property
    def closed(self) -> bool: ...
    def close(self) -> None:
        """Closes the descriptor. Mappings stay."""
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

@final
class Mapping(Buffer):
    """Pages of an object or a file in this process; `memoryview` and NumPy take it as it is."""

    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    @property
    def readonly(self) -> bool: ...
    @property
    def address(self) -> int: ...
    def read(self, offset: int = 0, size: int | None = None) -> bytes:
        """A copy of some bytes."""
    def write(self, offset: int, data: Buffer) -> None:
        """Copies bytes in."""
    def flush(self, offset: int = 0, size: int | None = None) -> None:
        """Writes changes to the medium and waits (msync(2))."""
    def flush_async(self, offset: int = 0, size: int | None = None) -> None:
        """Says that changes are to be written to the medium."""
    def advise(self, advice: Advice, offset: int = 0, size: int | None = None) -> None:
        """Says how a range will be used."""
    def lock(self, offset: int = 0, size: int | None = None) -> None:
        """Keeps pages in memory (mlock(2))."""
    def unlock(self, offset: int = 0, size: int | None = None) -> None: ...
    def resident(self) -> int:
        """How many of its pages of 4096 bytes are in memory."""
    def array(self, shape: _Shape, dtype: Any = None, *, offset: int = 0, order: str = "C") -> Any:
        """A NumPy array over it, which holds the memory."""
    @property
    def views(self) -> int:
        """How many views of it exist: those that a memoryview has been given, with its slices, count as one."""
    @property
    def closed(self) -> bool: ...
    def close(self) -> None:
        """Unmaps it. Raises `BufferError` while a view of it exists, or what `array` or `np.frombuffer` made.

        What `np.ndarray(buffer=mapping)` made is not counted by NumPy, and shows nothing any more.
        """
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

@final
class MappedFile:
    """An ordinary file, mapped shared. Access past its end is an error, and no bus error."""

    @staticmethod
    def open(path: str | PathLike[str], *, read_only: bool = False) -> MappedFile: ...
    @staticmethod
    def create(path: str | PathLike[str], size: int) -> MappedFile:
        """Makes a file, which must not exist."""
    @property
    def size(self) -> int:
        """The file's size now."""
    @property
    def readonly(self) -> bool: ...
    def read(self, offset: int = 0, size: int | None = None) -> bytes: ...
    def write(self, offset: int, data: Buffer) -> None: ...
    def grow(self, size: int) -> None:
        """Makes the file at least that large."""
    def refresh(self) -> None:
        """Shows what others have added."""
    def map(self, offset: int = 0, size: int | None = None) -> Mapping:
        """A mapping of its own, which begins at a page."""
    def flush(self, offset: int = 0, size: int | None = None) -> None:
        """Writes changes to the disk and waits."""
    def flush_async(self, offset: int = 0, size: int | None = None) -> None: ...
    def advise(self, advice: Advice, offset: int = 0, size: int | None = None) -> None: ...
    def punch_hole(self, offset: int, size: int) -> None: ...
    def fileno(self) -> int: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

@final
class Durable:
    """A durable object that is edited in epochs: after a crash it is as it was at the last `persist`.

    With `with`, the block is persisted at its end, or rolled back where it raises.
    """

    @property
    def epoch(self) -> int:
        """The last epoch that was persisted."""
    @property
    def buf(self) -> memoryview:
        """All of it, for reading."""
    def edit(self, offset: int = 0, size: int | None = None) -> memoryview:
        """Saves the old bytes of a range and gives it for writing, until the epoch ends: then the view is released.

        The first edit waits while another process is editing. An array that was made of the view outlives the epoch;
        what is written by it then is not saved.
        """
    def write(self, offset: int, data: Buffer) -> None:
        """Edits a range and copies bytes in."""
    def persist(self) -> int:
        """Makes the edits last, and returns the epoch that they are."""
    def roll_back(self) -> int:
        """Undoes the edits since the last epoch, and returns how many bytes that were."""
    def close(self) -> None:
        """Undoes what was not persisted. Raises `BufferError` while a view of it exists."""
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

@final
class Guard:
    """An object's lock, for `with`."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

@final
class Segment:
    """A System V segment."""

    @property
    def id(self) -> int: ...
    @property
    def key(self) -> int:
        """0 where it has none, or is removed."""
    @property
    def size(self) -> int: ...
    def attach(self, *, read_only: bool = False) -> Mapping:
        """Maps it. It is detached when the mapping is closed."""
    def stat(self) -> dict[str, Any]:
        """Its state: key, size, uid, gid, mode, removed, attaches, creator, last, attached, detached, changed."""
    def set(self, uid: int, gid: int, mode: int) -> None:
        """Gives it another owner, group and mode (IPC_SET)."""
    def durable(self) -> Durable:
        """What edits it in epochs, if its lifetime is `DURABLE`."""
    def remove(self) -> None:
        """Marks it; it goes with its last attach."""

@final
class Entry:
    """One object of a store, as `Store.list()` found it."""

    number: int
    """Its number in the store, which no other object ever has there."""
    kind: Literal["segment", "object", "semaphore", "anonymous", "other"]
    name: str | None
    """Its name while it has one; the label of anonymous memory."""
    shmid: int | None
    key: int | None
    size: int
    allocated: int
    """What of it is in memory."""
    attaches: int | None
    mode: int
    uid: int
    gid: int
    creator: int
    """The process that created it."""
    removed: bool
    """It has lost its name, and somebody uses it."""
    lifetime: Lifetime
    guarded: bool
    created: datetime

@final
class Usage:
    """What a store uses and has served."""

    size: int
    """The limit."""
    used: int
    """Charged against the limit, in whole pages."""
    peak: int
    allocated: int
    """In memory."""
    segments: int
    objects: int
    anonymous: int
    unnamed: int
    """Objects without a name that processes still hold."""
    clients: int
    restarts: int
    """How often the broker was started anew."""
    broker: int
    """The broker's process."""
    def calls(self, name: str) -> int:
        """How many calls of this C function were served: "shm_open", "shmget".

        Raises `KeyError` for a name that is not counted.
        """
