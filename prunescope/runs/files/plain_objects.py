"""Every object of a result file is a plain value of its own, and no larger than the file explains.

HDF5 can lead a reader elsewhere: links to other files, data that lie outside of the file, texts and arrays that claim
any size, chunks that unpack to gigabytes. None of that is in a result, and a file with any of it is refused before a
value is read.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from h5py import h5a, h5d, h5g, h5l, h5o, h5t, h5z

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = (h5t.INTEGER, h5t.FLOAT, h5t.STRING, h5t.ENUM)
"""What values may be made of."""

FILTERS = (h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32)
"""What data may be packed with, once each; HDF5 loads a library of the machine's for others."""

DEEPEST = 8

MOST_OBJECTS = 20_000
"""Groups and arrays of a result."""

PACKED = 1100
"""How many times larger deflate's output can be than its input."""

SLACK = 1 << 20
"""Bytes that values may claim beyond what their file explains."""

LARGEST = 1 << 30
"""Bytes beyond 4 times the file that its values may take: half of what the whole process may."""

OF_A_NUMBER = 128
"""Bytes that a number takes on its way into a report, as an object of Python and as text; one of a mask takes 1."""

OF_A_CHUNK = 1024
"""Bytes, at most, that HDF5 takes for each chunk of an array, whether or not it is in the file."""

UNREAD = 1 << 28
"""Bytes that texts may take before each is read and counted."""

CHECKSUM = 4
"""Bytes that FILTER_FLETCHER32 adds to a chunk."""


@dataclass(kw_only=True)
class Room:
    """What the objects of a file may still take."""

    size: int
    """Bytes of the file."""
    values: int
    """Bytes of values in memory."""
    packed: int
    """Bytes of packed chunks: not more than the file has, however many arrays share them."""
    objects: int
    texts: int = 0
    """Texts of any length so far: many may be one in the file."""

    def take(self, count: int, place: str, what: str) -> None:
        """Take bytes of values; ValueError, which names the object, where there are none left."""
        self.values -= count
        if self.values < 0:
            raise foreign(place, what)


def room_of(file: Any) -> Room:  # noqa: ANN401 - h5py has no types
    """Return what the objects of a file may take."""
    size = file.get_filesize()
    values = min(PACKED * size + SLACK, 4 * size + LARGEST)
    return Room(size=size, values=values, packed=size, objects=MOST_OBJECTS)


def check_objects(file: Any, *, with_mask: bool = True) -> None:  # noqa: ANN401 - h5py has no types
    """Raise ValueError, which names the object, where one leads elsewhere, or claims too much.

    with_mask: whether the mask will be read, which takes longer to check.
    """
    root, room = h5g.open(file, b"/"), room_of(file)
    seen: set[object] = set()
    waiting = [(root, "/", 0)]
    _check_attributes(root, "/", room)
    while waiting:
        group, name, depth = waiting.pop()
        for key in group:
            place = f"{name.rstrip('/')}/{_text_of(key)}"
            made = open_link(group, key, place, room)
            address = h5o.get_info(made).addr
            if address in seen or depth >= DEEPEST:
                raise foreign(place, "lies in a circle, or too deep")
            seen.add(address)
            if isinstance(made, h5g.GroupID):
                waiting.append((made, place, depth + 1))
            else:
                check_array(made, place, room, unpacks=with_mask or not place.startswith("/mask/"))
            _check_attributes(made, place, room)


def open_array(file: Any, place: bytes, room: Room) -> Any:  # noqa: ANN401 - h5py has no types
    """Return the array under a path, None where there is nothing; as strict as `check_objects`, and quicker for one."""
    root, parts = h5g.open(file, b"/"), place.split(b"/")
    links = root.links  # it does not keep the group open by itself
    for depth in range(1, len(parts) + 1):
        name = b"/".join(parts[:depth])
        if not links.exists(name):
            return None
        if links.get_info(name).type != h5l.TYPE_HARD:
            raise foreign(name.decode(), "is a link to somewhere else")
    made = h5d.open(file, place)
    if made.get_offset() is None:  # not simply a stretch of this very file
        check_array(made, place.decode(), room)
    else:
        _take(made, place.decode(), room, each=OF_A_NUMBER)
    return made


def open_link(group: Any, key: bytes, place: str, room: Room) -> Any:  # noqa: ANN401 - h5py has no types
    """Return what lies under a name; ValueError where that is a link to somewhere else, or one object too many."""
    if group.links.get_info(key).type != h5l.TYPE_HARD:
        raise foreign(place, "is a link to somewhere else")
    room.objects -= 1
    if room.objects < 0:
        raise foreign(place, f"is one of more than {MOST_OBJECTS:,} objects")
    return h5o.open(group, key)


