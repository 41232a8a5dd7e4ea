"""Case 1: whether advice points to where the test error is lower, in every column of a phase diagram."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api import Advice
from prunescope.regimes.direction import CKA_GAP, MARGIN, Point, direction, score, towards
from prunescope.regimes.selection import last_before

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prunescope.api import Diagnosis
    from prunescope.regimes.direction import Score
    from prunescope.studies.phase.diagram import PhaseDiagram


def of_rule(diagram: PhaseDiagram, verdicts: Mapping[tuple[float, float], Diagnosis]) -> tuple[Score, ...]:
    """Compare a rule's advice with the direction of the best test error, density by density."""

    def advice(value: float, density: float) -> Advice:
        found = verdicts.get((value, density))
        return found.advice if found else Advice.NONE

    return _compared(diagram, advice)


def always_colder(diagram: PhaseDiagram) -> tuple[Score, ...]:
    """Judge the habit of training colder whatever the density."""
    return _compared(diagram, lambda value, density: Advice.LOWER)  # noqa: ARG005 - as advice is asked for


def towards_drop(diagram: PhaseDiagram) -> tuple[Score, ...]:
    """Judge the plain rule "to the last snapshot before the first learning-rate drop"; empty where there is none."""
    last = last_before(diagram.values, drop=diagram.drops[0]) if diagram.drops else None
    if last is None:
        return ()
    return _compared(diagram, lambda value, density: towards(value, last, knob=diagram.knob))  # noqa: ARG005 - the same


def by_means(diagram: PhaseDiagram, epsilon: float, *, gap: float = CKA_GAP) -> tuple[Score, ...]:
    """Judge the three-regime rule on means alone: it never abstains where LMC was measured."""
    columns = {density: _points(diagram, density) for density in diagram.densities}
    return _compared(diagram, lambda value, density: _moved(diagram, columns[density], value, epsilon, gap))


def by_lmc(diagram: PhaseDiagram, epsilon: float) -> tuple[Score, ...]:
    """Judge LMC alone: hotter where it is below -epsilon, colder elsewhere."""
    columns = {
        density: [replace(point, cka=None) for point in _points(diagram, density)] for density in diagram.densities
    }
    return _compared(diagram, lambda value, density: _moved(diagram, columns[density], value, epsilon, CKA_GAP))


def by_cka(diagram: PhaseDiagram, *, gap: float = CKA_GAP) -> tuple[Score, ...]:
    """Judge CKA alone: towards its largest value at that density, independent of LMC."""
    columns = {
        density: [point for point in _points(diagram, density) if point.cka is not None]
        for density in diagram.densities
    }
    return _compared(diagram, lambda value, density: _moved(diagram, columns[density], value, inf, gap))


def _points(diagram: PhaseDiagram, density: float) -> list[Point]:
    """Return what is known of a column where LMC is."""
    found = []
    for value in diagram.values:
        lmc, cka = (diagram.cells[value, density].summary(name) for name in ("lmc", "cka"))
        if lmc is not None:
            found.append(Point(value=value, lmc=lmc.centre, cka=cka.centre if cka else None))
    return found


def _moved(diagram: PhaseDiagram, column: list[Point], value: float, epsilon: float, gap: float) -> Advice:
    here = next((point for point in column if point.value == value), None)
    return Advice.NONE if here is None else direction(column, here, knob=diagram.knob, epsilon=epsilon, gap=gap)


def _compared(diagram: PhaseDiagram, advice: Callable[[float, float], Advice]) -> tuple[Score, ...]:
    def column(place: int, density: float) -> Score:
        known = dict(zip(diagram.values, errors[:, place].tolist(), strict=True))
        return score(
            {value: error for value, error in known.items() if np.isfinite(error)},
            density=density,
            knob=diagram.knob,
            tolerance=MARGIN,
            advice=lambda value: advice(value, density),
        )

    errors = diagram.grid("test_error")
    return tuple(column(place, density) for place, density in enumerate(diagram.densities))
