"""The values that callers choose from.

Owns: their Python names. Leaves to others: what they mean (the Rust crate `shmfs`).
"""

import enum

__all__ = ["Advice", "Lifetime", "Seals"]


class Lifetime(enum.StrEnum):
    """How long an object lives."""

    PROCESS = "process"
    """Its name goes with the process that created it."""
    LAST_USER = "last-user"
    """Its name goes when nobody holds it any more."""
    UNTIL_REMOVED = "until-removed"
    """Until its name is taken away and nobody holds it: Linux's rule."""
    DURABLE = "durable"
    """It outlives the store and the machine: a file in the store's state directory."""


class Seals(enum.IntFlag):
    """What nobody can do to an object any more. The numbers are Linux's (fcntl(2), F_ADD_SEALS)."""

    SEAL = 0x0001
    """Add seals."""
    SHRINK = 0x0002
    """Make it smaller."""
    GROW = 0x0004
    """Make it larger."""
    WRITE = 0x0008
    """Write to it, or map it for writing."""
    FUTURE_WRITE = 0x0010
    """Write to it but by mappings that exist."""


class Advice(enum.StrEnum):
    """How memory will be used (madvise(2))."""

    NORMAL = "normal"
    RANDOM = "random"
    SEQUENTIAL = "sequential"
    WILL_NEED = "will-need"
    DONT_NEED = "dont-need"
    COLD = "cold"
    PAGE_OUT = "page-out"
    HUGE_PAGE = "huge-page"
    NO_HUGE_PAGE = "no-huge-page"
    POPULATE_READ = "populate-read"
    POPULATE_WRITE = "populate-write"
    DONT_DUMP = "dont-dump"
    DO_DUMP = "do-dump"
