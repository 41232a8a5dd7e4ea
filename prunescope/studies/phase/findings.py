"""Everything a phase diagram shows: regimes, boundary, the claims tested, the case studies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.regimes.thresholds import PUBLISHED
from prunescope.studies.phase import bending, boundary, choosing, direction, judging, transition
from prunescope.studies.phase.boundary import Epsilon

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.api import Diagnosis, RegimeRule
    from prunescope.regimes.direction import Score
    from prunescope.studies.phase.bending import Bend, Bending
    from prunescope.studies.phase.boundary import Crossing
    from prunescope.studies.phase.choosing import Way
    from prunescope.studies.phase.diagram import PhaseDiagram
    from prunescope.studies.phase.transition import FoundTransition


@dataclass(frozen=True, kw_only=True)
class Findings:
    """A phase diagram and all that was computed from it."""

    diagram: PhaseDiagram
    epsilon: Epsilon
    verdicts: Mapping[tuple[float, float], Diagnosis]
    """By (value, density), for every cell with enough evidence: what `advise` returns there."""
    unlearned: Mapping[tuple[float, float], float]
    """By (value, density): the training error of the cells left unresolved because replicas have not learned."""
    crossings: tuple[Crossing, ...]
    bend: Bending
    seed_bends: tuple[Bend, ...]
    """The same from each dense seed alone."""
    transition: FoundTransition | None
    to_the_end: FoundTransition | None
    """A hotter value against the coldest: the hotter side of a marked transition, else the hottest."""
    direction: tuple[Score, ...]
    """Of the rule alone, which sees no test error."""
    plain_directions: Mapping[str, tuple[Score, ...]]
    """What else would have advised: "means", the three-regime rule without abstaining; "lmc" and "cka", each alone;
    and two habits: "colder" whatever the density, and "drop", to the last snapshot before it."""
    ways: tuple[Way, ...]


def find_phases(diagram: PhaseDiagram, rule: RegimeRule) -> Findings:
    """Compute everything from a diagram and a rule."""
    epsilon = threshold(rule)
    judged = judging.judge_cells(diagram, rule)
    crossings = boundary.crossings(diagram, epsilon)
    across = transition.find_transition(diagram)
    return Findings(
        diagram=diagram,
        epsilon=epsilon,
        verdicts={cell: verdict.diagnosis for cell, verdict in judged.items()},
        unlearned=judging.unlearned(diagram, judged, limit=(rule.thresholds() or PUBLISHED).learned),
        crossings=crossings,
        bend=bending.judge_bend(diagram, epsilon),
        seed_bends=tuple(bending.judge_bend(diagram, epsilon, seed=seed).verdict for seed in diagram.seeds),
        transition=across,
        to_the_end=transition.to_the_end(diagram, across),
        direction=direction.of_rule(diagram, {cell: verdict.of_rule for cell, verdict in judged.items()}),
        plain_directions=_plain_directions(diagram, epsilon),
        ways=choosing.ways(diagram, epsilon.middle),
    )


def _plain_directions(diagram: PhaseDiagram, epsilon: Epsilon) -> dict[str, tuple[Score, ...]]:
    known = {name for cell in diagram.cells.values() for name in ("lmc", "cka") if cell.summary(name)}
    found = {"colder": direction.always_colder(diagram), "drop": direction.towards_drop(diagram)}
    if "lmc" in known:
        found |= {"lmc": direction.by_lmc(diagram, epsilon.middle)}
    if known == {"lmc", "cka"}:
        found |= {"means": direction.by_means(diagram, epsilon.middle), "cka": direction.by_cka(diagram)}
    return {name: found[name] for name in ("means", "lmc", "cka", "colder", "drop") if found.get(name)}


def threshold(rule: RegimeRule) -> Epsilon:
    """Return the rule's threshold on LMC, or the published one where it has none."""
    found = rule.thresholds() or PUBLISHED
    return Epsilon(middle=found.epsilon, low=found.low, high=found.high)
