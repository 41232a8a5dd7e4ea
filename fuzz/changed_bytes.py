"""Bytes with a few of them changed, whatever they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

WORDS = (
    b"os:system",
    b"./mod:f",
    b"stranger:f",
    b"/etc/passwd",
    b"1e999",
    b"NaN",
    b"-1",
    b"9" * 40,
    b"[" * 500,
    b"[" * 30_000,
    b"\x00",
    b"\xff\xfe",
    b"{}",
    b"../..",
    b"=",
)


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Return the bytes with one to four changes: flips, cuts, doubled stretches, other numbers and words."""
    made = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(made) or 1)
        kind = chance.randrange(6)
        if kind == 0 and made:
            made[at] ^= 1 << chance.randrange(8)
        elif kind == 1 and made:
            made[at] = chance.randrange(256)
        elif kind == 2:
            del made[at : at + chance.randint(1, 40)]
        elif kind == 3:
            made[at:at] = made[at : at + chance.randint(1, 200)] * chance.randint(1, 5)
        elif kind == 4:
            made[at : at + chance.randint(0, 8)] = chance.choice(WORDS)
        else:
            made[at : at + 8] = chance.choice((b"\xff" * 8, bytes(8), b"\x7f" + b"\xff" * 7))
    return bytes(made)
