"""The steps of one study of the truth: its cells, and every signal of them.

The truth of a cell is the test error of replicas that its own signals do not use: connectivity is that of the first two
replicas, and the truth compares the others with all replicas of the other cells. Two more replicas are retrained
briefly (their training error), and, where the knob is not the epochs, two of the last snapshot before the first drop of
the run's own learning rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from prunescope.data.spec import Source
from prunescope.networks.spec import ModelSpec
from prunescope.plugins import registry
from prunescope.runs import plan
from prunescope.studies.diagnosis.family import EPOCHS, REPLICAS
from prunescope.studies.grid import layout, studyfolder
from prunescope.studies.grid.study import SEED_STRIDE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from prunescope.runs.recipe import Recipe
    from prunescope.studies.grid.layout import Grid, StudyCell

BRIEF, EARLY = 600, 700
"""First seeds of the brief replicas, counted from those of the dense seed."""

CONNECTED = 2
"""The first so many replicas of a cell are those whose connectivity is measured."""


@dataclass(frozen=True, kw_only=True)
class TruthCell:
    """One dense network pruned to one density, with all that is measured."""

    cell: StudyCell
    """Value, density, dense seed, mask, the replicas of the truth and their errors."""
    lmc: Recipe
    """Between its first replicas."""
    brief: tuple[Recipe, ...]
    mapped: Recipe
    """Errors of the pruned network, not retrained, BatchNorm re-estimated."""
    early_prune: Recipe | None
    """The last snapshot before the first drop of the same run, pruned to the same density."""
    early: tuple[Recipe, ...]
    """Brief retrainings of it."""

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """Every step after dense training, in dependency order."""
        early = () if self.early_prune is None else (self.early_prune, *self.early)
        return (*self.cell.recipes, self.lmc, *self.brief, self.mapped, *early)


@dataclass(frozen=True, kw_only=True)
class TruthStudy:
    """A study and the steps of its truth."""

    grid: Grid
    trainings: tuple[Recipe, ...]
    """With the snapshots before the first drop, where there is one and the knob is not the epochs."""
    cells: tuple[TruthCell, ...]
    drops: dict[float, float]
    """Value of the knob -> epochs of dense training after which its learning rate first falls; infinite where it falls
    in no step."""

    def of_seed(self, seed: int) -> list[Recipe]:
        """Return every step of one dense seed once, in dependency order."""
        trainings = [recipe for recipe in self.trainings if recipe.arguments["seed"] == seed]
        steps = [recipe for one in self.cells if one.cell.seed == seed for recipe in one.recipes]
        return list({recipe.id: recipe for recipe in (*trainings, *steps)}.values())


def lay_out_truth(file: Path, folder: Path) -> TruthStudy:
    """Return all steps of a study's file, whose runs lie in a study folder."""
    studyfolder.settle(file, folder)
    grid = studyfolder.load_grid(folder)
    shape = grid.trainings[0].arguments
    data, spec = Source(**shape["data"]), ModelSpec(**shape["model"])
    trainers = {value: layout.make_trainer(grid.study, value) for value in grid.study.values}
    drops = {value: float(min(trainer.instance.drop_epochs(), default=math.inf)) for value, trainer in trainers.items()}
    if grid.study.knob == "epochs" or math.inf in drops.values():
        cells = tuple(_cell(grid, cell, data) for cell in grid.cells)
        return TruthStudy(grid=grid, trainings=grid.trainings, cells=cells, drops=drops)
    trainings = {
        (value, seed): plan.training_recipe(
            trainer=trainers[value],
            model=spec,
            data=data,
            seed=seed,
            snapshots=[int(drops[value]), trainers[value].instance.epochs],
        )
        for value in grid.study.values
        for seed in grid.study.dense_seeds
    }
    cells = tuple(_with_early(grid, cell, data, trainings[cell.value, cell.seed], drops) for cell in grid.cells)
    return TruthStudy(grid=grid, trainings=tuple(trainings.values()), cells=cells, drops=drops)


def _retrained(grid: Grid, pruned: Recipe, data: Source, seeds: Iterable[int], *, brief: bool) -> tuple[Recipe, ...]:
    choice = grid.study.retrain
    trainer = registry.make("trainers", choice.plugin, {**choice.options, **({"epochs": EPOCHS} if brief else {})})
    return tuple(plan.retraining_recipe(pruned=pruned.id, trainer=trainer, data=data, seed=seed) for seed in seeds)


def _cell(grid: Grid, cell: StudyCell, data: Source, early: Recipe | None = None) -> TruthCell:
    first = SEED_STRIDE * cell.seed
    seeds = range(first + EARLY, first + EARLY + REPLICAS)
    return TruthCell(
        cell=cell,
        lmc=plan.probing_recipe(
            replicas=[recipe.id for recipe in cell.retrainings[:CONNECTED]],
            probe=registry.make("probes", "lmc", {"test": "false"}),
            data=data,
            seed=cell.seed,
        ),
        brief=_retrained(grid, cell.prune, data, range(first + BRIEF, first + BRIEF + REPLICAS), brief=True),
        mapped=plan.probing_recipe(
            replicas=[cell.prune.id],
            probe=registry.make("probes", "errors", {"re_estimate": True}),
            data=data,
            seed=cell.seed,
        ),
        early_prune=early,
        early=() if early is None else _retrained(grid, early, data, seeds, brief=True),
    )


def _with_early(grid: Grid, cell: StudyCell, data: Source, training: Recipe, drops: dict[float, float]) -> TruthCell:
    """Return the cell on the run that kept its snapshot before the drop, instead of the study's own."""
    choice = grid.study.prune
    pruner = registry.make("pruners", choice.plugin, choice.options)

    def pruned(reference: str) -> Recipe:
        return plan.pruning_recipe(dense=reference, pruner=pruner, density=cell.density, data=data, seed=cell.seed)

    prune = pruned(training.id)
    retrainings = _retrained(grid, prune, data, [recipe.arguments["seed"] for recipe in cell.retrainings], brief=False)
    ids = {old.id: new.id for old, new in zip(cell.retrainings, retrainings, strict=True)} | {cell.dense: training.id}

    def moved(recipe: Recipe) -> Recipe:
        return replace(recipe, inputs=tuple(ids[one] for one in recipe.inputs))

    kept = replace(
        cell,
        dense=training.id,
        prune=prune,
        retrainings=retrainings,
        probes=tuple(map(moved, cell.probes)),
        dense_probes=tuple(map(moved, cell.dense_probes)),
    )
    early = pruned(f"{training.id}@{int(drops[cell.value])}")
    return _cell(grid, kept, data, early)
