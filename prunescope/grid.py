"""A study as recipes: every cell (value of the knob, density, dense seed) and the steps it shares with others."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from prunescope import models, options, plan, registry
from prunescope.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.recipe import Recipe
    from prunescope.registry import Loaded
    from prunescope.sources import Source
    from prunescope.study import Choice, Study

SEED_STRIDE = 1000
"""Retraining seeds of one dense seed start here times it, so that no two cells share their noise by accident."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One dense model pruned to one density: its replicas and what is measured on them."""

    value: float
    """Of the study's knob."""
    density: float
    seed: int
    """Of the dense training."""
    dense: str
    """The dense run or its snapshot."""
    prune: Recipe
    retrainings: tuple[Recipe, ...]
    probes: tuple[Recipe, ...]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """All of a study's steps: the dense runs, then every cell."""

    study: Study
    trainings: tuple[Recipe, ...]
    cells: tuple[Cell, ...]

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """Every step once, in dependency order."""
        steps = [*self.trainings]
        for cell in self.cells:
            steps += [cell.prune, *cell.retrainings, *cell.probes]
        return tuple({recipe.id: recipe for recipe in steps}.values())


def expand(study: Study, data: Source, *, num_classes: int, in_chans: int, image_size: tuple[int, int]) -> Grid:
    """Lay out a study on its data; InputError or UsageError for an option some plugin does not take."""
    spec = models.ModelSpec(
        name=study.model,
        num_classes=num_classes,
        in_chans=in_chans,
        image_size=image_size,
        options=study.model_options,
    )
    dense = {
        (value, seed): _dense(study, spec, data, value=value, seed=seed)
        for value, seed in product(study.values, study.dense_seeds)
    }
    trainings = {recipe.id: recipe for recipe, _ in dense.values()}
    plugins = _Plugins(
        pruner=_make("pruners", study.prune),
        retrainer=_make("trainers", study.retrain),
        probes=tuple(_make("probes", choice) for choice in study.probes),
    )
    cells = tuple(
        _cell(study, plugins, data, value=value, seed=seed, density=density, dense=reference)
        for (value, seed), (_, reference) in dense.items()
        for density in study.densities
    )
    return Grid(study=study, trainings=tuple(trainings.values()), cells=cells)


@dataclass(frozen=True, kw_only=True)
class _Plugins:
    pruner: Loaded
    retrainer: Loaded
    probes: tuple[Loaded, ...]


def _dense(
    study: Study, spec: models.ModelSpec, data: Source, *, value: float, seed: int
) -> tuple[Recipe, str]:
    """Return a dense run's recipe, and the reference of the model that belongs to this value of the knob."""
    if study.knob == "epochs" and study.snapshots:
        trainer = _make("trainers", study.train)
        longest = trainer.instance.epochs
        if max(study.values) > longest:
            raise InputError(
                f"axes.epochs has {max(study.values):g}, [train] ends at {longest}", fix="train for longer, or ask less"
            )
        snapshots = [int(epoch) for epoch in study.values]
        recipe = plan.train(trainer=trainer, model=spec, data=data, seed=seed, snapshots=snapshots)
        return recipe, f"{recipe.id}@{int(value)}"
    changed = {**study.train.options, **_knob_options(study, value)}
    trainer = registry.make("trainers", study.train.plugin, changed)
    recipe = plan.train(trainer=trainer, model=spec, data=data, seed=seed)
    return recipe, recipe.id


def _knob_options(study: Study, value: float) -> Mapping[str, float]:
    """Return the trainer's options at one value of the knob; a batch size may hold the number of iterations."""
    if study.knob != "batch_size" or study.hold == "epochs":
        return {study.knob: value}
    base = options.all_options(_make("trainers", study.train).instance)
    epochs = max(1, round(float(base["epochs"]) * value / float(base["batch_size"])))  # type: ignore[arg-type]
    return {"batch_size": value, "epochs": epochs}


def _cell(
    study: Study, plugins: _Plugins, data: Source, *, value: float, seed: int, density: float, dense: str
) -> Cell:
    prune = plan.prune(dense=dense, pruner=plugins.pruner, density=density, data=data, seed=seed)
    retrainings = tuple(
        plan.retrain(pruned=prune.id, trainer=plugins.retrainer, data=data, seed=SEED_STRIDE * seed + number + 1)
        for number in range(study.replicas)
    )
    probes = tuple(
        plan.probe(replicas=[recipe.id for recipe in retrainings], probe=probe, data=data, seed=seed)
        for probe in plugins.probes
    )
    return Cell(
        value=value, density=density, seed=seed, dense=dense, prune=prune, retrainings=retrainings, probes=probes
    )


def _make(group: str, choice: Choice) -> Loaded:
    return registry.make(group, choice.plugin, choice.options)
