"""Shared memory of every kind that Linux has, which cleans up after itself.

    import numpy as np, shmfs

    store = shmfs.default_store()
    frames = store.create("frames", 1 << 20).array((512, 512), np.float32)

`shmfs.shared_memory` takes the place of `multiprocessing.shared_memory`. The README shows the rest.
"""

from ._shmfs import (
    Durable,
    Entry,
    Guard,
    MappedFile,
    Mapping,
    Object,
    Segment,
    Store,
    Usage,
    ftok,
    install_guard,
)
from ._stores import default as default_store
from ._values import Advice, Lifetime, Seals
from .shared_memory import ShareableList, SharedMemory

__all__ = [
    "Advice",
    "Durable",
    "Entry",
    "Guard",
    "Lifetime",
    "MappedFile",
    "Mapping",
    "Object",
    "Seals",
    "Segment",
    "ShareableList",
    "SharedMemory",
    "Store",
    "Usage",
    "default_store",
    "ftok",
    "install_guard",
]
