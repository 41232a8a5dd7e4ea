"""Pickles with a few opcodes changed: each opcode is whole, so that the unpickler comes to what they mean."""

from __future__ import annotations

import io
import pickletools
import struct
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

NAMES = (
    "os system", "posix system", "subprocess check_output", "builtins eval", "builtins getattr", "stranger f", "mod f",
    "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_sparse_tensor", "torch._utils _rebuild_parameter",
    "torch._utils _rebuild_device_tensor_from_numpy", "torch._tensor _rebuild_from_type_v2", "torch.serialization load",
    "torch FloatStorage", "torch DoubleStorage", "torch Tensor", "torch.storage UntypedStorage", "torch Size",
    "torch device", "builtins bytearray", "builtins set", "collections OrderedDict", "collections Counter",
    "numpy.core.multiarray _reconstruct", "numpy.core.multiarray scalar", "numpy dtype", "numpy ndarray",
    "argparse Namespace", "pathlib PosixPath", "_codecs encode", "datetime datetime",
)  # fmt: skip
"""What a pickle may ask for by name."""

WHOLE = (0, -1, 1, 255, 2**31 - 1, -(2**31), 2**33, 10**18, 10**60)

TEXTS = ("", "cpu", "cuda:0", "meta", "0", "1", "9999", "os:system", "/etc/passwd", "\x00", "storage", "x" * 2000)


def whole(number: int) -> bytes:
    """Return the opcode of a whole number."""
    if -(2**31) <= number < 2**31:
        return b"J" + struct.pack("<i", number)
    data = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def text(words: str) -> bytes:
    """Return the opcode of a text."""
    data = words.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def named(name: str) -> bytes:
    """Return the opcode of what is found under a name."""
    return b"c" + "\n".join(name.split()).encode() + b"\n"


def _another(opcode: bytes, chance: random.Random) -> bytes:
    """Return another opcode that leaves as many values."""
    kind = opcode[:1]
    if kind == b"c":
        return named(chance.choice(NAMES))
    if kind in b"KMJ\x8a":
        return whole(chance.choice(WHOLE))
    if kind in b"XU\x8c":
        return text(chance.choice(TEXTS))
    if kind in b"qrhj":
        return chance.choice((b"h", b"q")) + bytes([chance.randrange(256)])
    return chance.choice((b"N", b")", b"]", b"}", b"\x88", b"\x89", b"(", b"t", b"\x85", b"R", b"0", b"2", b"b", b"Q"))


def _cut(data: bytes) -> list[bytes]:
    """Return the opcodes with their arguments."""
    starts = [place for _, _, place in pickletools.genops(data) if place is not None]
    return [data[first:last] for first, last in pairwise([*starts, len(data)])]


def pickle_values(data: bytes, chance: random.Random) -> bytes:
    """Return the pickle with one to three opcodes replaced, removed, doubled, or a call put in."""
    opcodes = _cut(data)
    for _ in range(chance.randint(1, 3)):
        if len(opcodes) <= 2:  # no more than the first and the last
            break
        at, kind = chance.randrange(1, len(opcodes) - 1), chance.randrange(8)
        if kind == 0:
            del opcodes[at : at + chance.randint(1, 3)]
        elif kind == 1:
            opcodes[at:at] = opcodes[at : at + chance.randint(1, 30)]
        elif kind == 2:
            argument = chance.choice((whole(chance.choice(WHOLE)), text(chance.choice(TEXTS))))
            opcodes[at:at] = [named(chance.choice(NAMES)), argument, b"\x85", chance.choice((b"R", b"\x81"))]
        else:
            opcodes[at] = _another(opcodes[at], chance)
    return b"".join(opcodes)


FIVE = 5
"""Pickles of torch.save's old layout: its number, its protocol, the machine, the values, and the keys of storages."""

USES = (b"\x85R", b"\x85\x81", b")R", b")\x81", b"Q", b"a", b"b", b"K\x01s", b"K\x01\x86", b"t", b"")
"""What may be done with a value."""


def _held_twice(chance: random.Random) -> bytes:
    """Return a tuple, or a list that is filled late, that holds another one twice, and so on."""
    depth, first = chance.randint(1, 60), chance.randint(0, 190)
    if chance.random() < 0.5:
        return b")" + b"".join(b"q%ch%c\x86" % (number, number) for number in range(first, first + depth))
    made = b"(" + b"".join(b"]q%c" % number for number in range(first, first + depth))
    pairs = ((number, number + 1, number + 1) for number in range(first, first + depth - 1))
    return made + b"".join(b"h%c(h%ch%ce" % pair for pair in pairs) + b"t"


def repeated_values(data: bytes, chance: random.Random) -> bytes:
    """Return the pickle with a value put in that holds itself again and again, and that is used."""
    opcodes = _cut(data)
    for _ in range(chance.randint(1, 2)):
        called = named(chance.choice(NAMES)) if chance.random() < 0.7 else b""
        at = chance.randrange(1, max(len(opcodes), 2))
        opcodes[at:at] = [called, _held_twice(chance), chance.choice(USES)]
    return b"".join(opcodes)


def five_pickles(data: bytes, chance: random.Random) -> bytes:
    """Return a file of the old layout with opcodes of one of its pickles changed."""
    file, ends = io.BytesIO(data), [0]
    for _ in range(FIVE):
        for _opcode in pickletools.genops(file):
            pass
        ends.append(file.tell())
    number = chance.randrange(1, FIVE)
    first, last = ends[number], ends[number + 1]
    change = chance.choice((pickle_values, repeated_values))
    return data[:first] + change(data[first:last], chance) + data[last:]
