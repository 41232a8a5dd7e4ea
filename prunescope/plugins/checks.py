"""What the core verifies of everything a plugin returns; a violation is a PluginError that names the plugin."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api import Diagnosis, Epoch, Mask, Reading
from prunescope.api.errors import PluginError, PrunescopeError

if TYPE_CHECKING:
    from collections.abc import Mapping


def check_readings(who: str, readings: object, *, n_replicas: int) -> Mapping[str, Reading]:
    """Return `readings` if it is a non-empty dict of named, finite, consistently shaped readings."""
    if not isinstance(readings, dict) or not readings:
        raise PluginError(f"{who} returned {type(readings).__name__}, not readings", fix="return a dict[str, Reading]")
    for name, reading in readings.items():
        problem = _reading_problem(name, reading, n_replicas)
        if problem:
            raise PluginError(f"{who}: reading {name!r} {problem}", fix="correct the plugin's measure()")
    return readings


def check_mask_type(who: str, mask: object) -> Mask:
    """Return `mask` if it is a Mask."""
    if not isinstance(mask, Mask):
        raise PluginError(f"{who} returned {type(mask).__name__}, not a Mask", fix="return prunescope.api.Mask(...)")
    return mask


def check_epoch(who: str, epoch: object) -> Epoch:
    """Return `epoch` if it is an Epoch with a finite loss; training that diverged ends here."""
    if not isinstance(epoch, Epoch):
        raise PluginError(f"{who} yielded {type(epoch).__name__}, not an Epoch", fix="yield prunescope.api.Epoch(...)")
    if not math.isfinite(epoch.train_loss):
        raise PrunescopeError(
            f"{who}: the training loss is {epoch.train_loss} after epoch {epoch.number}",
            fix="lower the learning rate",
        )
    return epoch


def check_diagnosis(who: str, diagnosis: object) -> Diagnosis:
    """Return `diagnosis` if it is a Diagnosis whose probabilities are some and which gives reasons."""
    if not isinstance(diagnosis, Diagnosis) or not diagnosis.because:
        raise PluginError(f"{who} returned no Diagnosis with reasons", fix="return prunescope.api.Diagnosis(...)")
    for name in ("confidence", "hotter", "regime_probability"):
        value = getattr(diagnosis, name)
        if value is not None and not 0 <= value <= 1:
            raise PluginError(f"{who}: {name} {value} is no probability", fix="keep it in [0, 1]")
    return diagnosis


def _reading_problem(name: object, reading: object, n_replicas: int) -> str:
    if not isinstance(name, str) or not name:
        return "has no name"
    if not isinstance(reading, Reading):
        return f"is a {type(reading).__name__}, not a Reading"
    value = np.asarray(reading.value)
    if value.dtype.kind not in "fiub":
        return f"is not numeric: {value.dtype}"
    if not np.isfinite(value).all():
        return f"is not finite: {value}"
    if not reading.unit:
        return 'has no unit (use "1" for a pure number)'
    if len(reading.axes) != value.ndim:
        return f"has {value.ndim} dimensions but names the axes {reading.axes}"
    if reading.stderr is not None and np.shape(reading.stderr) != value.shape:
        return f"has a standard error of shape {np.shape(reading.stderr)} for a value of shape {value.shape}"
    if reading.labels and len(reading.labels) != value.shape[-1]:
        return f"has {len(reading.labels)} labels for {value.shape[-1]} values"
    return _axis_problem(reading, value, n_replicas)


def _axis_problem(reading: Reading, value: np.ndarray, n_replicas: int) -> str:
    wanted = {"replica": n_replicas, "pair": n_replicas * (n_replicas - 1) // 2}
    for axis, length in zip(reading.axes, value.shape, strict=True):
        if length != wanted.get(axis, length):
            return f"has {length} values along {axis!r}, wanted {wanted[axis]}"
    return ""
