"""The model-diagnostics tree: is the temperature of one dense model too low, or too high.

Source: Zhou et al., "MD tree: a model-diagnostic tree grown on loss landscape", ICML 2024. The thresholds, and how
often each leaf is right, are those of its public table (ResNet-18 family, CIFAR-10); docs/rules.md has its evaluation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import NormalDist
from types import MappingProxyType
from typing import TYPE_CHECKING

from prunescope.api.wording import lmc_text, percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TRAIN_ERROR = 0.00146
"""a: at most this training error means interpolation; the temperature is too low."""
CONNECTIVITY = -0.0442
"""b: a connectivity above this means a connected landscape; the temperature is too high."""
LOG_TRACE = 6.14
"""c: ln(trace of the Hessian) at most this means flat; the temperature is too high."""


class Level(StrEnum):
    """What the tree uses beside training error and trace."""

    PEAK = "peak"
    """−max E(t) between the ends of a trained curve: the column `mode_connectivity_peak` on which b was fitted."""
    CONNECTIVITY = "connectivity"
    """m − E(t*): the column `mode_connectivity`."""
    ALONE = "alone"
    """Nothing: one checkpoint."""


class Region(StrEnum):
    """Where the tree ends."""

    INTERPOLATES = "interpolates"
    CONNECTED = "connected"
    FLAT = "flat"
    SHARP = "sharp"


@dataclass(frozen=True)
class Rate:
    """In how many of so many models a leaf was right."""

    right: int
    of: int

    @property
    def share(self) -> float:
        """The share that was right; NaN where no model reached the leaf."""
        return self.right / self.of if self.of else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Ends of the 95 % interval of that share (Wilson 1927); from 0 to 1 where no model reached the leaf.

        >>> [round(end, 3) for end in Rate(11, 33).interval]
        [0.198, 0.504]
        """
        if not self.of:
            return 0.0, 1.0
        z2 = NormalDist().inv_cdf(0.975) ** 2
        middle = (self.right + z2 / 2) / (self.of + z2)
        half = math.sqrt(z2 * (self.right * (self.of - self.right) / self.of + z2 / 4)) / (self.of + z2)
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        low, high = self.interval
        interval = f"95 % interval {percent(low)} to {percent(high)}"
        return f"right in {self.right} of {self.of} ({percent(self.share)}, {interval})"


Rates = MappingProxyType[tuple[Level, Region], Rate]

PUBLIC_RATES: Rates = MappingProxyType(
    {
        (Level.PEAK, Region.INTERPOLATES): Rate(567, 581),
        (Level.PEAK, Region.CONNECTED): Rate(531, 531),
        (Level.PEAK, Region.FLAT): Rate(128, 163),
        (Level.PEAK, Region.SHARP): Rate(244, 285),
        (Level.CONNECTIVITY, Region.INTERPOLATES): Rate(567, 581),
        (Level.CONNECTIVITY, Region.CONNECTED): Rate(670, 707),
        (Level.CONNECTIVITY, Region.FLAT): Rate(11, 33),
        (Level.CONNECTIVITY, Region.SHARP): Rate(220, 239),
        (Level.ALONE, Region.INTERPOLATES): Rate(567, 581),
        (Level.ALONE, Region.FLAT): Rate(433, 468),
        (Level.ALONE, Region.SHARP): Rate(244, 511),
    }
)
"""On the 1,560 networks of the public table without label noise that are off their optimum: docs/md_tree_table.py."""


@dataclass(frozen=True, kw_only=True)
class TreeThresholds:
    """Where the tree branches, and how often each leaf is right; the defaults are those of the public table."""

    train_error: float = TRAIN_ERROR
    connectivity: float = CONNECTIVITY
    log_trace: float = LOG_TRACE
    rates: Mapping[tuple[Level, Region], Rate] = field(default_factory=lambda: PUBLIC_RATES)
    """A leaf that is not listed has no known rate."""


PUBLIC = TreeThresholds()


