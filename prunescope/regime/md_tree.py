"""The model-diagnostics tree: is the temperature of one dense model too low, or too high.

Source: Zhou et al., "MD tree: a model-diagnostic tree grown on loss landscape", ICML 2024. The thresholds were fitted
on its public table (ResNet-18 family, CIFAR-10).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

TRAIN_ERROR = 0.00146
"""a: at most this training error means interpolation; the temperature is too low."""
CONNECTIVITY = -0.0442
"""b: a connectivity m − E(t*) above this means a connected landscape; the temperature is too high."""
LOG_TRACE = 6.14
"""c: ln(trace of the Hessian) at most this means flat; the temperature is too high."""

ACCURACY_WITH_CONNECTIVITY = 0.86
ACCURACY_WITHOUT = 0.79


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Where the tree branches, and how often it is right with that; the defaults are those of the public table."""

    train_error: float = TRAIN_ERROR
    connectivity: float = CONNECTIVITY
    log_trace: float = LOG_TRACE
    accuracy: float = ACCURACY_WITH_CONNECTIVITY
    """With connectivity."""
    accuracy_without: float = ACCURACY_WITHOUT


PUBLIC = Thresholds()


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """Where the tree ends: whether the temperature is too low, and the probability of the path taken."""

    too_low: bool
    probability: float
    """That the measured values lie on the sides of the thresholds they seem to, times the tree's own accuracy."""
    because: str


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A value and its standard error."""

    value: float
    stderr: float


def decide(*, train_error: Measured, trace: Measured, lmc: Measured | None, thresholds: Thresholds = PUBLIC) -> Leaf:
    """Walk the tree: training error, then (with a second replica) connectivity, then the Hessian's trace.

    train_error: fraction in [0, 1]; trace: of the Hessian of the mean cross-entropy; lmc: between two dense replicas,
    m − E(t*) along a trained Bezier curve or, where there is none, along the straight line.

    >>> decide(train_error=Measured(value=0.05, stderr=0.002), trace=Measured(value=2000.0, stderr=50.0), lmc=None)
    Leaf(too_low=True, probability=0.79, because='ln(trace of the Hessian) 7.60 > 6.14: the minimum is sharp')
    """
    a, b, c = thresholds.train_error, thresholds.connectivity, thresholds.log_trace
    accuracy = thresholds.accuracy_without if lmc is None else thresholds.accuracy
    side = _above(train_error, a)
    if train_error.value <= a:
        reason = f"training error {train_error.value:.3%} <= {a:.3%}: the network interpolates"
        return _leaf(too_low=True, path=1 - side, accuracy=accuracy, because=reason)
    if lmc is not None and lmc.value > b:
        reason = f"connectivity {lmc.value:.4f} > {b:.4g}: replicas are connected"
        return _leaf(too_low=False, path=side * _above(lmc, b), accuracy=accuracy, because=reason)
    if lmc is not None:
        side *= 1 - _above(lmc, b)
    if trace.value <= 0:
        reason = f"trace of the Hessian {trace.value:.3g} <= 0: the network is not at a minimum"
        return _leaf(too_low=False, path=side, accuracy=accuracy, because=reason)
    log_trace = Measured(value=math.log(trace.value), stderr=trace.stderr / trace.value)
    sharp = log_trace.value > c
    path = side * (_above(log_trace, c) if sharp else 1 - _above(log_trace, c))
    relation = f"> {c:.4g}: the minimum is sharp" if sharp else f"<= {c:.4g}: the minimum is flat"
    reason = f"ln(trace of the Hessian) {log_trace.value:.2f} {relation}"
    return _leaf(too_low=sharp, path=path, accuracy=accuracy, because=reason)


def _leaf(*, too_low: bool, path: float, accuracy: float, because: str) -> Leaf:
    probability = accuracy * path + (1 - accuracy) * (1 - path)
    return Leaf(too_low=too_low, probability=round(probability, 3), because=because)


def _above(measured: Measured, threshold: float) -> float:
    """Probability that the true value exceeds the threshold, for a normal error."""
    if measured.stderr == 0:
        return float(measured.value > threshold)
    return 1 - NormalDist(measured.value, measured.stderr).cdf(threshold)
