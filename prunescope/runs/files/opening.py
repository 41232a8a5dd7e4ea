"""Open a result file: its bytes are read once, compared with their digest, and only then given to HDF5.

The first 512 bytes of a file (HDF5's user block, which every reader skips) hold the id of the run, and the sha256 of it
and of the bytes after them. So each byte is verified when it is read, in less time than it takes to open the file.
Files of before have none; the digest of their values is compared instead.

HDF5 can lead a reader elsewhere: links to other files, data that lie outside of the file, arrays that claim any size.
None of that is in a result, and a file with any of it is refused before a value is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import h5py
from h5py import h5a, h5d, h5f, h5g, h5l, h5o, h5t, h5z

from prunescope.api.regular import read_regular
from prunescope.runs.files import hdf5
from prunescope.runs.files.superblock import SIGNATURE, without_open_mark

if TYPE_CHECKING:
    from pathlib import Path

KINDS = (h5t.INTEGER, h5t.FLOAT, h5t.STRING, h5t.ENUM)
"""What values may be made of."""

FILTERS = (h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32)
"""What data may be packed with; HDF5 loads a library of the machine's for others."""

DEEPEST = 8

PACKED = 1100
"""How many times larger deflate's output can be than its input."""

SLACK = 1 << 20
"""Bytes that values may claim beyond what their file explains."""

LARGEST = 1 << 31
"""Bytes beyond 4 times the file that its values may take."""


@dataclass(frozen=True, kw_only=True)
class VerifiedBytes:
    """The bytes of a result file, compared with their digest."""

    data: bytes
    digest: str
    """In hexadecimal digits, of the id and of the bytes after the first block; empty for a file of before."""


def read_verified(path: Path, *, follow: bool = False, run_id: str = "") -> VerifiedBytes:
    """Return the bytes of a result file, which are as they were written; see `open_file`.

    The bytes of a file of before are not verified yet: it has no digest of them.
    """
    data = read_regular(path, follow=follow)
    if not data.startswith(hdf5.BLOCK_BEGIN):
        if not data.startswith(SIGNATURE):
            raise ValueError("it is not an HDF5 file of prunescope")
        return VerifiedBytes(data=data, digest="")
    found = hdf5.name_in(data)
    if data[: hdf5.BLOCK] != hdf5.block(data, name=found):
        data = without_open_mark(data, at=hdf5.BLOCK)
        if data[: hdf5.BLOCK] != hdf5.block(data, name=found):
            raise ValueError("its bytes do not match their digest")
    if run_id not in ("", found):
        raise ValueError(f"it is the result of {found}")
    return VerifiedBytes(data=data, digest=hdf5.digest_in(data))


def open_verified(found: VerifiedBytes, *, run_id: str = "") -> Any:  # noqa: ANN401 - h5py has no types
    """Return the open file of verified bytes, an h5py FileID; of a file of before, after its values were compared."""
    file = h5f.open_file_image(found.data)
    if not found.digest:
        _check_values(file, run_id)
    return file


def open_file(path: Path, *, follow: bool = False, run_id: str = "") -> Any:  # noqa: ANN401 - h5py has no types
    """Return an open result file whose bytes are as they were written, an h5py FileID.

    follow: whether the name may be a link to the file. run_id: whose result it must be, where that is given.
    Raises ValueError where they are not, OSError where there is no HDF5, InputError where the file is not regular.
    """
    return open_verified(read_verified(path, follow=follow, run_id=run_id), run_id=run_id)


def check_bytes(path: Path, *, run_id: str, follow: bool = False) -> None:
    """Raise what `open_file` raises, except that HDF5 is not opened where the digest is that of the bytes."""
    found = read_verified(path, follow=follow, run_id=run_id)
    if not found.digest:
        open_verified(found, run_id=run_id)


def _check_values(file: Any, run_id: str) -> None:  # noqa: ANN401 - h5py has no types
    """Raise ValueError where the values of a file of before are not those it was written with."""
    check_objects(file)
    opened = h5py.File(file)  # not closed: that would close `file` too
    if opened.attrs.get(hdf5.DIGEST) != hdf5.digest_of(opened):
        raise ValueError("its values do not match its digest")
    if run_id not in ("", opened.attrs["id"]):
        raise ValueError(f"it is the result of {opened.attrs['id']}")


