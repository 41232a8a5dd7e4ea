"""What came out of a comparison: a point for every model, and their mean and spread over seeds."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Literal

from prunescope.runs.files import glance
from prunescope.studies.phase.transition import student_t

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.session import Session
    from prunescope.studies.comparison.layout import ComparisonLayout

Quantity = Literal["top1", "top5", "compression", "speedup"]

NAMES: dict[Quantity, str] = {
    "top1": "errors/test_error",
    "top5": "errors/test_error_top5",
    "compression": "size/compression",
    "speedup": "size/theoretical_speedup",
}

ERRORS = ("top1", "top5")
"""Stored as errors, reported as accuracies."""


@dataclass(frozen=True, kw_only=True)
class ComparedPoint:
    """One retrained model, or a dense one; what was not measured is None."""

    seed: int
    top1: float | None = None
    """Share of the test images that are classified rightly, in [0, 1]."""
    top5: float | None = None
    """Share of the test images whose class is among the five most likely."""
    compression: float | None = None
    """All parameters / non-zero parameters."""
    speedup: float | None = None
    """Operations of all weights / of non-zero ones: a bound."""


@dataclass(frozen=True)
class Summary:
    """A quantity over seeds."""

    mean: float
    deviation: float | None
    """Standard deviation (n − 1); None of one seed."""
    n: int


@dataclass(frozen=True, kw_only=True)
class MeasuredComparison:
    """Everything a comparison found so far."""

    densities: tuple[float, ...]
    """From the densest on."""
    seeds: tuple[int, ...]
    """Of the dense training; everything that follows is drawn from the same."""
    dense: tuple[ComparedPoint, ...]
    pruned: dict[str, dict[float, tuple[ComparedPoint, ...]]]
    """Pruner -> density -> a point for every seed that is finished."""

    @property
    def missing(self) -> list[tuple[str, float]]:
        """The pruners and densities of which some seed is not measured."""
        return [
            (label, density)
            for label, found in self.pruned.items()
            for density, points in found.items()
            if len(points) < len(self.seeds)
        ]


def read_comparison(layout: ComparisonLayout, session: Session) -> MeasuredComparison:
    """Return what is finished."""
    finished = frozenset(session.store.ids())
    pruned: dict[str, dict[float, tuple[ComparedPoint, ...]]] = {}
    densities = tuple(sorted(layout.study.densities, reverse=True))
    for label, one in layout.grids.items():
        found: dict[float, list[ComparedPoint]] = {density: [] for density in densities}
        for cell in one.cells:
            found[cell.density] += _points(cell.seed, cell.probes, session, finished)
        pruned[label] = {density: tuple(points) for density, points in found.items()}
    dense = [point for seed, probes in layout.dense.items() for point in _points(seed, probes, session, finished)]
    return MeasuredComparison(densities=densities, seeds=layout.study.dense_seeds, dense=tuple(dense), pruned=pruned)


def _points(seed: int, probes: Sequence[Recipe], session: Session, finished: AbstractSet[str]) -> list[ComparedPoint]:
    """Return one point, or none when no probe is finished."""
    found: dict[str, float] = {}
    for recipe in probes:
        names = [name for name in NAMES.values() if name.startswith(f"{recipe.plugin}/")]
        if recipe.id in finished:
            found |= {
                name: float(value.reshape(-1)[0])
                for name, (value, _) in glance.arrays(session.store.path(recipe.id), names).items()
            }
    if not found:
        return []
    values = {
        quantity: 1 - found[name] if quantity in ERRORS else found[name]
        for quantity, name in NAMES.items()
        if name in found
    }
    return [ComparedPoint(seed=seed, **values)]


def summarize(points: Sequence[ComparedPoint], quantity: Quantity) -> Summary | None:
    """Return mean and standard deviation over seeds, None where nothing was measured.

    >>> summarize([ComparedPoint(seed=seed, compression=2.0 + seed) for seed in range(3)], "compression")
    Summary(mean=3.0, deviation=1.0, n=3)
    """
    values = [value for point in points if (value := getattr(point, quantity)) is not None]
    if not values:
        return None
    return Summary(fmean(values), stdev(values) if len(values) > 1 else None, len(values))


def best(measured: MeasuredComparison, density: float) -> tuple[str, tuple[str, ...]] | None:
    """Return the pruner with the best mean top-1 accuracy at a density, and those that are level with it.

    Two pruners are level unless the 95 % interval (Student's t) of their difference, paired by seed, leaves out 0;
    with one seed all are. Many such comparisons are made: see them as a hint.
    """
    means = {
        label: found.mean for label, points in measured.pruned.items() if (found := summarize(points[density], "top1"))
    }
    if not means:
        return None
    first = max(means, key=lambda label: means[label])
    beside = tuple(label for label in means if label != first and not _apart(measured, density, first, label))
    return first, beside


def _apart(measured: MeasuredComparison, density: float, one: str, other: str) -> bool:
    of_one, of_other = ({p.seed: p.top1 for p in measured.pruned[label][density]} for label in (one, other))
    paired = [a - b for seed, a in of_one.items() if a is not None and (b := of_other.get(seed)) is not None]
    if len(paired) < 2:
        return False
    return abs(fmean(paired)) > student_t(len(paired) - 1) * stdev(paired) / sqrt(len(paired))
