"""The first bytes of an HDF5 file, which a program that has it open for writing marks as open.

The mark, and the checksum beside it, are the only bytes that change by opening. A viewer or a notebook that has a
result open is no damage: without the mark the bytes are again what they were.
Source: HDF5 File Format Specification 3.0, section II.A; Jenkins, lookup3.c (2006).
"""

from __future__ import annotations

import struct

SIGNATURE = b"\x89HDF\r\n\x1a\n"

VERSIONS = (2, 3)
"""Of the superblock, that have the mark in this place."""

VERSION, OPEN, CHECKSUM = 8, 11, 44
"""Places of the version, of the mark, and of the checksum of all before it, which takes four bytes."""

MASK = 0xFFFFFFFF


def without_open_mark(data: bytes, *, at: int) -> bytes:
    """Return a file's bytes as they are when no program has it open for writing.

    at: where HDF5's own bytes begin.
    """
    end = at + CHECKSUM
    if len(data) < end + 4 or data[at : at + VERSION] != SIGNATURE or data[at + VERSION] not in VERSIONS:
        return data
    closed = bytearray(data)
    closed[at + OPEN] = 0
    closed[end : end + 4] = struct.pack("<I", lookup3(bytes(closed[at:end])))
    return bytes(closed)


def lookup3(data: bytes) -> int:
    """Return Jenkins's hash of some bytes, which HDF5 uses as a checksum.

    >>> hex(lookup3(b"Four score and seven years ago"))
    '0x17770551'
    """
    if not data:
        return 0xDEADBEEF
    a = b = c = (0xDEADBEEF + len(data)) & MASK
    padded = data + bytes(-len(data) % 12)
    blocks = list(struct.iter_unpack("<3I", padded))
    for number, block in enumerate(blocks, start=1):
        a, b, c = ((one + more) & MASK for one, more in zip((a, b, c), block, strict=True))
        a, b, c = _mixed(a, b, c) if number < len(blocks) else _final(a, b, c)
    return c


def _mixed(a: int, b: int, c: int) -> tuple[int, int, int]:
    for bits in (4, 6, 8, 16, 19, 4):
        a = ((a - c) & MASK) ^ _rotated(c, bits)
        c = (c + b) & MASK
        a, b, c = b, c, a
    return a, b, c


def _final(a: int, b: int, c: int) -> tuple[int, int, int]:
    for bits in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _rotated(b, bits)) & MASK
        a, b, c = b, c, a
    return c, a, b


def _rotated(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (32 - bits))) & MASK
