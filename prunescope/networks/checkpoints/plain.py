"""What a training program saved beside its weights, as plain values of sane size; whatever else is there is left out.

Settings may hold anything that was pickled or written: objects, tensors, numbers like 10**30, NaN, a list that holds
itself. None of it is printed, compared or hashed; only what this module returns is looked at.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST = 100_000
"""Values in all."""

DEEPEST = 8

LONGEST = 10_000
"""Characters of a text."""

LARGEST = 1e12
"""Of numbers: nothing that is set for a training is larger."""


@dataclass
class _Room:
    left: int


def plain(value: object) -> Any:  # noqa: ANN401 - the plain values of whatever it is
    """Return the plain values in `value`: mappings by text or number, lists, texts, finite ordinary numbers, None.

    >>> plain({"lr": 0.1, 3: 1, "epochs": 10**30, "loss": float("nan"), "model": object(), "drops": (1, 2)})
    {'lr': 0.1, 3: 1, 'drops': [1, 2]}
    """
    found = _plain(value, 0, _Room(MOST))
    return None if found is _LEFT_OUT else found


_LEFT_OUT = object()


def _plain(value: object, depth: int, room: _Room) -> Any:  # noqa: ANN401 - as above
    room.left -= 1
    if room.left < 0 or depth > DEEPEST:
        return _LEFT_OUT
    if value is None or isinstance(value, bool):
        return value
    if type(value) is str:
        return value if len(value) <= LONGEST else _LEFT_OUT
    if isinstance(value, argparse.Namespace):
        value = vars(value)
    if isinstance(value, Mapping):
        return _of_mapping(value, depth, room)
    if isinstance(value, list | tuple):
        items = (_plain(item, depth + 1, room) for item in value[: MOST + 1])
        return [item for item in items if item is not _LEFT_OUT]
    return number(value, instead=_LEFT_OUT)


def _of_mapping(value: Mapping[Any, Any], depth: int, room: _Room) -> dict[str | int, Any]:
    found: dict[str | int, Any] = {}
    for name, item in value.items():
        if room.left < 0:
            break
        if (type(name) is str and len(name) <= LONGEST) or (type(name) is int and abs(name) <= LARGEST):
            made = _plain(item, depth + 1, room)
            if made is not _LEFT_OUT:
                found[name] = made
    return found


def number(value: object, *, instead: Any = None) -> Any:  # noqa: ANN401 - a number, or what replaces none
    """Return a finite number of ordinary size, also from numpy's and torch's types of one element.

    >>> number(3), number(True), number("0.1"), number(10**30), number(float("inf"))
    (3, None, None, None, None)
    """
    if isinstance(value, int | float) and type(value) in (int, float):
        return value if abs(value) <= LARGEST else instead  # False for NaN too
    if isinstance(value, bool | str | bytes) or type(value).__module__.partition(".")[0] not in ("numpy", "torch"):
        return instead
    try:
        size = value.numel() if hasattr(value, "numel") else getattr(value, "size", 0)
        item = value.item() if size == 1 else None  # type: ignore[attr-defined]
        item = float(str(item)) if type(item).__module__ == "numpy" else item  # a long double stays one
    except (TypeError, ValueError, RuntimeError, NotImplementedError, OverflowError):
        return instead  # a tensor without data, a record, a text of numpy's
    return number(item, instead=instead) if type(item) in (int, float) else instead
