"""The question of every cell: the side of it on which the least test error of its column lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from truth_studies import CONNECTED

from prunescope.api.knobs import KNOBS
from prunescope.regimes.least import share_of_least

if TYPE_CHECKING:
    from collections.abc import Iterable

    from truth_cells import Row

CERTAIN = 0.95
"""Probability of the better side from which a cell is resolved."""

GAIN = 0.004
"""And it gains more than this, fraction of test error."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A cell and its column: the same dense seed and density at every value of the knob."""

    row: Row
    column: tuple[Row, ...]
    """The hottest first; the cell is one of them."""
    hotter: float
    """Probability that the least test error of the column lies on the hotter side. Of the cell itself, only replicas
    count whose connectivity is not measured."""
    colder: float
    gain: float
    """How much less the least mean test error of the better side is, fraction."""

    @property
    def place(self) -> int:
        """The position of the cell in its column."""
        return self.column.index(self.row)

    @property
    def is_hotter(self) -> bool:
        """Whether the better side is the hotter one."""
        return self.hotter > self.colder

    @property
    def resolved(self) -> bool:
        """Whether the better side is known, and worth a step."""
        return max(self.hotter, self.colder) >= CERTAIN and self.gain > GAIN

    def regret(self, step: int) -> float:
        """Return by how much the column is better at its best than after a step: -1 hotter, 0 none, 1 colder.

        A step off the grid is not taken.
        """
        errors = [float(np.mean(one.test_errors)) for one in self.column]
        to = min(max(self.place + step, 0), len(errors) - 1)
        return errors[to] - min(errors)


def list_columns(rows: Iterable[Row]) -> list[tuple[Row, ...]]:
    """Return the columns of all studies, each with the hottest value first."""
    found: dict[tuple[str, int, float], list[Row]] = {}
    for row in rows:
        found.setdefault((row.study, row.seed, row.density), []).append(row)
    return [
        tuple(sorted(each, key=lambda row: -KNOBS[row.knob].hotter * row.value)) for _, each in sorted(found.items())
    ]


def list_cases(rows: Iterable[Row]) -> list[Case]:
    """Return every cell as a question."""
    return [case for column in list_columns(rows) for case in _of_column(column)]


def _of_column(column: tuple[Row, ...]) -> list[Case]:
    found = []
    for place, row in enumerate(column):
        errors = [one.test_errors if one is not row else row.test_errors[CONNECTED:] for one in column]
        shares, means = share_of_least(errors), np.array([np.mean(one) for one in errors])
        hotter, colder = float(shares[:place].sum()), float(shares[place + 1 :].sum())
        better = means[:place] if hotter > colder else means[place + 1 :]
        gain = float(means[place] - better.min()) if len(better) else 0.0
        found.append(Case(row=row, column=column, hotter=hotter, colder=colder, gain=gain))
    return found
