"""Case 2: which model of a family to prune, by several ways to choose; and what each choice costs.

A family is the dense models of one dense seed. The regret of a choice is the test error of its retrained replicas minus
the lowest in the family, in hindsight: chosen and charged on the same replicas, so that noise counts against every way
but the oracle.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from prunescope.regimes.selection import Member, choice, choices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.regimes.selection import Choice
    from prunescope.studies.phase.diagram import PhaseDiagram


RULES = {
    "algorithm-2": ("algorithm-2", "LMC is not known"),
    "algorithm-2-dense": ("algorithm-2-dense", "LMC or the dense models' test errors are not known"),
    "algorithm-2.1": ("algorithm-2.1", "LMC or CKA is not known"),
    "coldest": ("coldest", ""),
    "dense": ("best-dense", "the dense models' test errors are not known"),
    "before-drop": ("before-drop", "no learning-rate drop lies on this axis"),
    "random": ("random", ""),
    "oracle": ("oracle", ""),
}
"""Way to choose, in the order of a table -> the rule, and why it may choose nowhere."""


@dataclass(frozen=True, kw_only=True)
class ChosenModel:
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
    chosen: tuple[ChosenModel | None, ...]
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
    found = {
        density: [_choices(diagram, family, epsilon) for family in families(diagram, density)]
        for density in diagram.densities
    }
    complete = any(found.values())
    return tuple(
        _way(key, tuple(_at(diagram, density, [one.get(rule) for one in of]) for density, of in found.items()), missing)
        for key, (rule, why) in RULES.items()
        for missing in [why if complete and why else "no family is complete"]
    )


def families(diagram: PhaseDiagram, density: float) -> tuple[tuple[Member, ...], ...]:
    """Return the members of every dense seed that was tested at every value, the hottest first."""
    found = []
    for seed in diagram.seeds:
        family = [_member(diagram, value, density, seed) for value in diagram.values]
        if all(family):
            found.append(tuple(one for one in family if one is not None))
    return tuple(found)


def _member(diagram: PhaseDiagram, value: float, density: float, seed: int) -> Member | None:
    sample = next((one for one in diagram.cells[value, density].samples if one.seed == seed), None)
    error = sample.mean("test_error") if sample else None
    if sample is None or error is None:
        return None
    return Member(
        name=str(value),
        test_error=error,
        lmc=sample.mean("lmc"),
        cka=sample.mean("cka"),
        dense_error=diagram.dense_error.get((value, seed)),
        epochs=value if diagram.knob == "epochs" else None,
    )


def _choices(diagram: PhaseDiagram, family: Sequence[Member], epsilon: float) -> Mapping[str, Choice]:
    """Return what every rule chooses of a family, and the coldest whatever the knob is."""
    found = choices(family, epsilon=epsilon, drop=diagram.drops[0] if diagram.drops else None)
    coldest = choice("coldest", family[-1], "the end of the axis", family)
    return {one.rule: one for one in (*found, coldest)}


def _way(key: str, chosen: tuple[ChosenModel | None, ...], missing: str) -> Way:
    return Way(key=key, chosen=chosen, missing="" if any(chosen) else missing)


def _at(diagram: PhaseDiagram, density: float, found: Sequence[Choice | None]) -> ChosenModel | None:
    """Return a rule's choices over the dense seeds as one; None where it cannot choose from each."""
    known = [(one.member, one.regret) for one in found if one is not None and one.regret is not None]
    if not known or len(known) < len(found):
        return None
    taken = {name for name, _ in known}
    return ChosenModel(
        density=density,
        values=tuple(value for value in diagram.values if str(value) in taken),
        regret=fmean(regret for _, regret in known),
    )
