"""What the core verifies of everything a plugin returns; a violation is a PluginError that names the plugin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np

from prunescope.api import Advice, Data, Diagnosis, Epoch, Mask, Reading, Regime
from prunescope.api.errors import PluginError, PrunescopeError
from prunescope.api.wording import count_text

LONGEST_NAME = 200
"""Characters of a reading's name."""

LARGEST = 2**62
"""Of counts: what a file holds in 64 bits."""


def check_readings(who: str, readings: object, *, n_replicas: int) -> Mapping[str, Reading]:
    """Return `readings` if it is a non-empty dict of named, finite, consistently shaped readings."""
    if not isinstance(readings, dict) or not readings:
        raise PluginError(f"{who} returned {type(readings).__name__}, not readings", fix="return a dict[str, Reading]")
    for name, reading in readings.items():
        problem = _reading_problem(name, reading, n_replicas)
        if problem:
            shown = repr(name) if isinstance(name, str) else f"of the name of type {type(name).__name__}"
            raise PluginError(f"{who}: reading {shown} {problem}", fix="correct the plugin's measure()")
    return readings


def check_mask_type(who: str, mask: object) -> Mask:
    """Return `mask` if it is a Mask of tensors by name."""
    import torch

    if not isinstance(mask, Mask):
        raise PluginError(f"{who} returned {type(mask).__name__}, not a Mask", fix="return prunescope.api.Mask(...)")
    named = isinstance(mask.kept, Mapping) and all(isinstance(name, str) for name in mask.kept)
    if not named or not all(isinstance(kept, torch.Tensor) for kept in mask.kept.values()):
        raise PluginError(f"{who}: the mask holds no tensors by name", fix="return Mask({name: bool tensor, ...})")
    return mask


def check_epoch(who: str, epoch: object, *, after: int = 0) -> Epoch:
    """Return `epoch` if it is an Epoch of numbers with a finite loss; training that diverged ends here.

    after: the number of the epoch before it.
    """
    if not isinstance(epoch, Epoch):
        raise PluginError(f"{who} yielded {type(epoch).__name__}, not an Epoch", fix="yield prunescope.api.Epoch(...)")
    if not (_is_count(epoch.number) and _is_count(epoch.of) and after < epoch.number <= max(epoch.of, epoch.number)):
        raise PluginError(
            f"{who} yielded the epoch {epoch.number!r} of {epoch.of!r} after the epoch {after}",
            fix="number the epochs with whole numbers, upwards from 1",
        )
    for name in ("learning_rate", "train_loss", "train_error"):
        value = getattr(epoch, name)
        if not _is_number(value) or (name != "train_loss" and not math.isfinite(value)):
            shown = value if _is_number(value) else type(value).__name__
            raise PluginError(f"{who}: {name} of epoch {epoch.number} is {shown}, not a number", fix="yield a float")
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
        if value is not None and not (_is_number(value) and 0 <= value <= 1):
            raise PluginError(f"{who}: {name} {value} is not a probability", fix="keep it in [0, 1]")
    problem = _diagnosis_problem(diagnosis)
    if problem:
        raise PluginError(f"{who}: {problem}", fix="correct the plugin's classify()")
    return diagnosis


def check_data(who: str, data: object) -> Data:
    """Return `data` if it is Data with a fingerprint, and a size that a network can be made for."""
    if not isinstance(data, Data):
        raise PluginError(f"{who} returned {type(data).__name__}, not Data", fix="return prunescope.api.Data(...)")
    for name in ("name", "fingerprint"):
        check_text(who, f"the {name} of the data", getattr(data, name))
    if not (_is_count(data.num_classes) and _is_count(data.in_chans)) or not all(map(_is_count, data.image_size)):
        raise PluginError(
            f"{who}: {data.num_classes!r} classes, {data.in_chans!r} channels, size {data.image_size!r}",
            fix="return Data whose sizes are whole numbers from 1 on",
        )
    return data


def check_passes(who: str, passes: object) -> float:
    """Return what a plugin's passes() returned if it is a finite number from 0 on."""
    if not (_is_number(passes) and 0 <= float(passes) < math.inf):  # type: ignore[arg-type]
        raise PluginError(
            f"{who}: passes() returned {type(passes).__name__}, or no finite number", fix="return a float"
        )
    return float(passes)  # type: ignore[arg-type]


def check_text(who: str, what: str, text: object) -> str:
    """Return `text` if it is one that a file can hold and a terminal can show."""
    problem = _text_problem(text)
    if problem:
        raise PluginError(f"{who}: {what} {problem}", fix="return plain text")
    assert isinstance(text, str)  # noqa: S101 - what else has a problem
    return text


