"""Readings as rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.api import Reading

COLUMNS = ("reading", "value", "± stderr", "unit", "n", "estimator")

SHOWN = 6
"""Values of an array that fit into a cell."""


def reading_rows(readings: Mapping[str, Mapping[str, Reading]]) -> list[tuple[str, ...]]:
    """Return name, value, standard error, unit, n and estimator of every reading; what is unknown is a dash."""
    return [
        _row(f"{probe}/{name}", reading) for probe, named in sorted(readings.items()) for name, reading in named.items()
    ]


def _row(name: str, reading: Reading) -> tuple[str, ...]:
    import numpy as np

    stderr = "-" if reading.stderr is None else _values(np.asarray(reading.stderr))
    about = f" by {', '.join(reading.axes)}" if reading.axes else ""
    n = "-" if reading.n is None else f"{reading.n:,}"
    return f"{name}{about}", _values(np.asarray(reading.value)), stderr, reading.unit, n, reading.estimator or "-"


def _values(array: Any) -> str:  # noqa: ANN401 - numpy is imported late
    flat = array.reshape(-1)
    if array.ndim <= 1 and flat.size <= SHOWN:
        return ", ".join(f"{float(value):.5g}" for value in flat)
    shape = "×".join(map(str, array.shape))
    return f"{shape} values, {float(flat.min()):.4g} to {float(flat.max()):.4g}" if flat.size else f"{shape} values"
