"""Open a result file: its bytes are read once, compared with their digest, and only then given to HDF5.

The first 512 bytes of a file (HDF5's user block, which every reader skips) hold the id of the run, and the sha256 of it
and of the bytes after them. So each byte is verified when it is read, in less time than it takes to open the file.
Files of before have none; the digest of their values is compared instead.
What lies in it is checked too (`plain_objects`) before a value is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import h5py
from h5py import h5f

from prunescope.api.regular import read_regular
from prunescope.runs.files import hdf5
from prunescope.runs.files.plain_objects import check_objects
from prunescope.runs.files.superblock import SIGNATURE, without_open_mark

if TYPE_CHECKING:
    from pathlib import Path


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


def open_checked(path: Path, *, follow: bool = False, with_mask: bool = True) -> h5py.File:
    """Return an open result file, all of whose objects are plain values of its own.

    See `open_file`; with_mask is that of `check_objects`.
    """
    file = open_file(path, follow=follow)
    check_objects(file, with_mask=with_mask)
    return h5py.File(file)
