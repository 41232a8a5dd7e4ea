"""What was measured: errors of tickets beside those of the dense networks, barriers of copies that parted."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

import numpy as np

from prunescope.studies.lottery import lottery
from prunescope.studies.lottery.stability import step_of_stability

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.session import Session
    from prunescope.studies.lottery.instability import Parting
    from prunescope.studies.lottery.lottery import IterativePruning, Ticket
    from prunescope.studies.lottery.stability import Stability


@dataclass(frozen=True)
class Over:
    """One quantity over seeds."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """Standard deviation over the seeds; None for a single one, which has none."""
        return stdev(self.values) if len(self.values) > 1 else None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One point of a curve: a kind of network at one density."""

    step: int
    method: str
    control: str
    density: float
    test: Over
    train: Over
    matching: bool
    """Whether the mean test error is at most that of the dense networks plus their standard deviation (one seed: 0)."""
    runs: tuple[str, ...]

    @property
    def label(self) -> str:
        """What the network is, but for its density.

        >>> over = Over((0.1,))
        >>> about = {"method": "weights", "density": 0.1, "test": over, "train": over, "matching": True, "runs": ()}
        >>> Row(step=40, control="", **about).label, Row(step=40, control="reinit", **about).label
        ('weights rewound to step 40', 'reinitialised, mask of step 40')
        """
        if self.control:
            return {
                "random": f"random mask, step {self.step}",
                "reinit": f"reinitialised, mask of step {self.step}",
            }[self.control]
        return {
            "weights": f"weights rewound to step {self.step}",
            "rate": f"rate rewound to step {self.step}",
            "fine-tune": f"fine-tuned for the steps after {self.step}",
            "gradual": f"pruned gradually from step {self.step}",
        }[self.method]


@dataclass(frozen=True, kw_only=True)
class Lottery:
    """What `lottery` found."""

    dense: Over
    """Test error of the dense networks."""
    rows: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Barrier between copies against the step at which they part, dense or at one density."""

    density: float
    steps: tuple[int, ...]
    barrier: tuple[tuple[float, ...], ...]
    """By seed and step: mean over pairs of copies."""
    error: tuple[tuple[float, ...], ...]
    """By seed and step: mean test error of the copies."""
    stability: Stability

    @property
    def label(self) -> str:
        """Name the networks."""
        return "dense" if self.density == 1 else f"density {self.density:g}"


def read_tickets(pruning: IterativePruning, tickets: Sequence[Ticket], session: Session) -> Lottery:
    """Read what was measured on tickets and on their dense networks."""
    dense = Over(
        tuple(
            mean_error(lottery.measured(pruning, lottery.dense(pruning, seed=seed), seed=seed), session)
            for seed in pruning.seeds
        )
    )
    groups: dict[tuple[int, str, str, float], list[Ticket]] = {}
    for ticket in tickets:
        groups.setdefault((ticket.step, ticket.method, ticket.control, ticket.density), []).append(ticket)
    return Lottery(dense=dense, rows=tuple(_outcome_row(key, found, dense, session) for key, found in groups.items()))


def _outcome_row(key: tuple[int, str, str, float], tickets: Sequence[Ticket], dense: Over, session: Session) -> Row:
    step, method, control, density = key
    test = Over(tuple(mean_error(ticket.probes, session) for ticket in tickets))
    return Row(
        step=step,
        method=method,
        control=control,
        density=density,
        test=test,
        train=Over(tuple(mean_error(ticket.probes, session, side="train") for ticket in tickets)),
        matching=test.mean <= dense.mean + (dense.deviation or 0.0),
        runs=tuple(ticket.trained.id for ticket in tickets),
    )


def read_curves(partings: Sequence[Parting], session: Session, *, side: str, threshold: float) -> list[Curve]:
    """Read the barriers of all partings, the dense ones first; side: "test" or "train"."""
    found = []
    for density in sorted({parting.density for parting in partings}, reverse=True):
        at = {(p.seed, p.step): p for p in partings if p.density == density}
        seeds, steps = sorted({seed for seed, _ in at}), sorted({step for _, step in at})
        barrier = _table(at, seeds, steps, lambda parting: _barrier(parting, session, side=side))
        found.append(
            Curve(
                density=density,
                steps=tuple(steps),
                barrier=barrier,
                error=_table(at, seeds, steps, lambda parting: mean_error(parting.probes, session)),
                stability=step_of_stability(steps, barrier, threshold=threshold),
            )
        )
    return found


def mean_error(probes: Sequence[Recipe], session: Session, *, side: str = "test") -> float:
    """Return the mean error over the networks that these probes measured."""
    name = f"{side}_error"
    found = [
        np.mean(session.read(probe.id).readings["errors"][name].value) for probe in probes if probe.plugin == "errors"
    ]
    return float(np.mean(found))


def _barrier(parting: Parting, session: Session, *, side: str) -> float:
    readings = session.read(parting.line.id).readings["lmc"]
    return float(np.mean(readings["barrier" if side == "train" else "barrier_test"].value))


def _table(
    at: Mapping[tuple[int, int], Parting],
    seeds: Sequence[int],
    steps: Sequence[int],
    look: Callable[[Parting], float],
) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(look(at[seed, step]) for step in steps) for seed in seeds)