def _reading_problem(name: object, reading: object, n_replicas: int) -> str:
    if not isinstance(name, str) or not name:
        return "has no name"
    if _text_problem(name) or len(name) > LONGEST_NAME or name in {".", ".."}:
        return f"has a name that {_text_problem(name) or f'a file cannot hold: {len(name)} characters'}"
    if not isinstance(reading, Reading):
        return f"is a {type(reading).__name__}, not a Reading"
    value = np.asarray(reading.value)
    if value.dtype.kind not in "fiub" or value.dtype.itemsize > 8:
        return f"is not numeric: {value.dtype}"
    if not np.isfinite(value).all():
        return f"is not finite: {value}"
    return _description_problem(reading) or _shape_problem(reading, value, n_replicas)


def _description_problem(reading: Reading) -> str:
    """Return what is wrong with the description of a reading's value."""
    if not reading.unit:
        return 'has no unit (use "1" for a pure number)'
    for what in ("unit", "estimator"):
        if _text_problem(getattr(reading, what)):
            return f"has a value for {what} that {_text_problem(getattr(reading, what))}"
    for what in ("axes", "labels"):
        if _texts_problem(getattr(reading, what)):
            return f"has {what} that {_texts_problem(getattr(reading, what))}"
    if reading.n is not None and not (_is_count(reading.n) or (_is_whole(reading.n) and reading.n == 0)):
        return f"has n = {reading.n!r}, not a number of images or draws"
    return ""


def _shape_problem(reading: Reading, value: np.ndarray, n_replicas: int) -> str:
    if len(reading.axes) != value.ndim:
        return f"has {value.ndim} dimensions but names the axes {reading.axes}"
    if reading.stderr is not None:
        error = np.asarray(reading.stderr)
        if error.dtype.kind not in "fiu" or error.dtype.itemsize > 8 or (error < 0).any():
            return f"has a standard error that is not a number, or below 0: {error}"
        if error.shape != value.shape:
            return f"has a standard error of shape {error.shape} for a value of shape {value.shape}"
    if reading.labels and len(reading.labels) != (value.shape[-1] if value.ndim else 0):
        values = count_text(value.shape[-1] if value.ndim else 1, "value")
        return f"has {count_text(len(reading.labels), 'label')} for {values}"
    return _axis_problem(reading, value, n_replicas)


def _axis_problem(reading: Reading, value: np.ndarray, n_replicas: int) -> str:
    wanted = {"replica": n_replicas, "pair": n_replicas * (n_replicas - 1) // 2}
    for axis, length in zip(reading.axes, value.shape, strict=True):
        if length != wanted.get(axis, length):
            return f"has {count_text(length, 'value')} along {axis!r}, wanted {wanted[axis]}"
    return ""


def _diagnosis_problem(diagnosis: Diagnosis) -> str:
    if not isinstance(diagnosis.regime, Regime | None) or not isinstance(diagnosis.advice, Advice):
        return f"the regime {diagnosis.regime!r} or the advice {diagnosis.advice!r} is none of prunescope.api's"
    for name in ("because", "rests_on"):
        if _texts_problem(getattr(diagnosis, name)):
            return f"{name} {_texts_problem(getattr(diagnosis, name))}"
    if _text_problem(diagnosis.next_buys):
        return f"next_buys {_text_problem(diagnosis.next_buys)}"
    interval = diagnosis.gain_interval
    if interval is not None and not (isinstance(interval, tuple | list) and len(interval) == 2):
        return f"gain_interval {interval!r} is not a pair"
    numbers = [value for value in (diagnosis.gain, *(interval or ())) if value is not None]
    if not all(_is_number(value) and math.isfinite(value) for value in numbers):
        return f"gain {diagnosis.gain!r} and its interval {interval!r} are not finite numbers"
    return ""


def _texts_problem(texts: object) -> str:
    """Return what is wrong with a sequence of texts; a text is none, though it can be taken for one."""
    if not isinstance(texts, tuple | list):
        return f"is a {type(texts).__name__}, not a tuple of texts"
    return next((problem for text in texts if (problem := _text_problem(text))), "")


def _text_problem(text: object) -> str:
    """Return what keeps a text out of a file or a terminal; empty where nothing does.

    >>> _text_problem("a" + chr(0)), _text_problem(5), _text_problem("α/β 1")
    ('holds a control character', 'is a int, not a text', '')
    """
    if not isinstance(text, str):
        return f"is a {type(text).__name__}, not a text"
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text):
        return "holds a control character"
    return "is not valid Unicode" if any(0xD800 <= ord(character) < 0xE000 for character in text) else ""


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool | np.bool_)


def _is_count(value: object) -> bool:
    """Whether a value is a whole number from 1 on that a file can hold."""
    return _is_whole(value) and 1 <= int(value) < LARGEST  # type: ignore[call-overload]
