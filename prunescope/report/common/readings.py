"""Readings as rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunescope.api.wording import MINUS
from prunescope.report.common import console, formatting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from prunescope.api import Reading
    from prunescope.report.common.view import Style

READING_COLUMNS = ("reading", "value", "± stderr", "unit", "n")

SHOWN = 6
"""Values of an array that fit into a cell."""

SHOWN_NARROW = 2

FIXED = ("signed", "similarity")
"""Styles whose number of digits is one for all tables."""

NARROW = 100
"""On terminals narrower than this a cell holds less, so that a row stays on its line."""


def reading_table(readings: Mapping[str, Mapping[str, Reading]], *, width: int) -> RenderableType:
    """Return a table of every reading, a line each, and below it how they were estimated, each way once.

    width: of what it is printed on, in columns.
    """
    from rich.console import Group
    from rich.text import Text

    narrow = width < NARROW
    found = [(f"{probe}/{name}", one) for probe, named in sorted(readings.items()) for name, one in named.items()]
    ways: dict[str, list[str]] = {}
    for name, reading in found:
        if reading.estimator:
            ways.setdefault(reading.estimator, []).append(name)
    notes = [Text(_estimated(names, way, of=len(found)), style="dim") for way, names in ways.items()]
    rows = [_reading_row(name, reading, narrow=narrow) for name, reading in found]
    return Group(console.table(READING_COLUMNS, rows), *([Text(""), *notes] if notes else []))


def _estimated(names: Sequence[str], way: str, *, of: int) -> str:
    """Return how readings were estimated, with their names unless they are all of the table."""
    return way if len(names) == of else f"{', '.join(names)}: {way}"


def _reading_row(name: str, reading: Reading, *, narrow: bool) -> tuple[str, ...]:
    import numpy as np

    stderr = "-" if reading.stderr is None else _values(np.asarray(reading.stderr), "plain", narrow=narrow)
    style = formatting.style_of(name, reading.unit)
    value = _values(np.asarray(reading.value), style, narrow=narrow, axes=reading.axes)
    return name, value, stderr, reading.unit, "-" if reading.n is None else f"{reading.n:,}"


def _values(  # numpy comes late
    array: Any,  # noqa: ANN401
    style: Style,
    *,
    narrow: bool,
    axes: Sequence[str] | None = None,
) -> str:
    """Return all values where they have room, else the ends; the axes show how many there are."""
    flat = array.reshape(-1)
    if array.ndim <= 1 and flat.size <= (SHOWN_NARROW if narrow else SHOWN):
        return ", ".join(_value(value, style, 5) for value in flat)
    low, high = (_value(end, style, 4) for end in (flat.min(), flat.max())) if flat.size else ("none", "none")
    ends = low if low == high else f"{low} to {high}"
    if axes is None:
        return f"≤ {high}" if narrow else ends
    shape = "×".join(map(str, array.shape))
    return f"{ends} ({shape} by {', '.join(axes)})" if axes and not narrow else f"{ends} ({shape})"


def _value(value: float, style: Style, digits: int) -> str:
    """Return one value: LMC and CKA as everywhere, any other with so many digits."""
    if style in FIXED:
        return formatting.value_text(float(value), style)
    return f"{float(value):.{digits}g}".replace("-", MINUS)
