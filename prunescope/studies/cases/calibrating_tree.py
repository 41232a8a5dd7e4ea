"""Fitting the thresholds of the model-diagnostics tree to the dense models of studies, and its accuracy when left out.

A dense model counts when its test error exceeds the lowest of its study by more than a tolerance; its temperature is
too low where the best lies at a hotter value of the knob. The fit takes the thresholds a, b, c with which the tree is
right most often. Ties are wide, since only values between two models make a difference: the answer is their middle, and
the interval has them inside. b is fitted where connectivity was measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api import Advice
from prunescope.api.errors import EvidenceError
from prunescope.regimes.direction import targets
from prunescope.regimes.md_tree import Level, Region
from prunescope.studies.cases.calibrating import LEAST_CELLS, Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.regimes.md_tree import TreeThresholds
    from prunescope.studies.cases.dense import Dense

MOST_CANDIDATES = 24
"""Candidates of a threshold; among more models these lie at quantiles."""


@dataclass(frozen=True, kw_only=True)
class FittedLine:
    """The dense models of one study, along its knob."""

    study: str
    knob: str
    models: tuple[Dense, ...]


@dataclass(frozen=True, kw_only=True)
class TreeFit:
    """Thresholds and how often the tree is right with them."""

    train_error: Interval
    """a"""
    connectivity: Interval | None
    """b; None where no model's connectivity is known."""
    log_trace: Interval
    """c"""
    cells: int
    too_low: int
    """Models among them whose temperature is too low."""
    accuracy: float
    held_out: float
    """For each model, by thresholds fitted to all others."""
    plain: float
    """With the thresholds to compare with."""
    leaves: tuple[str, ...]
    """How often each leaf is right for models left out, as level:leaf:right:of."""


@dataclass(frozen=True)
class _Models:
    """The models that count, as arrays of equal length."""

    train_error: np.ndarray
    connectivity: np.ndarray
    """NaN where it is not known."""
    log_trace: np.ndarray
    """-inf where the trace is not positive: not at a minimum, which the tree calls flat."""
    too_low: np.ndarray
    """Whether the best of the study is hotter."""
    either: np.ndarray
    """Whether equal optima lie on both sides, so that any answer is right."""


def fit_tree(lines: Sequence[FittedLine], *, tolerance: float, plain: TreeThresholds, draws: int, seed: int) -> TreeFit:
    """Return the thresholds with which the tree is right most often.

    tolerance: models within it of their study's lowest test error are left out. plain: thresholds to compare with.
    Raises EvidenceError where too few models remain.
    """
    models = _models(lines, tolerance)
    cells = len(models.too_low)
    if cells < LEAST_CELLS:
        raise EvidenceError(
            f"{cells} dense models lie more than {tolerance:g} above the best dense test error of their study",
            fix=f"{LEAST_CELLS} are required, with [[dense_probes]] errors and hessian: give more studies",
        )
    candidates, right = _table(models)
    best = _best(candidates, right.sum(axis=1))
    low, high = np.quantile(_bootstrap(candidates, right, draws=draws, seed=seed), [0.1, 0.9], axis=0)
    a, b, c = (_interval(*ends) for ends in zip(best, low, high, strict=True))
    without = [_without(candidates, right, place) for place in range(cells)]
    return TreeFit(
        train_error=a,
        connectivity=b if np.isfinite(models.connectivity).any() else None,
        log_trace=c,
        cells=cells,
        too_low=int((models.too_low & ~models.either).sum()),
        accuracy=float(_right(models, *best).mean()),
        held_out=float(np.mean([_right(models, *found)[place] for place, found in enumerate(without)])),
        plain=float(_right(models, plain.train_error, plain.connectivity, plain.log_trace).mean()),
        leaves=_leaves(models, without),
    )


def _models(lines: Sequence[FittedLine], tolerance: float) -> _Models:
    rows = []
    for line in lines:
        wanted = targets({one.value: one.test_error for one in line.models}, knob=line.knob, tolerance=tolerance)
        for one in line.models:
            if one.value in wanted:
                between = math.nan if one.connectivity is None else one.connectivity
                sharp = math.log(one.trace) if one.trace > 0 else -math.inf
                ways = wanted[one.value]
                rows.append((one.train_error, between, sharp, Advice.RAISE in ways, len(ways) > 1))
    columns = list(zip(*rows, strict=True)) or [(), (), (), (), ()]
    kinds = (float, float, float, bool, bool)
    return _Models(*(np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)))


