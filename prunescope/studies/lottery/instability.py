"""Instability analysis as recipes: copies of one network that part at a step, and the line between their ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from prunescope.runs import plan
from prunescope.studies.lottery import lottery

if TYPE_CHECKING:
    from prunescope.plugins.registry import Loaded
    from prunescope.runs.recipe import Recipe
    from prunescope.studies.lottery.lottery import IterativePruning


@dataclass(frozen=True, kw_only=True)
class Parting:
    """Copies of one network, dense or masked, that were trained apart from a step on."""

    seed: int
    step: int
    density: float
    """1: dense."""
    made: tuple[Recipe, ...]
    """The steps that make the network at the step, in order."""
    copies: tuple[Recipe, ...]
    line: Recipe
    """What is measured between the copies."""
    probes: tuple[Recipe, ...]
    """What is measured on each."""

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """Every step of its own, in dependency order."""
        return (*self.made, *self.copies, self.line, *self.probes)


def dense_parting(pruning: IterativePruning, *, step: int, seed: int, copies: int, lmc: Loaded) -> Parting:
    """Train to the step, then copies on from there (Frankle et al. 2020, section 2)."""
    start = lottery.at_step(pruning, step=step, seed=seed)
    return _part(pruning, (start,), step=step, seed=seed, density=1.0, copies=copies, lmc=lmc)


def masked_parting(pruning: IterativePruning, *, step: int, seed: int, copies: int, lmc: Loaded) -> Parting:
    """Find a mask by iterative pruning with rewinding to the step; train copies of the masked network from there.

    Source: Frankle et al. 2020, section 4, with the mask of the last of the pruning's densities.
    """
    found = lottery.tickets(replace(pruning, probes=()), step=step, seed=seed, method="weights")
    made = [recipe for ticket in found for recipe in (*ticket.made, ticket.trained)][:-1]
    density = found[-1].density
    return _part(pruning, tuple(made), step=step, seed=seed, density=density, copies=copies, lmc=lmc)


def _part(
    pruning: IterativePruning,
    made: tuple[Recipe, ...],
    *,
    step: int,
    seed: int,
    density: float,
    copies: int,
    lmc: Loaded,
) -> Parting:
    trainer = lottery.changed(pruning, start_step=step)
    trained = tuple(
        plan.retraining_recipe(
            pruned=made[-1].id, trainer=trainer, data=pruning.data, seed=lottery.noise(seed, copy=number)
        )
        for number in range(copies)
    )
    line = plan.probing_recipe(replicas=[run.id for run in trained], probe=lmc, data=pruning.data, seed=seed)
    return Parting(
        seed=seed,
        step=step,
        density=density,
        made=made,
        copies=trained,
        line=line,
        probes=tuple(probe for run in trained for probe in lottery.measured(pruning, run, seed=seed)),
    )
