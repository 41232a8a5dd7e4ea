"""The claim of the three regimes as a test: on which side of the transition a model prunes better.

Two neighbouring values of the knob are compared at every density. The unit of analysis is the dense seed: replicas of
one dense model are not independent, they share it. With S dense seeds, d_s = mean test error of the colder value's
replicas minus that of the hotter's, and z = mean(d) / (stdev(d) / sqrt(S)); its 95 % interval takes Student's t with
S - 1 degrees of freedom. Positive: the hotter neighbour is better.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from statistics import fmean, stdev, variance
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from prunescope.studies.phase.diagram import PhaseDiagram, Sample

SURE = 2.0
"""|z| from here on is reported as a difference."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Test error of the colder neighbour minus that of the hotter one, at one density."""

    density: float
    by_seed: tuple[float, ...]
    """One per dense seed."""
    stderr: float | None
    """Over dense seeds; None with fewer than two."""
    replica_stderr: float | None
    """Of retraining alone, these dense models taken as given; None with fewer than two replicas."""

    @property
    def mean(self) -> float:
        """Mean over dense seeds; positive: hotter is better."""
        return fmean(self.by_seed)

    @property
    def z(self) -> float | None:
        """Mean / standard error over dense seeds; over replicas where there is one dense seed."""
        error = self.stderr if self.stderr is not None else self.replica_stderr
        return self.mean / error if error else None

    @property
    def replica_z(self) -> float | None:
        """Mean / standard error of retraining alone."""
        return self.mean / self.replica_stderr if self.replica_stderr else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval over dense seeds by Student's t."""
        if self.stderr is None:
            return None
        reach = self.stderr * student_t(len(self.by_seed) - 1)
        return self.mean - reach, self.mean + reach

    @property
    def better(self) -> Literal["hotter", "colder", ""]:
        """Which neighbour is better by |z| >= SURE; empty: neither is shown to be."""
        if self.z is None or abs(self.z) < SURE:
            return ""
        return "hotter" if self.mean > 0 else "colder"


@dataclass(frozen=True, kw_only=True)
class FoundTransition:
    """Two neighbouring values of the knob, compared at every density."""

    hotter: float
    colder: float
    picked: Literal["drop", "data", "end"]
    """Why these: the first learning-rate drop lies between them; or the data show the largest flip there; or the colder
    is where the axis ends."""
    differences: tuple[Difference, ...]


def find_transition(diagram: PhaseDiagram) -> FoundTransition | None:
    """Return the transition to look at; None with fewer than two values, or where no pair was tested."""
    if diagram.drops:
        first = diagram.drops[0]
        pairs = [(hot, cold) for hot, cold in pairwise(diagram.values) if hot <= first < cold]
        if pairs:
            return _between(diagram, *pairs[0], picked="drop")
    candidates = [_between(diagram, hot, cold, picked="data") for hot, cold in pairwise(diagram.values)]
    known = [candidate for candidate in candidates if candidate is not None]
    return max(known, key=_flip, default=None)


def to_the_end(diagram: PhaseDiagram, found: FoundTransition | None) -> FoundTransition | None:
    """Return a hotter value against the coldest; None where that is the same comparison.

    The hotter side of a transition that a drop marks; where the data picked it, the hottest value of all, so that
    nothing is picked.
    """
    if found is None:
        return None
    hotter = diagram.values[0] if found.picked == "data" else found.hotter
    if (hotter, diagram.values[-1]) == (found.hotter, found.colder):
        return None
    return _between(diagram, hotter, diagram.values[-1], picked="end")


def student_t(freedom: int) -> float:
    """Return the two-sided 95 % point of Student's t with `freedom` degrees of freedom, at least 1.

    Formula: the 97.5 % quantile of the t distribution. Source: scipy.special, whose function `scipy.stats.t.ppf` calls
    (importing `scipy.stats` takes 0.5 s more).

    >>> [round(student_t(freedom), 3) for freedom in (1, 11, 30)]
    [12.706, 2.201, 2.042]
    """
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.975))


def _flip(transition: FoundTransition) -> float:
    """Return how far the difference reaches to both sides; its largest size breaks ties."""
    means = [difference.mean for difference in transition.differences]
    return min(max(means), -min(means)) + 1e-3 * max(map(abs, means))


def _between(
    diagram: PhaseDiagram, hot: float, cold: float, *, picked: Literal["drop", "data", "end"]
) -> FoundTransition | None:
    found = [_difference(diagram, density, hot, cold) for density in diagram.densities]
    known = tuple(difference for difference in found if difference is not None)
    return FoundTransition(hotter=hot, colder=cold, picked=picked, differences=known) if known else None


def _difference(diagram: PhaseDiagram, density: float, hot: float, cold: float) -> Difference | None:
    sides = [
        {sample.seed: sample for sample in diagram.cells[value, density].samples if sample.test_error}
        for value in (hot, cold)
    ]
    seeds = sorted(set(sides[0]) & set(sides[1]))
    if not seeds:
        return None
    by_seed = tuple(fmean(sides[1][seed].test_error) - fmean(sides[0][seed].test_error) for seed in seeds)
    return Difference(
        density=density,
        by_seed=by_seed,
        stderr=stdev(by_seed) / sqrt(len(by_seed)) if len(by_seed) > 1 else None,
        replica_stderr=_replica_stderr([side[seed] for side in sides for seed in seeds], len(seeds)),
    )


def _replica_stderr(samples: list[Sample], seeds: int) -> float | None:
    """Return the standard error of the mean difference when only retraining is random."""
    if any(len(sample.test_error) < 2 for sample in samples):
        return None
    return sqrt(sum(variance(sample.test_error) / len(sample.test_error) for sample in samples)) / seeds
