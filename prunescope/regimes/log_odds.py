"""Probability that a hotter dense training prunes better, from the signals that are available.

Every signal gives log-odds that the better temperature is the hotter one. They are not independent: how much of each
counts depends on which others are there, and these weights come from a pack of measured studies.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from prunescope.api import Advice
from prunescope.api.errors import EvidenceError, InputError
from prunescope.api.wording import percent
from prunescope.regimes.monotone_curve import Bin, fit_falling_curve, fit_rising_curve
from prunescope.regimes.thresholds import CERTAINTY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.regimes.monotone_curve import MonotoneCurve
    from prunescope.regimes.siblings import Comparison, Gain

FAMILY, POSITION, LMC, MAPPED = "family", "position", "lmc", "mapped"
"""Signals: siblings compared, the place against the recorded schedule, connectivity at this density, and siblings right
after pruning, not retrained."""

PROGRESS = "progress"
"""Signal of `one_checkpoint`: the course of the training before the drop."""

PER_RATIO = 5.0
"""Log-odds for one unit of ln(error on the colder side / error on the hotter side), before the weight."""

LEAST_ERROR = 1e-3
"""Errors right after pruning count as no less: their ratio is that of a few images."""

UNDER_TRAINED = 0.02
"""LMC above this, a training error, is of replicas that are still learning, and says nothing of the direction."""

WEIGHTS_KIND = "prunescope-direction"

WEIGHTS_SCHEMA = 1

SHIPPED = "direction-5.json"

SHARE = "share of the fall"
"""What the curve of the progress is of since direction-4; direction-3 has a curve of another measurement."""


@dataclass(frozen=True, kw_only=True)
class MapTrust:
    """What studies say of choosing by the error without retraining: mean regrets, fractions of test error."""

    studies: int
    regret: float
    """Of the network with the least training error after pruning, BatchNorm re-estimated."""
    brief: float
    """Of the one with the least training error after brief retraining."""
    random: float


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What studies show of each signal, and how much of it counts beside others."""

    name: str
    source: str
    lmc: MonotoneCurve
    """LMC -> probability that hotter is better."""
    position: float
    """How often "past the first drop of the learning rate: hotter, before it: colder" is right."""
    most: float
    """No probability beyond this is stated: the studies are too few for more."""
    weights: Mapping[frozenset[str], Mapping[str, float]]
    """Signals that are available -> weight of each."""
    map: MapTrust | None = None
    """None where no study says it."""
    curves: Mapping[str, MonotoneCurve] = field(default_factory=dict)
    """PROGRESS -> the curve from the measurement to the probability that hotter is better; {} in packs before
    direction-4, whose studies measured another or none."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """The same -> the largest probability that it states by itself: that of so many studies, not cells."""


@dataclass(frozen=True, kw_only=True)
class Direction:
    """P(direction), and what it rests on."""

    hotter: float
    """Probability that the better dense training is a hotter one, given that it is not this one."""
    log_odds: Mapping[str, float]
    """Of each signal by itself; positive: hotter."""
    weights: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do with the temperature, and how probable it is that this is right."""

    advice: Advice
    probability: float
    """Of the direction that is advised; of the more probable one with Advice.NONE; with KEEP that the best is here."""
    gain: Gain | None
    """Measured between siblings, in training error after brief retraining; None where that side was not measured."""
    because: str


def load_calibration(text: str | None = None) -> Calibration:
    """Return the calibration in the text of a pack; the shipped one without any. InputError for anything else."""
    if text is None:
        return _shipped_calibration()
    try:
        return _calibration(json.loads(text))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"this is not a pack of kind {WEIGHTS_KIND!r}: {error}", fix="give one that is shipped"
        ) from error


@lru_cache(maxsize=1)
def _shipped_calibration() -> Calibration:
    """Return the calibration that is shipped, read once: a report asks for it for each of thousands of cells."""
    return load_calibration(resources.files("prunescope.regimes.packs").joinpath(SHIPPED).read_text(encoding="utf-8"))


def _calibration(found: Mapping[str, Any]) -> Calibration:
    if (found["kind"], found["schema_version"]) != (WEIGHTS_KIND, WEIGHTS_SCHEMA):
        raise ValueError(f"kind {found['kind']!r}, schema {found['schema_version']!r}")
    alone = {PROGRESS: found[PROGRESS]} if found.get(PROGRESS, {}).get("of") == SHARE else {}
    return Calibration(
        name=str(found["name"]),
        source=str(found["source"]),
        lmc=fit_falling_curve(_bins(found["lmc"])),
        position=_jeffreys(found["position"]),
        most=_jeffreys(found["family"]),
        weights={frozenset(names.split("+")): dict(each) for names, each in found["weights"].items()},
        map=MapTrust(**found["map"]) if "map" in found else None,
        curves={name: fit_rising_curve(_bins(each["bins"])) for name, each in alone.items()},
        limits={name: _jeffreys({"right": each["studies"], "of": each["studies"]}) for name, each in alone.items()},
    )


def _bins(found: Sequence[Mapping[str, Any]]) -> list[Bin]:
    return [Bin(low=one["low"], high=one["high"], hits=one["hotter"], of=one["of"]) for one in found]


def _jeffreys(counts: Mapping[str, int]) -> float:
    """Return the mean of the posterior of a rate under Jeffreys' prior."""
    return (counts["right"] + 0.5) / (counts["of"] + 1)


