"""How a `ShareableList` lies in memory.

It is CPython's layout, so that programs under `shm run` and programs of this package read each other's lists.

    number of items          int64
    offsets                  int64 for each item and one for the end, from the start of the data
    data                     each item in its own 8-byte units
    formats                  8 bytes for each item: a format of `struct`, filled up with NUL
    kinds                    1 byte for each item: what its bytes are to become again

Owns: formats, kinds, offsets. Leaves to others: the memory itself (`shared_memory`).
Not done: NULs at the end of a str or of bytes are lost, because the layout has no room for their length.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

Item = int | float | bool | str | bytes | None

UNIT_BYTES = 8
FORMAT_BYTES = 8

# The kinds of the layout.
PLAIN, TEXT, BYTES, NOTHING = range(4)

_FIXED: dict[type, str] = {int: "q", float: "d", bool: "xxxxxxx?", type(None): "xxxxxx?x"}


def text_bytes(value: str | bytes) -> bytes:
    """The bytes of text."""
    return value.encode("utf-8") if isinstance(value, str) else value


def kind_of(value: Item) -> int:
    """What the value's bytes are to become again."""
    if isinstance(value, str):
        return TEXT
    if isinstance(value, bytes):
        return BYTES
    return NOTHING if value is None else PLAIN


def text_format(size: int) -> str:
    """The format of a str or of bytes that has this many bytes of room."""
    return f"{size}s"


def fixed_format(value: Item) -> str:
    """The format of what is neither str nor bytes.

    Raises `KeyError` for types that have no place in a list, as CPython does.
    """
    return _FIXED[type(value)]


def format_of(value: Item) -> str:
    """The format that an item gets when its list is made."""
    if not isinstance(value, (str, bytes)):
        return fixed_format(value)
    # CPython's room, which counts characters; and more where they have more bytes.
    room = UNIT_BYTES * (len(value) // UNIT_BYTES + 1)
    form = text_format(max(room, -(-len(text_bytes(value)) // UNIT_BYTES) * UNIT_BYTES))
    if len(form) > FORMAT_BYTES:
        raise ValueError(f"an item of {len(value)} characters or bytes is too long for a ShareableList")
    return form


def decoded(kind: int, value: int | float | bool | bytes) -> Item:
    """The value that was put in, from what `struct` gives."""
    if kind == NOTHING:
        return None
    if not isinstance(value, bytes):
        return value
    text = value.rstrip(b"\0")
    return text.decode("utf-8") if kind == TEXT else text


class Places:
    """Where the parts of a list lie, in bytes from the start of its memory."""

    def __init__(self, offsets: Sequence[int]) -> None:
        self.offsets = list(offsets)
        self.count = len(self.offsets) - 1
        self.data = (self.count + 2) * 8
        self.formats = self.data + self.offsets[-1]
        self.kinds = self.formats + self.count * FORMAT_BYTES
        self.total = self.kinds + self.count

    @classmethod
    def of_formats(cls, formats: Sequence[str]) -> Places:
        """The places of a list that is to be made."""
        offsets = [0]
        for form in formats:
            offsets.append(offsets[-1] + struct.calcsize(form))
        return cls(offsets)

    @classmethod
    def of_memory(cls, memory: memoryview) -> Places:
        """The places of a list that exists.

        Raises `ValueError` where the memory holds none: another process may have written anything.
        """
        count = struct.unpack_from("q", memory, 0)[0] if len(memory) >= 16 else -1
        if not 0 <= count <= (len(memory) - 16) // 8:
            raise ValueError(f"these {len(memory)} bytes are no ShareableList")
        places = cls(struct.unpack_from(f"{count + 1}q", memory, 8))
        steps = zip(places.offsets, places.offsets[1:])
        in_order = places.offsets[0] == 0 and all(start + UNIT_BYTES <= end for start, end in steps)
        if not in_order or places.total > len(memory):
            raise ValueError(f"these {len(memory)} bytes are no ShareableList")
        return places

    def write(self, memory: memoryview, formats: Sequence[str], values: Sequence[Item]) -> None:
        """Writes a whole list."""
        struct.pack_into(f"{self.count + 2}q", memory, 0, self.count, *self.offsets)
        for position, (form, value) in enumerate(zip(formats, values)):
            self.write_item(memory, position, form, value)

    def write_item(self, memory: memoryview, position: int, form: str, value: Item) -> None:
        """Writes one item with its format and kind."""
        stored = text_bytes(value) if isinstance(value, (str, bytes)) else value
        struct.pack_into(form, memory, self.data + self.offsets[position], stored)
        struct.pack_into(f"{FORMAT_BYTES}s", memory, self.formats + position * FORMAT_BYTES, form.encode())
        memory[self.kinds + position] = kind_of(value)

    def read_item(self, memory: memoryview, position: int) -> Item:
        """Reads one item."""
        form = self.format_at(memory, position)
        (value,) = struct.unpack_from(form, memory, self.data + self.offsets[position])
        return decoded(memory[self.kinds + position], value)

    def format_at(self, memory: memoryview, position: int) -> str:
        """The format of one item."""
        start = self.formats + position * FORMAT_BYTES
        return bytes(memory[start : start + FORMAT_BYTES]).rstrip(b"\0").decode()

    def room_at(self, position: int) -> int:
        """Bytes that one item has room for."""
        return self.offsets[position + 1] - self.offsets[position]
