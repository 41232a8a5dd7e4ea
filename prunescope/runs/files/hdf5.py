"""The bytes of an HDF5 file, made in memory by HDF5's own functions, and the digest of what is in it.

A result file is small and has many attributes: h5py's objects for them take several times as long as HDF5 itself, and
a sweep waits for that after every step.
"""

from __future__ import annotations

import hashlib
import io
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5fd, h5g, h5p, h5s, h5t

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Value: TypeAlias = "str | float | np.ndarray"

LIBRARY = ("v110", "v110")
"""File format of HDF5 1.10: attributes may exceed 64 KiB, and every reader since 2016 opens it."""

CHUNK_ITEMS = 1 << 20
"""Bytes that are compressed at a time."""

GZIP_LEVEL = 4

TEXT = h5t.py_create(h5py.string_dtype(), logical=True)

SCALAR = h5s.create(h5s.SCALAR)

DIGEST = "digest"
"""The attribute of the root that holds the digest of all the rest."""

UNAMBIGUOUS = "2:"
"""What a digest begins with whose parts have their lengths before them; the first ones had none."""

BLOCK = 512
"""Bytes before those of HDF5, which hold their digest: HDF5's user block."""

BLOCK_BEGIN = b"prunescope sha256 "

DIGEST_DIGITS = 64


@dataclass(frozen=True, kw_only=True)
class Item:
    """A group, or a data set where it has a value, and its attributes."""

    value: np.ndarray | None = None
    attributes: Mapping[str, Value] = field(default_factory=dict)
    compressed: bool = False
    """Of an array that is no scalar."""


def hdf5_bytes(items: Mapping[str, Item]) -> bytes:
    """Return the bytes of a file of these items, by path ("/" is the root), and of the groups that they lie in.

    The root gets one attribute more: DIGEST, the digest of all that is in the file. The digest of the bytes themselves
    comes before them; see `block`.
    """
    whole, made = _with_groups(items), io.BytesIO()
    plan = h5p.create(h5p.FILE_CREATE)
    plan.set_userblock(BLOCK)
    file = h5f.create(secrets.token_hex(8).encode(), h5f.ACC_TRUNC, fcpl=plan, fapl=_into(made))
    try:
        for name, item in whole.items():
            _write(file, name, item)
        found = digest((name, item.attributes, item.value) for name, item in whole.items())
        _write_attribute(h5g.open(file, b"/"), DIGEST, found)
    finally:
        file.close()
    data = made.getvalue()
    return block(data, name=str(whole["/"].attributes.get("id", ""))) + data[BLOCK:]


def block(data: bytes, *, name: str) -> bytes:
    """Return what the first bytes of a file must be: the digest of its name (an id) and of the bytes after them."""
    total = hashlib.sha256(name.encode() + b"\n")
    total.update(memoryview(data)[BLOCK:])
    return (BLOCK_BEGIN + total.hexdigest().encode() + f" {name}\n".encode()).ljust(BLOCK, b"\0")


def digest_in(data: bytes) -> str:
    """Return the digest in the first bytes of a file."""
    return data[len(BLOCK_BEGIN) : len(BLOCK_BEGIN) + DIGEST_DIGITS].decode(errors="replace")


def name_in(data: bytes) -> str:
    """Return the name in the first bytes of a file."""
    return data[len(BLOCK_BEGIN) + DIGEST_DIGITS + 1 : BLOCK].partition(b"\n")[0].decode(errors="replace")


def digest(items: Iterable[tuple[str, Mapping[str, Value], np.ndarray | h5py.Dataset | None]]) -> str:
    """Return the sha256 over every name, type, shape, value and attribute, except the digest itself.

    Each part has its length before it: no two contents have the same parts one after the other. The values of data
    sets are in memory one at a time.
    """
    total = hashlib.sha256()
    for name, attributes, value in sorted(items, key=lambda item: item[0]):
        parts = [name.encode(), b"group" if value is None else b"array", str(len(set(attributes) - {DIGEST})).encode()]
        for key in sorted(set(attributes) - {DIGEST}):
            parts += [key.encode(), _bytes(np.asarray(attributes[key]))]
        for part in parts:
            _update(total, [part])
        if value is not None:
            _update(total, _pieces(np.asarray(value[()])))
    return UNAMBIGUOUS + total.hexdigest()