def open_checked(path: Path, *, follow: bool = False) -> h5py.File:
    """Return an open result file, all of whose objects are plain values of its own; see `open_file`."""
    file = open_file(path, follow=follow)
    check_objects(file)
    return h5py.File(file)


def room_of(file: Any) -> list[int]:  # noqa: ANN401 - h5py has no types
    """Return the bytes that the values of a file may take, in a list from which they are taken."""
    size = file.get_filesize()
    return [min(PACKED * size + SLACK, 4 * size + LARGEST)]


def check_objects(file: Any) -> None:  # noqa: ANN401 - h5py has no types
    """Raise ValueError, which names the object, where one leads elsewhere, or claims too much."""
    room = room_of(file)
    seen: set[object] = set()
    waiting = [(h5g.open(file, b"/"), "/", 0)]
    while waiting:
        group, name, depth = waiting.pop()
        _check_attributes(group, name, room)
        for key in group:
            place = f"{name.rstrip('/')}/{key.decode(errors='replace')}"
            made = check_link(group, key, place)
            address = h5o.get_info(made).addr
            if address in seen or depth >= DEEPEST:
                raise _foreign(place, "lies in a circle, or too deep")
            seen.add(address)
            if isinstance(made, h5g.GroupID):
                waiting.append((made, place, depth + 1))
            else:
                check_array(made, place, room)
                _check_attributes(made, place, room)


def open_array(file: Any, place: bytes) -> Any:  # noqa: ANN401 - h5py has no types
    """Return the array under a path, None where there is nothing; as strict as `check_objects`, and quicker for one."""
    root, parts = h5g.open(file, b"/"), place.split(b"/")
    links = root.links  # it does not keep the group open by itself
    for depth in range(1, len(parts) + 1):
        name = b"/".join(parts[:depth])
        if not links.exists(name):
            return None
        if links.get_info(name).type != h5l.TYPE_HARD:
            raise _foreign(name.decode(), "is a link to somewhere else")
    made = h5d.open(file, place)
    room = room_of(file)
    if made.get_offset() is None:  # not simply a stretch of this very file
        check_array(made, place.decode(), room)
    elif 8 * prod(made.shape) > room[0]:
        raise _foreign(place.decode(), f"has the shape {made.shape}, larger than the file")
    return made


def check_link(group: Any, key: bytes, place: str) -> Any:  # noqa: ANN401 - h5py has no types
    """Return what lies under a name; ValueError where that is a link to somewhere else."""
    if group.links.get_info(key).type != h5l.TYPE_HARD:
        raise _foreign(place, "is a link to somewhere else")
    return h5o.open(group, key)


def check_array(made: Any, place: str, room: list[int]) -> None:  # noqa: ANN401 - h5py has no types
    """Raise ValueError where data lie outside of the file, are packed unusually, or take more than there is room."""
    if not isinstance(made, h5d.DatasetID):
        raise _foreign(place, "is neither a group nor an array")
    plan = made.get_create_plist()
    if plan.get_external_count() or plan.get_layout() not in (h5d.COMPACT, h5d.CONTIGUOUS, h5d.CHUNKED):
        raise _foreign(place, "stores its data elsewhere")
    if any(plan.get_filter(number)[0] not in FILTERS for number in range(plan.get_nfilters())):
        raise _foreign(place, "has an unknown compression filter")
    _take(made, place, room)


def _check_attributes(owner: Any, name: str, room: list[int]) -> None:  # noqa: ANN401 - h5py has no types
    for number in range(h5a.get_num_attrs(owner)):
        room[0] -= h5a.open(owner, index=number).get_storage_size()
    if room[0] < 0:
        raise _foreign(name, "has attributes larger than the format allows")


def _take(made: Any, place: str, room: list[int]) -> None:  # noqa: ANN401 - h5py has no types
    kind = made.get_type()
    if kind.get_class() not in KINDS:
        raise _foreign(place, "has a type other than numbers and texts")
    room[0] -= prod(made.shape or ()) * kind.get_size()
    if room[0] < 0:
        raise _foreign(place, f"has the shape {made.shape}, larger than the file")


def _foreign(place: str, what: str) -> ValueError:
    return ValueError(f"{place!r} {what}")
