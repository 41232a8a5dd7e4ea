"""Case 1: whether the advice points to where the test error is lower."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api import Advice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prunescope.api import Diagnosis
    from prunescope.phase.diagram import PhaseDiagram

MARGIN = 0.004
"""Cells whose test error is within this of the best at their density say nothing about directions."""

TIE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Direction:
    """How often advice was right at one density, among the cells farther than MARGIN from their column's best."""

    density: float
    right: int
    wrong: int
    """Advice to go the other way, or to stay."""
    abstained: int

    @property
    def cells(self) -> int:
        """Number of cells that count."""
        return self.right + self.wrong + self.abstained


def of_rule(diagram: PhaseDiagram, verdicts: Mapping[tuple[float, float], Diagnosis]) -> tuple[Direction, ...]:
    """Compare a rule's advice with the direction of the best test error, density by density."""

    def advice(value: float, density: float) -> Advice:
        found = verdicts.get((value, density))
        return found.advice if found else Advice.NONE

    return _compared(diagram, advice)


def always_colder(diagram: PhaseDiagram) -> tuple[Direction, ...]:
    """Judge the habit of training colder whatever the density."""
    return _compared(diagram, lambda value, density: Advice.LOWER)  # noqa: ARG005 - as advice is asked for


def towards_drop(diagram: PhaseDiagram) -> tuple[Direction, ...]:
    """Judge the plain rule "to the last snapshot before the first learning-rate drop"; empty where there is none."""
    last = before_drop(diagram)
    if last is None:
        return ()
    row = diagram.values.index(last)

    def advice(value: float, density: float) -> Advice:  # noqa: ARG001 - as advice is asked for
        here = diagram.values.index(value)
        return Advice.KEEP if here == row else Advice.LOWER if here < row else Advice.RAISE

    return _compared(diagram, advice)


def before_drop(diagram: PhaseDiagram) -> float | None:
    """Return the last value of the epochs before the first learning-rate drop; None without one."""
    before = [value for value in diagram.values if diagram.drops and value <= diagram.drops[0]]
    return max(before, default=None)


def _compared(diagram: PhaseDiagram, advice: Callable[[float, float], Advice]) -> tuple[Direction, ...]:
    above = diagram.above_best()
    found = []
    for column, density in enumerate(diagram.densities):
        counts = {"right": 0, "wrong": 0, "abstained": 0}
        best = np.flatnonzero(above[:, column] <= TIE)
        for row in np.flatnonzero(above[:, column] > MARGIN):
            counts[_outcome(advice(diagram.values[row], density), best - row)] += 1
        found.append(Direction(density=density, **counts))
    return tuple(found)


def _outcome(advice: Advice, offsets: np.ndarray) -> str:
    """Say whether any of the best cells lies where the advice points; offsets: rows to them, positive is colder."""
    if advice is Advice.NONE:
        return "abstained"
    sign = {Advice.RAISE: -1, Advice.LOWER: 1, Advice.KEEP: 0}[advice]
    return "right" if sign and (sign * offsets > 0).any() else "wrong"