def _update(total: hashlib._Hash, pieces: Sequence[bytes | memoryview]) -> None:
    """Hash the pieces of a part, after the length of all of them."""
    total.update(f"{sum(map(len, pieces))} ".encode())
    for piece in pieces:
        total.update(piece)


def _first_digest(items: Iterable[tuple[str, Mapping[str, Value], np.ndarray | h5py.Dataset | None]]) -> str:
    """Return the digest that files of before have, whose parts follow each other without their lengths."""
    total = hashlib.sha256()
    for name, attributes, value in sorted(items, key=lambda item: item[0]):
        total.update(name.encode())
        for key in sorted(attributes):
            if key != DIGEST:
                total.update(key.encode() + _bytes(np.asarray(attributes[key])))
        if value is not None:
            total.update(_bytes(np.asarray(value[()])))
    return total.hexdigest()


def digest_of(file: h5py.File) -> str:
    """Return the digest of an open file, of the kind that it has."""
    found: list[tuple[str, Mapping[str, Value], h5py.Dataset | None]] = [("/", dict(file.attrs), None)]
    file.visititems(
        lambda name, item: found.append((name, dict(item.attrs), item if isinstance(item, h5py.Dataset) else None))
    )
    first = not str(file.attrs.get(DIGEST, UNAMBIGUOUS)).startswith(UNAMBIGUOUS)
    return (_first_digest if first else digest)(found)


def _bytes(array: np.ndarray) -> bytes:
    return b"".join(_pieces(array))


def _pieces(array: np.ndarray) -> list[bytes | memoryview]:
    """Return what stands for an array, one after the other; its own bytes are not copied."""
    if array.dtype.kind in "OUS":
        return [repr(array.tolist()).encode()]
    own: memoryview = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    return [f"{array.dtype.str}{array.shape}".encode(), own]


def _with_groups(items: Mapping[str, Item]) -> dict[str, Item]:
    """Return the root, and every item after the groups that it lies in."""
    whole = {"/": items.get("/", Item())}
    for name, item in items.items():
        parts = name.split("/")
        for depth in range(1, len(parts)):
            whole.setdefault("/".join(parts[:depth]) or "/", Item())
        whole[name] = item
    return whole


def _into(made: io.BytesIO) -> Any:  # noqa: ANN401 - h5py has no types
    """Return how to write into memory, in the format LIBRARY; closing it closes all in it, also after an error.

    HDF5 can hold a file in memory itself, but before 2.0 the image it gives of it has a wrong checksum.
    """
    found = h5p.create(h5p.FILE_ACCESS)
    found.set_fileobj_driver(h5fd.fileobj_driver, made)
    found.set_libver_bounds(h5f.LIBVER_V110, h5f.LIBVER_V110)
    found.set_fclose_degree(h5f.CLOSE_STRONG)
    return found


def _write(file: Any, name: str, item: Item) -> None:  # noqa: ANN401 - h5py has no types
    if name == "/":
        made = h5g.open(file, b"/")
    elif item.value is None:
        made = h5g.create(file, name.encode())
    else:
        made = _write_array(file, name, item.value, compressed=item.compressed)
    for key, value in item.attributes.items():
        _write_attribute(made, key, value)


def _write_array(file: Any, name: str, value: np.ndarray, *, compressed: bool) -> Any:  # noqa: ANN401 - h5py has no types
    plan = h5p.create(h5p.DATASET_CREATE)
    if compressed and value.size:
        rows = max(CHUNK_ITEMS * len(value) // value.nbytes, 1)
        plan.set_chunk((min(len(value), rows), *value.shape[1:]))
        plan.set_deflate(GZIP_LEVEL)
    made = h5d.create(file, name.encode(), h5t.py_create(value.dtype, logical=True), _space(value), dcpl=plan)
    made.write(h5s.ALL, h5s.ALL, np.asarray(value, order="C"))
    return made


def _write_attribute(owner: Any, key: str, value: Value) -> None:  # noqa: ANN401 - h5py has no types
    if isinstance(value, str):
        made = h5a.create(owner, key.encode(), TEXT, SCALAR)
        made.write(np.array(value, dtype=object), mtype=h5t.PYTHON_OBJECT)
    else:
        array = np.asarray(value, order="C")
        h5a.create(owner, key.encode(), h5t.py_create(array.dtype), _space(array)).write(array)


def _space(array: np.ndarray) -> Any:  # noqa: ANN401 - h5py has no types
    return h5s.create_simple(array.shape) if array.shape else SCALAR