def lmc_log_odds(draws: Sequence[float] | np.ndarray, calibration: Calibration) -> float:
    """Return the log-odds of hotter from draws of the mean LMC: the curve's probability, averaged over them.

    Above `UNDER_TRAINED` it is ½: the network between two replicas is better than both.

    >>> shipped = load_calibration()
    >>> lmc_log_odds([-0.4], shipped) > 0 > lmc_log_odds([-0.05], shipped) > lmc_log_odds([0.0], shipped)
    True
    """
    places = np.asarray(draws, dtype=np.float64)
    found = np.where(places > UNDER_TRAINED, 1 / 2, calibration.lmc.probability(places))
    return log_odds(float(found.mean()))


def position_log_odds(epochs: float, drop: float, calibration: Calibration) -> float:
    """Return the log-odds of hotter from the epochs of dense training and that of the first drop of its learning rate.

    Past the drop hotter, before it colder. At the drop, 0: the network is the last one before it, which no direction
    improves as a rule.

    >>> shipped = load_calibration()
    >>> [round(position_log_odds(epochs, 80, shipped)) for epochs in (160, 80, 40)]
    [4, 0, -4]
    """
    size = log_odds(calibration.position)
    return size if epochs > drop else -size if epochs < drop else 0.0


def family_log_odds(comparison: Comparison, calibration: Calibration) -> float:
    """Return the log-odds of hotter from siblings compared; no more than the studies can support."""
    return log_odds(min(max(comparison.direction, 1 - calibration.most), calibration.most))


def mapped_log_odds(here: float, hotter: Sequence[float], colder: Sequence[float], calibration: Calibration) -> float:
    """Return the log-odds of hotter from training errors right after pruning, BatchNorm re-estimated, not retrained.

    Formula: 5 ln(least error on the colder side / least error on the hotter side); a side without a sibling counts as
    the network itself. No more than the studies can support. Errors: fractions in [0, 1].

    >>> found = mapped_log_odds(0.5, [0.4], [0.6], load_calibration())
    >>> round(found, 2), mapped_log_odds(0.5, [], [0.5], load_calibration())
    (2.03, 0.0)
    """
    least = [max(LEAST_ERROR, min(side, default=here)) for side in (colder, hotter)]
    most = log_odds(calibration.most)
    return min(max(PER_RATIO * math.log(least[0] / least[1]), -most), most)


def curve_log_odds(signal: str, value: float, calibration: Calibration) -> float:
    """Return the log-odds of hotter from the progress of one checkpoint, a share.

    No more than so many studies without an exception support, however many cells they have: cells share their network,
    data and recipe. Raises KeyError where the calibration has no curve of this signal.

    >>> shipped = load_calibration()
    >>> curve_log_odds("progress", 0.0, shipped) < 0 < curve_log_odds("progress", 0.7, shipped)
    True
    """
    most = log_odds(calibration.limits[signal])
    return min(max(log_odds(float(calibration.curves[signal].probability([value])[0])), -most), most)


def combine_signals(signals: Mapping[str, float], calibration: Calibration) -> Direction:
    """Return the probability that hotter is better: Σ weight · log-odds, weights for just these signals.

    Raises EvidenceError where there is no signal, or the pack has no weights for those that there are.

    >>> found = combine_signals({"position": 3.4, "lmc": 3.1}, load_calibration())
    >>> sorted(found.weights), found.hotter > 1 / 2
    (['lmc', 'position'], True)
    """
    weights = calibration.weights.get(frozenset(signals))
    if weights is None:
        named = ", ".join(sorted(signals)) or "no signal"
        raise EvidenceError(f"{calibration.name} has no weights for {named}", fix="calibrate with these signals")
    total = sum(weights[name] * signals[name] for name in sorted(signals))
    hotter = min(max(probability(total), 1 - calibration.most), calibration.most)
    return Direction(hotter=hotter, log_odds=dict(signals), weights=dict(weights))


def decide_step(direction: Direction, comparison: Comparison | None, *, certainty: float = CERTAINTY) -> Decision:
    """Return what to do with the temperature; Advice.NONE where no direction is probable enough.

    Keep is advised only where both sides were measured and it is that probable that neither is better. A side whose
    measured interval is worse is never advised.
    """
    hotter = direction.hotter >= 1 / 2
    stated = max(direction.hotter, 1 - direction.hotter)
    gain = None if comparison is None else comparison.gain_hotter if hotter else comparison.gain_colder
    side, advice = ("hotter", Advice.RAISE) if hotter else ("colder", Advice.LOWER)
    if comparison is not None and comparison.both_sides:
        if comparison.here >= certainty:
            because = "siblings on both sides were measured; neither is better"
            return Decision(advice=Advice.KEEP, probability=comparison.here, gain=None, because=because)
        if comparison.here > 1 / 2:
            because = "siblings on both sides were measured; probably neither is better"
            return Decision(advice=Advice.NONE, probability=stated, gain=gain, because=because)
    if gain is not None and gain.high < 0:
        because = f"the {side} side is the more probable one, but its measured sibling is worse"
        return Decision(advice=Advice.NONE, probability=stated, gain=gain, because=because)
    if stated < certainty:
        because = f"{side} is the more probable direction, but with less than {percent(certainty)}"
        return Decision(advice=Advice.NONE, probability=stated, gain=gain, because=because)
    return Decision(
        advice=advice, probability=stated, gain=gain, because=f"a {side} dense training gives a better network to prune"
    )


def log_odds(probability: float) -> float:
    """Return ln(p / (1 − p)); infinite at 0 and 1."""
    if probability in (0.0, 1.0):
        return math.inf if probability else -math.inf
    return math.log(probability / (1 - probability))


def probability(log_odds: float) -> float:
    """Return 1 / (1 + e^−x).

    >>> round(probability(0.0), 1), probability(-800.0), probability(800.0)
    (0.5, 0.0, 1.0)
    """
    if log_odds < 0:
        return 1 - probability(-log_odds)
    return 1 / (1 + math.exp(-log_odds))
