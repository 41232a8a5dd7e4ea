"""Readings of several replicas or pairs as one reading with a leading axis."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.api import Reading


def stack(found: Sequence[Mapping[str, Reading]], *, axis: str, who: str) -> dict[str, Reading]:
    """Stack the readings of several calls of one probe along a new first axis.

    Raises PluginError when the calls returned different names or shapes.
    """
    names = list(found[0])
    if any(list(readings) != names for readings in found):
        raise PluginError(f"{who} returned other readings for another {axis}", fix="return the same names each time")
    return {name: _stack_one(name, [readings[name] for readings in found], axis=axis, who=who) for name in names}


def _stack_one(name: str, readings: Sequence[Reading], *, axis: str, who: str) -> Reading:
    first = readings[0]
    shapes = {np.shape(reading.value) for reading in readings}
    if len(shapes) > 1:
        raise PluginError(f"{who}: reading {name!r} has the shapes {sorted(shapes)}", fix="return one shape")
    errors = [reading.stderr for reading in readings]
    return replace(
        first,
        value=np.stack([np.asarray(reading.value) for reading in readings]),
        stderr=None if any(error is None for error in errors) else np.stack([np.asarray(error) for error in errors]),
        axes=(axis, *first.axes),
    )