def read_rates(leaves: Sequence[str]) -> dict[tuple[Level, Region], Rate]:
    """Return the rates of leaves that are written as level:leaf:right:of.

    Raises ValueError for anything else.

    >>> read_rates(["alone:flat:433:468"])[Level.ALONE, Region.FLAT]
    Rate(right=433, of=468)
    """
    found = {}
    for text in leaves:
        level, place, right, of = text.split(":")
        found[Level(level), Region(place)] = Rate(int(right), int(of))
    return found


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """Where the tree ends: whether the temperature is too low, and the probability of the path taken."""

    place: Region
    probability: float | None
    """How often the leaf is right, with the errors of measurement on the way to it; None: its rate is not known."""
    rate: Rate | None
    because: str

    @property
    def too_low(self) -> bool:
        """Whether the temperature is too low there."""
        return self.place in {Region.INTERPOLATES, Region.SHARP}


@dataclass(frozen=True, kw_only=True)
class TreeReadings:
    """A value and its standard error."""

    value: float
    stderr: float


def decide(
    *,
    train_error: TreeReadings,
    trace: TreeReadings,
    lmc: TreeReadings | None,
    thresholds: TreeThresholds = PUBLIC,
    level: Level = Level.CONNECTIVITY,
) -> Leaf:
    """Walk the tree: training error, then (with a second replica) connectivity, then the Hessian's trace.

    train_error: fraction in [0, 1]; trace: of the Hessian of the mean cross-entropy; lmc: connectivity of two dense
    replicas along a trained curve, of the kind of `level`; None: not known, and the level is Level.ALONE.

    >>> trace = TreeReadings(value=2e3, stderr=5.0)
    >>> leaf = decide(train_error=TreeReadings(value=0.05, stderr=0.002), trace=trace, lmc=None)
    >>> leaf.too_low, leaf.probability, str(leaf.rate), leaf.because
    (True, 0.477, 'right in 244 of 511 (48 %, 95 % interval 43 % to 52 %)',
     'ln(trace of the Hessian) 7.60 > 6.14: the minimum is sharp')
    """
    place, path, because = _walk(train_error, trace, lmc, thresholds)
    rate = thresholds.rates.get((Level.ALONE if lmc is None else level, place))
    if rate is None or not rate.of:
        return Leaf(place=place, probability=None, rate=None, because=because)
    probability = rate.share * path + (1 - rate.share) * (1 - path)
    return Leaf(place=place, probability=round(probability, 3), rate=rate, because=because)


def _walk(
    train_error: TreeReadings, trace: TreeReadings, lmc: TreeReadings | None, thresholds: TreeThresholds
) -> tuple[Region, float, str]:
    """Return the leaf, the probability that the true values lead to it, and the reason."""
    a, b, c = thresholds.train_error, thresholds.connectivity, thresholds.log_trace
    side = _above(train_error, a)
    if train_error.value <= a:
        reason = f"training error {percent(train_error.value, 3)} <= {percent(a, 3)}: the network interpolates"
        return Region.INTERPOLATES, 1 - side, reason
    if lmc is not None and lmc.value > b:
        reason = f"connectivity {lmc_text(lmc.value)} > {lmc_text(b)}: replicas are connected"
        return Region.CONNECTED, side * _above(lmc, b), reason
    if lmc is not None:
        side *= 1 - _above(lmc, b)
    if trace.value <= 0:
        return Region.FLAT, side, f"trace of the Hessian {trace.value:.3g} <= 0: the network is not at a minimum"
    log_trace = TreeReadings(value=math.log(trace.value), stderr=trace.stderr / trace.value)
    above = _above(log_trace, c)
    reason = f"ln(trace of the Hessian) {log_trace.value:.2f}"
    if log_trace.value > c:
        return Region.SHARP, side * above, f"{reason} > {c:.4g}: the minimum is sharp"
    return Region.FLAT, side * (1 - above), f"{reason} <= {c:.4g}: the minimum is flat"


def _above(measured: TreeReadings, threshold: float) -> float:
    """Probability that the true value exceeds the threshold, for a normal error."""
    if measured.stderr == 0:
        return float(measured.value > threshold)
    return 1 - NormalDist(measured.value, measured.stderr).cdf(threshold)