def _right(models: _Models, a: float, b: float, c: float) -> np.ndarray:
    """Return in which models the tree is right; thresholds may be arrays (candidates, 1)."""
    connected = np.nan_to_num(models.connectivity, nan=-np.inf) > b
    raised = (models.train_error <= a) | (~connected & (models.log_trace > c))
    return np.asarray((raised == models.too_low) | models.either)


def _table(models: _Models) -> tuple[np.ndarray, np.ndarray]:
    """Return all candidates (candidates, 3), and whether each is right in each model (candidates, models)."""
    axes = [
        np.unique(_between(models.train_error).clip(0, 1)),
        np.unique(_between(models.connectivity).clip(-1, 1)),
        _between(models.log_trace),
    ]
    candidates = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    return candidates, _right(models, *np.moveaxis(candidates, 1, 0)[..., None])


def _between(values: np.ndarray) -> np.ndarray:
    """Return a candidate between every two neighbouring values, and one beyond either end; at most MOST_CANDIDATES."""
    known = np.unique(values[np.isfinite(values)])
    if not len(known):
        return np.zeros(1)
    inner = [(low + high) / 2 for low, high in pairwise(known)]
    margin = (known[-1] - known[0]) / (2 * max(len(known) - 1, 1)) or 1e-3
    found = np.array([known[0] - margin, *inner, known[-1] + margin])
    if len(found) <= MOST_CANDIDATES:
        return found
    kept: np.ndarray = found[np.linspace(0, len(found) - 1, MOST_CANDIDATES).round().astype(int)]
    return kept


def _best(candidates: np.ndarray, counts: np.ndarray) -> tuple[float, float, float]:
    """Return the middle of the tied candidates, one threshold after the other."""
    tied = candidates[counts == counts.max()]
    found = []
    for axis in range(3):
        values = np.unique(tied[:, axis])
        middle = values[(len(values) - 1) // 2]
        found.append(float(middle))
        tied = tied[tied[:, axis] == middle]
    return found[0], found[1], found[2]


def _without(candidates: np.ndarray, right: np.ndarray, place: int) -> tuple[float, float, float]:
    """Return the thresholds fitted to all models but one."""
    return _best(candidates, right.sum(axis=1) - right[:, place])


def _leaves(models: _Models, without: Sequence[tuple[float, float, float]]) -> tuple[str, ...]:
    """Return how often each leaf is right, each model judged by thresholds that were fitted to the others."""
    found: dict[tuple[Level, Region], list[bool]] = {}
    for place, (a, b, c) in enumerate(without):
        known = float(models.connectivity[place])
        interpolates, sharp = models.train_error[place] <= a, models.log_trace[place] > c
        alone = Region.INTERPOLATES if interpolates else Region.SHARP if sharp else Region.FLAT
        ways = {Level.ALONE: alone}
        if math.isfinite(known):
            ways[Level.CONNECTIVITY] = Region.CONNECTED if known > b and not interpolates else alone
        for level, leaf in ways.items():
            raised = leaf in {Region.INTERPOLATES, Region.SHARP}
            right = bool(models.either[place] or raised == models.too_low[place])
            found.setdefault((level, leaf), []).append(right)
    return tuple(f"{level}:{leaf}:{sum(right)}:{len(right)}" for (level, leaf), right in sorted(found.items()))


def _bootstrap(candidates: np.ndarray, right: np.ndarray, *, draws: int, seed: int) -> np.ndarray:
    """Return thresholds fitted to resampled models, among tied ones any, (draws, 3)."""
    generator = np.random.Generator(np.random.PCG64(seed))
    cells, table = right.shape[1], right.astype(np.float32)
    found = []
    for _ in range(draws):
        counts = table @ generator.multinomial(cells, np.full(cells, 1 / cells)).astype(np.float32)
        found.append(candidates[generator.choice(np.flatnonzero(counts == counts.max()))])
    return np.array(found)


def _interval(value: float, low: float, high: float) -> Interval:
    return Interval(value=value, low=float(min(low, value)), high=float(max(high, value)))