def check_array(made: Any, place: str, room: Room, *, unpacks: bool = True) -> None:  # noqa: ANN401 - h5py has no types
    """Raise ValueError where data lie outside of the file, are packed unusually, or take more than there is room.

    unpacks: whether packed data are looked at too, as they must be before they are read.
    """
    if not isinstance(made, h5d.DatasetID):
        raise foreign(place, "is neither a group nor an array")
    plan, kind = made.get_create_plist(), made.get_type()
    if plan.get_external_count() or plan.get_layout() not in (h5d.COMPACT, h5d.CONTIGUOUS, h5d.CHUNKED):
        raise foreign(place, "stores its data elsewhere")
    filters = [plan.get_filter(number)[0] for number in range(plan.get_nfilters())]
    if len(set(filters)) < len(filters) or not set(filters) <= set(FILTERS):
        raise foreign(place, "has an unknown compression filter")
    if kind.get_class() not in KINDS or _has_any_length(kind):
        raise foreign(place, "has a type other than numbers and texts")
    chunk = plan.get_chunk() if plan.get_layout() == h5d.CHUNKED else ()
    least = 1 if place.startswith("/mask/") else OF_A_NUMBER
    _take(made, place, room, each=max(kind.get_size(), least), chunk=chunk)
    if unpacks and h5z.FILTER_DEFLATE in filters:
        without = 1 << filters.index(h5z.FILTER_DEFLATE)
        _check_packed(made, place, room, most=prod(chunk) * kind.get_size() + CHECKSUM, without=without)


def _take(made: Any, place: str, room: Room, *, each: int, chunk: Sequence[int] = ()) -> None:  # noqa: ANN401 - h5py has no types
    """Take what the items of an array need, those that fill its last chunks too."""
    shape = made.shape or ()
    counts = [-(-size // length) for size, length in zip(shape, chunk, strict=False)]
    items = prod(counts) * prod(chunk) if chunk else prod(shape)
    more = prod(counts) * OF_A_CHUNK if chunk else 0
    room.take(items * each + more, place, f"has the shape {shape}, larger than the file")


def _check_packed(made: Any, place: str, room: Room, *, most: int, without: int) -> None:  # noqa: ANN401 - h5py has no types
    """Raise ValueError where a chunk becomes larger than it may when it is unpacked: HDF5 sets no limit.

    most: bytes of a chunk. without: the bit that marks a chunk which was written without being packed.
    """
    stored: list[Any] = []
    made.chunk_iter(stored.append)
    room.packed -= sum(each.size for each in stored)
    if room.packed < 0:
        raise foreign(place, "has more data than the file")
    for each in stored:
        mask, data = made.read_direct_chunk(each.chunk_offset)
        if not mask & without and not _unpacks_to(data, most):
            raise foreign(place, "is larger than its shape when it is unpacked")


def _unpacks_to(data: bytes, most: int) -> bool:
    """Whether these bytes are packed, and unpack to so many at most."""
    try:
        return len(zlib.decompressobj().decompress(data, most + 1)) <= most
    except zlib.error:
        return False


def _check_attributes(owner: Any, place: str, room: Room) -> None:  # noqa: ANN401 - h5py has no types
    for number in range(h5a.get_num_attrs(owner)):
        attribute = h5a.open(owner, index=number)
        _text_of(attribute.name)
        if attribute.shape is None:
            raise foreign(place, "has an empty attribute")
        _check_attribute(attribute, place, room)


def _check_attribute(attribute: Any, place: str, room: Room) -> None:  # noqa: ANN401 - h5py has no types
    """Raise ValueError where an attribute is no plain value, or takes more than there is room."""
    kind, what = attribute.get_type(), "has attributes larger than the format allows"
    room.take(attribute.get_storage_size(), place, what)
    if kind.get_class() not in KINDS or (_has_any_length(kind) and attribute.shape != ()):
        raise foreign(place, "has an attribute other than numbers and texts")
    if _has_any_length(kind):
        room.texts += 1
        if room.texts * room.size > UNREAD:
            room.take(len(read_text(attribute)), place, what)


def read_text(attribute: Any) -> str:  # noqa: ANN401 - h5py has no types
    """Return an attribute that is one text."""
    found = np.zeros((), dtype=attribute.dtype)
    attribute.read(found, h5t.py_create(found.dtype))
    text = found[()]
    return text.decode() if isinstance(text, bytes) else str(text)


def _has_any_length(kind: Any) -> bool:  # noqa: ANN401 - h5py has no types
    return isinstance(kind, h5t.TypeStringID) and bool(kind.is_variable_str())


def _text_of(name: bytes | str) -> str:
    """Return a name as text; ValueError where it is none."""
    try:
        return name if isinstance(name, str) else name.decode()
    except UnicodeDecodeError as error:
        raise foreign(repr(name), "is a name that is not UTF-8") from error


def foreign(place: str, what: str) -> ValueError:
    """Return the error for an object that is in no result."""
    return ValueError(f"{place!r} {what}")
