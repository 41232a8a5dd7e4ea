"""What a pickle is about to build, found out without building it: sizes from shapes, keys, and how many parts.

The restricted unpickler of torch executes nothing, yet a few hundred bytes can make it work for hours (a dictionary key
of nested pairs is hashed) or take gigabytes (a tensor of stride 0, a sparse one, a bytearray of any length). So the
opcodes are followed here first, each in constant time, with descriptions in place of tensors; what is too much is
refused before torch sees the file.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from prunescope.networks.checkpoints.expansion import BudgetError, Expansion

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import BinaryIO

MOST_PARTS = 2_000_000
"""Opcodes of a pickle; one of 50,000 tensors has a million."""

LARGEST = 1 << 31
"""Bytes beyond 4 times the file that its tensors may take."""

LONGEST_KEY = 1000
"""Characters of a name."""

SCALARS = (str, bytes, int, float, type(None))

ELEMENT = {
    "ByteStorage": 1, "CharStorage": 1, "BoolStorage": 1, "UntypedStorage": 1, "HalfStorage": 2, "BFloat16Storage": 2,
    "ShortStorage": 2, "IntStorage": 4, "FloatStorage": 4, "LongStorage": 8, "DoubleStorage": 8,
    "ComplexFloatStorage": 8, "ComplexDoubleStorage": 16, "QInt8Storage": 1, "QUInt8Storage": 1, "QInt32Storage": 4,
    "QUInt4x2Storage": 1, "QUInt2x4Storage": 1,
}  # fmt: skip
"""Bytes of an element."""

OF_BYTES = {"torch.uint16": 2, "torch.uint32": 4, "torch.uint64": 8}
"""Bytes of an element, by the type of a tensor whose storage is of bytes; all others of that kind: 1."""

CODINGS = ("latin1", "latin-1", "utf-8", "utf8", "ascii")
"""How torch and numpy turn bytes into text for a pickle; other codecs take quadratic time, or make bytes of nothing."""

WITH_KEYS = ("collections.OrderedDict", "collections.Counter", "collections.defaultdict", "builtins.set")

ALLOCATING = ("builtins.bytearray", "torch.Tensor", "torch.storage.UntypedStorage", "torch.storage.TypedStorage")
"""What takes as much memory as an argument gives."""


@dataclass(frozen=True)
class Global:
    """A function or class, by name."""

    name: str


@dataclass(frozen=True)
class Storage:
    """Elements in the file."""

    element: int
    """Bytes of one."""
    count: int


@dataclass(frozen=True)
class Logical:
    """A tensor, or an object; the bytes that it takes once it is dense."""

    size: int = 0


@dataclass
class _Scan:
    """How far the scan is."""

    room: int
    """Bytes that tensors may still take."""
    sizes: Callable[[str], int]
    """Bytes that the file has for a storage, by its key."""
    stack: list[Any] = field(default_factory=list)
    marks: list[list[Any]] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    expansion: Expansion = field(default_factory=Expansion)

    def pop_mark(self) -> list[Any]:
        found, self.stack = self.stack, self.marks.pop()
        return found

    def hold(self, holder: Any, items: Sequence[Any]) -> None:  # noqa: ANN401 - a description
        """Count what a container takes in: each tensor, and each part, as often as it is held."""
        self.expansion.add(holder, items)
        for item in items:
            if isinstance(item, Logical):
                self.room -= item.size
        if self.room < 0:
            raise BudgetError("its tensors would take more memory than a file of this size explains")

    def check_keys(self, keys: Sequence[Any]) -> None:
        for key in keys:
            parts = key if isinstance(key, tuple) and len(key) <= 4 else (key,)
            if not all(isinstance(part, SCALARS) for part in parts):
                raise BudgetError("a key of a mapping is neither a text nor a number")
            if any(isinstance(part, str | bytes) and len(part) > LONGEST_KEY for part in parts):
                raise BudgetError(f"a name in it has more than {LONGEST_KEY} characters")


def scan_pickle(file: BinaryIO, *, size: int, sizes: Callable[[str], int]) -> bool:
    """Follow one pickle, and return whether torch's unpickler comes to its end too.

    size: bytes of the whole file. sizes: returns the bytes that the file has for a storage, by its key.
    Raises BudgetError where that would take too long or too much memory.
    """
    scan = _Scan(room=LARGEST + 4 * size, sizes=sizes)
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if count > MOST_PARTS:
            raise BudgetError(f"it has more than {MOST_PARTS:,} parts")
        if not _follow(scan, opcode.name, argument):
            return False  # torch's unpickler stops at the same place
    return True


def _follow(scan: _Scan, name: str, argument: Any) -> bool:  # noqa: ANN401 - whatever the opcode carries
    """Perform one opcode on descriptions; False for one that torch refuses."""
    if name in VALUES:
        scan.stack.append(VALUES[name]())
    elif name in LITERALS:
        scan.stack.append(argument)
    elif name in STEPS:
        STEPS[name](scan, argument)
    else:
        return name in ("PROTO", "FRAME")
    return True


def _global(scan: _Scan, argument: str) -> None:
    if len(argument) > LONGEST_KEY:  # torch searches its own message for it, in quadratic time
        raise BudgetError(f"it asks for something whose name has more than {LONGEST_KEY} characters")
    scan.stack.append(Global(argument.replace(" ", ".")))


def _put(scan: _Scan, argument: int) -> None:
    scan.memo[argument] = scan.stack[-1]


def _get(scan: _Scan, argument: int) -> None:
    scan.expansion.fetch(scan.memo[argument])
    scan.stack.append(scan.memo[argument])


def _mark(scan: _Scan, _: object) -> None:
    scan.marks.append(scan.stack)
    scan.stack = []


def _tuple(scan: _Scan, _: object) -> None:
    items = tuple(scan.pop_mark())
    scan.hold(items, items)
    scan.stack.append(items)


def _tuple_of(count: int) -> Callable[[_Scan, object], None]:
    def make(scan: _Scan, _: object) -> None:
        items = tuple(scan.stack[-count:])
        scan.hold(items, items)
        scan.stack[-count:] = [items]

    return make


def _append(scan: _Scan, _: object) -> None:
    item = scan.stack.pop()
    scan.hold(scan.stack[-1], [item])
    if isinstance(scan.stack[-1], list):
        scan.stack[-1].append(item)


def _appends(scan: _Scan, _: object) -> None:
    items = scan.pop_mark()
    scan.hold(scan.stack[-1], items)
    if isinstance(scan.stack[-1], list):
        scan.stack[-1].extend(items)


def _set_item(scan: _Scan, _: object) -> None:
    value, key = scan.stack.pop(), scan.stack.pop()
    scan.check_keys([key])
    scan.hold(scan.stack[-1], [key, value])


def _set_items(scan: _Scan, _: object) -> None:
    items = scan.pop_mark()
    scan.check_keys(items[::2])
    scan.hold(scan.stack[-1], items)


def _build(scan: _Scan, _: object) -> None:
    state = scan.stack.pop()
    scan.expansion.use(state)
    scan.expansion.add(scan.stack[-1], [state])


def _persistent(scan: _Scan, _: object) -> None:
    """Note a storage: ("storage", type, key, place, number of elements, ...)."""
    found = scan.stack.pop()
    scan.expansion.use(found)
    element, count = 1, 0
    if isinstance(found, tuple) and len(found) >= 5:
        kind, key, number = found[1], found[2], found[4]
        element = ELEMENT.get(kind.name.rpartition(".")[2], 1) if isinstance(kind, Global) else 1
        count = number if isinstance(number, int) else 0
        if isinstance(key, str | int) and count * element > scan.sizes(str(key)):
            raise ValueError("its tensors are longer than the file")
    scan.stack.append(Storage(element, count))


def _call(scan: _Scan, _: object) -> None:
    arguments, called = scan.stack.pop(), scan.stack.pop()
    scan.expansion.use(called, arguments)
    made = _result(scan, called, arguments)
    if isinstance(made, Logical):
        scan.expansion.add(made, [arguments])
    scan.stack.append(made)


def _result(scan: _Scan, called: Any, arguments: Any) -> Any:  # noqa: ANN401 - descriptions
    """Return the description of what a call makes."""
    if not isinstance(called, Global) or not isinstance(arguments, tuple):
        return Logical()
    name = called.name
    if name == "torch._tensor._rebuild_from_type_v2" and len(arguments) > 2:
        return _result(scan, arguments[0], arguments[2])
    if name.startswith("torch._utils._rebuild"):
        return _tensor(name, arguments)
    if name in ALLOCATING or (name.startswith("torch.") and name.endswith(("Tensor", "Storage"))):
        _check_small(name, arguments)
    if name.endswith(("._reconstruct", "numpy.ndarray")):
        _check_small(name, arguments)
    _check_codec_and_scalar(name, arguments)
    if name in WITH_KEYS:
        for items in arguments:
            _check_pairs(scan, items)
    return Logical()


def _check_pairs(scan: _Scan, items: Any) -> None:  # noqa: ANN401 - descriptions
    """Check the keys among the items that a mapping or a set is made of."""
    for item in items if isinstance(items, list | tuple) else ():
        pair = isinstance(item, list | tuple) and len(item) == 2
        scan.check_keys([item[0] if pair else item])


def _check_small(name: str, arguments: Sequence[Any]) -> None:
    """Raise BudgetError where whole numbers among arguments ask for memory."""
    flat = [number for item in arguments for number in (item if isinstance(item, tuple) else (item,))]
    if prod(max(1, number) for number in flat if isinstance(number, int)) > LONGEST_KEY:
        raise BudgetError(f"it asks {name} for memory that is not in the file")


def _check_codec_and_scalar(name: str, arguments: Sequence[Any]) -> None:
    """Raise BudgetError for a slow codec, and for a scalar of numpy's without bytes: it is as long as its type says."""
    if name == "_codecs.encode" and any(coding not in CODINGS for coding in arguments[1:2]):
        raise BudgetError("a text in it has another encoding than those of torch and numpy")
    if name.endswith("multiarray.scalar") and len(arguments) < 2:
        raise BudgetError("a number of numpy's in it has no value")


