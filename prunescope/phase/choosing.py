"""Case 2: which model of a family to prune, by several ways to choose; and what each choice costs.

A family is the dense models of one dense seed. The regret of a choice is the test error of its retrained replicas minus
the lowest in the family, in hindsight: chosen and charged on the same replicas, so that noise counts against every way
but the oracle.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from prunescope.phase.direction import before_drop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from prunescope.phase.diagram import PhaseDiagram


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One dense model of a family at one density."""

    value: float
    test_error: float
    """Of its retrained replicas."""
    lmc: float | None
    cka: float | None
    dense_error: float | None


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What one way to choose does at one density."""

    density: float
    values: tuple[float, ...]
    """The values of the knob it takes, over dense seeds, each once; empty for a random choice."""
    regret: float
    """Mean over dense seeds, a fraction."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to choose, at every density."""

    key: str
    chosen: tuple[Chosen | None, ...]
    """None where it cannot choose."""
    missing: str = ""
    """Why it chooses nowhere."""

    @property
    def regret(self) -> float | None:
        """Mean over the densities where it chooses."""
        found = [chosen.regret for chosen in self.chosen if chosen is not None]
        return fmean(found) if found else None

    @property
    def worst(self) -> float | None:
        """Largest regret over the densities."""
        return max((chosen.regret for chosen in self.chosen if chosen is not None), default=None)


def ways(diagram: PhaseDiagram, epsilon: float) -> tuple[Way, ...]:
    """Return every way to choose with its regret, in the order of a table."""
    last = before_drop(diagram)

    def gated(key: Callable[[Candidate], float | None]) -> Callable[[Sequence[Candidate]], Candidate | None]:
        return lambda family: _gated(family, epsilon, key)

    pickers: dict[str, tuple[Callable[[Sequence[Candidate]], Candidate | None], str]] = {
        "algorithm-2": (gated(lambda one: -one.test_error), "LMC is not known"),
        "algorithm-2-dense": (
            gated(lambda one: None if one.dense_error is None else -one.dense_error),
            "the dense models' test errors are not known",
        ),
        "algorithm-2.1": (gated(lambda one: one.cka), "LMC or CKA is not known"),
        "coldest": (lambda family: family[-1], ""),
        "dense": (_best_dense, "the dense models' test errors are not known"),
        "before-drop": (
            lambda family: next((one for one in family if one.value == last), None),
            "no learning-rate drop lies on this axis",
        ),
    }
    oracle = _way("oracle", diagram, lambda family: min(family, key=lambda one: one.test_error), "")
    return (*(_way(key, diagram, *picker) for key, picker in pickers.items()), _random(diagram), oracle)


def families(diagram: PhaseDiagram, density: float) -> tuple[tuple[Candidate, ...], ...]:
    """Return the candidates of every dense seed that was tested at every value, the hottest first."""
    found = []
    for seed in diagram.seeds:
        family = [_candidate(diagram, value, density, seed) for value in diagram.values]
        if all(family):
            found.append(tuple(one for one in family if one is not None))
    return tuple(found)


def _candidate(diagram: PhaseDiagram, value: float, density: float, seed: int) -> Candidate | None:
    sample = next((one for one in diagram.cells[value, density].samples if one.seed == seed), None)
    error = sample.mean("test_error") if sample else None
    if sample is None or error is None:
        return None
    dense = diagram.dense_error.get((value, seed))
    return Candidate(value=value, test_error=error, lmc=sample.mean("lmc"), cka=sample.mean("cka"), dense_error=dense)


def _way(key: str, diagram: PhaseDiagram, pick: Callable[[Sequence[Candidate]], Candidate | None], missing: str) -> Way:
    found = tuple(_at(diagram, density, pick) for density in diagram.densities)
    return Way(key=key, chosen=found, missing="" if any(found) else missing or "no family is complete")


def _at(
    diagram: PhaseDiagram, density: float, pick: Callable[[Sequence[Candidate]], Candidate | None]
) -> Chosen | None:
    all_families = families(diagram, density)
    picked = [(family, pick(family)) for family in all_families]
    known: Mapping[int, float] = {
        number: one.test_error - _best(family) for number, (family, one) in enumerate(picked) if one is not None
    }
    if not known or len(known) < len(picked):
        return None
    taken = {one.value for _, one in picked if one is not None}
    return Chosen(
        density=density,
        values=tuple(value for value in diagram.values if value in taken),
        regret=fmean(known.values()),
    )


def _random(diagram: PhaseDiagram) -> Way:
    """Return what choosing at random costs on average."""
    found = []
    for density in diagram.densities:
        costs = [fmean(one.test_error for one in family) - _best(family) for family in families(diagram, density)]
        found.append(Chosen(density=density, values=(), regret=fmean(costs)) if costs else None)
    return Way(key="random", chosen=tuple(found), missing="" if any(found) else "no family is complete")


def _best(family: Sequence[Candidate]) -> float:
    return min(one.test_error for one in family)


def _gated(family: Sequence[Candidate], epsilon: float, key: Callable[[Candidate], float | None]) -> Candidate | None:
    """Return the best of the connected candidates; the one of highest LMC where none is connected."""
    if any(one.lmc is None or key(one) is None for one in family):
        return None
    connected = [one for one in family if (one.lmc or 0.0) >= -epsilon]
    if not connected:
        return max(family, key=lambda one: one.lmc or 0.0)
    return max(connected, key=lambda one: key(one) or 0.0)


def _best_dense(family: Sequence[Candidate]) -> Candidate | None:
    if any(one.dense_error is None for one in family):
        return None
    return min(family, key=lambda one: one.dense_error or 0.0)