def _tensor(name: str, arguments: Sequence[Any]) -> Any:  # noqa: ANN401 - a description
    """Return a tensor of the size of its shape."""
    if name.endswith(("_rebuild_parameter", "_rebuild_parameter_with_state")) and arguments:
        return arguments[0]
    _check_extent(arguments)
    element = next((item.element for item in arguments if isinstance(item, Storage)), 8)
    if name.endswith("_v3"):  # of bytes, whose type is an argument
        element = 8
    flat = [*arguments, *(item for held in arguments if isinstance(held, tuple) for item in held)]
    shapes = [item for item in flat if isinstance(item, tuple) and item and all(isinstance(n, int) for n in item)]
    largest = max((prod(abs(number) for number in shape) for shape in shapes[:1] or shapes), default=1)
    return Logical(element * largest)


def _check_extent(arguments: Sequence[Any]) -> None:
    """Raise ValueError where a tensor (storage, offset, shape, strides, ...) reaches beyond its storage.

    torch would enlarge the storage, to any size, and leave what it adds as the memory happens to be.
    """
    if len(arguments) < 4 or not isinstance(arguments[0], Storage):
        return
    storage, offset, shape, strides = arguments[:4]
    if not (_are_whole(shape) and _are_whole(strides) and _are_whole((offset,))):
        return  # torch refuses it
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=False))
    element = next((OF_BYTES[item.name] for item in arguments if isinstance(item, Global) and item.name in OF_BYTES), 1)
    if prod(shape) and (last + 1) * element > storage.count:
        raise ValueError("a tensor in it is longer than its values")


def _are_whole(numbers: Any) -> bool:  # noqa: ANN401 - descriptions
    return isinstance(numbers, tuple) and all(isinstance(number, int) for number in numbers)


VALUES: Mapping[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWFALSE": lambda: False,
    "NEWTRUE": lambda: True,
    "EMPTY_TUPLE": lambda: (),
    "EMPTY_LIST": list,
    "EMPTY_DICT": Logical,
    "EMPTY_SET": Logical,
}

LITERALS = ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINSTRING")

STEPS: Mapping[str, Callable[[_Scan, Any], None]] = {
    "GLOBAL": _global,
    "BINPUT": _put,
    "LONG_BINPUT": _put,
    "BINGET": _get,
    "LONG_BINGET": _get,
    "MARK": _mark,
    "TUPLE": _tuple,
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "APPEND": _append,
    "APPENDS": _appends,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "BUILD": _build,
    "BINPERSID": _persistent,
    "REDUCE": _call,
    "NEWOBJ": _call,
    "STOP": lambda _scan, _argument: None,
}
