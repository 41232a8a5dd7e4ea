"""A study as recipes: every cell (value of the knob, density, dense seed) and the steps it shares with others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

from prunescope.api.errors import InputError, UsageError
from prunescope.networks.spec import ModelSpec
from prunescope.plugins import options, registry
from prunescope.runs import plan
from prunescope.studies.grid.study import SEED_STRIDE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prunescope.data.spec import Source
    from prunescope.plugins.registry import Loaded
    from prunescope.runs.recipe import Recipe
    from prunescope.studies.grid.study import PluginChoice, Study


def _nothing(_: Recipe) -> Mapping[int, Recipe]:
    """Find no finished training."""
    return {}


@dataclass(frozen=True, kw_only=True)
class StudyCell:
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
    dense_probes: tuple[Recipe, ...] = ()
    """What is measured on the dense model; the cells that share it share them."""

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """The cell's steps after dense training, in dependency order."""
        return (*self.dense_probes, self.prune, *self.retrainings, *self.probes)


@dataclass(frozen=True, kw_only=True)
class Grid:
    """All of a study's steps: the dense runs, then every cell."""

    study: Study
    trainings: tuple[Recipe, ...]
    training_names: tuple[str, ...]
    """What a person calls each dense run."""
    cells: tuple[StudyCell, ...]

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """Every step once, in dependency order."""
        return tuple(self.named.values())

    @property
    def named(self) -> dict[str, Recipe]:
        """Every step once, in dependency order, by what a person calls it.

        For example "train/seed=0", "retrain/epochs=40,density=0.1,seed=0,replica=2", "probe/lmc/epochs=40,...".
        """
        steps = dict(zip(self.training_names, self.trainings, strict=True))
        for cell in self.cells:
            steps |= _cell_steps(self.study.knob, cell)
        return steps


def expand(
    study: Study,
    data: Source,
    *,
    num_classes: int,
    in_chans: int,
    image_size: tuple[int, ...],
    identity: str = "",
    find: Callable[[Recipe], Mapping[int, Recipe]] = _nothing,
) -> Grid:
    """Lay out a study on its data; InputError or UsageError for an option some plugin does not take.

    identity: of the study's network, where it is one of a person's own (`networks.identity`).
    find: returns the finished trainings that are this recipe but for their snapshots, by the epochs they kept.
    """
    spec = ModelSpec(
        name=study.model,
        num_classes=num_classes,
        in_chans=in_chans,
        image_size=image_size,
        options=study.model_options,
        identity=identity,
    )
    plugins = _Plugins(
        pruner=_make("pruners", study.prune, "[prune]"),
        retrainer=_make("trainers", study.retrain, "[retrain]"),
        probes=tuple(_make("probes", choice, "[[probes]]") for choice in study.probes),
        dense_probes=tuple(_make("probes", choice, "[[dense_probes]]") for choice in study.dense_probes),
    )
    _check_probes(study, plugins)
    dense = _trainings(study, spec, data, find)
    cells = tuple(
        _cell(study, plugins, data, value=value, seed=seed, density=density, dense=reference)
        for (value, seed), (_, reference) in dense.items()
        for density in study.densities
    )
    named = _named_trainings(study, dense)
    return Grid(study=study, trainings=tuple(named.values()), training_names=tuple(named), cells=cells)


def _named_trainings(study: Study, dense: Mapping[tuple[float, int], tuple[Recipe, str]]) -> dict[str, Recipe]:
    """Return every dense training once, by its name; a second one of a seed is named by the snapshots it keeps."""
    named: dict[str, Recipe] = {}
    for key, (recipe, _) in dense.items():
        name = _training_name(study, *key)
        if named.setdefault(name, recipe).id != recipe.id:
            kept = "+".join(f"{epoch:g}" for epoch in recipe.arguments["snapshots"])
            named[f"{name},snapshots={kept}"] = recipe
    return named


def _training_name(study: Study, value: float, seed: int) -> str:
    return f"train/seed={seed}" if _by_snapshots(study) else f"train/{study.knob}={value:g},seed={seed}"


def _cell_steps(knob: str, cell: StudyCell) -> dict[str, Recipe]:
    name = f"{knob}={cell.value:g},density={cell.density:g},seed={cell.seed}"
    steps = _probe_steps(f"{knob}={cell.value:g},seed={cell.seed}", cell.dense_probes)
    steps[f"prune/{name}"] = cell.prune
    for number, recipe in enumerate(cell.retrainings, start=1):
        steps[f"retrain/{name},replica={number}"] = recipe
    return steps | _probe_steps(name, cell.probes)


def _probe_steps(name: str, probes: tuple[Recipe, ...]) -> dict[str, Recipe]:
    steps: dict[str, Recipe] = {}
    for recipe in probes:
        first = f"probe/{recipe.plugin}/{name}"
        steps[first if first not in steps else f"{first},{recipe.id.partition('-')[2]}"] = recipe
    return steps


@dataclass(frozen=True, kw_only=True)
class _Plugins:
    pruner: Loaded
    retrainer: Loaded
    probes: tuple[Loaded, ...]
    dense_probes: tuple[Loaded, ...]


def _check_probes(study: Study, plugins: _Plugins) -> None:
    for probe in plugins.probes:
        if probe.instance.replicas in (2, "any") and study.replicas < 2:
            name = probe.plugin.name
            raise InputError(f"the probe {name!r} compares replicas, seeds.replicas is 1", fix="retrain 2 or more")
    for probe in plugins.dense_probes:
        if probe.instance.replicas not in (0, 1):
            name = probe.plugin.name
            raise InputError(f"the probe {name!r} compares replicas, a dense model is one", fix="put it in [[probes]]")


def _trainings(
    study: Study, spec: ModelSpec, data: Source, find: Callable[[Recipe], Mapping[int, Recipe]]
) -> dict[tuple[float, int], tuple[Recipe, str]]:
    """Return every dense run's recipe and the reference of the model, by value of the knob and seed.

    A snapshot that a finished training kept is taken from there; one more training keeps the others.
    """
    trainers = {value: make_trainer(study, value) for value in study.values}
    if not _by_snapshots(study):
        recipes = {
            (value, seed): plan.training_recipe(trainer=trainers[value], model=spec, data=data, seed=seed)
            for value, seed in product(study.values, study.dense_seeds)
        }
        return {key: (recipe, recipe.id) for key, recipe in recipes.items()}
    epochs = [int(value) for value in study.values]
    found: dict[tuple[float, int], tuple[Recipe, str]] = {}
    for seed in study.dense_seeds:
        whole = plan.training_recipe(
            trainer=trainers[study.values[0]], model=spec, data=data, seed=seed, snapshots=epochs
        )
        finished = find(whole)
        missing = [epoch for epoch in epochs if epoch not in finished]
        rest = replace(whole, arguments={**whole.arguments, "snapshots": missing})
        for value, epoch in zip(study.values, epochs, strict=True):
            recipe = finished.get(epoch, rest)
            found[value, seed] = (recipe, f"{recipe.id}@{epoch}")
    return {(value, seed): found[value, seed] for value, seed in product(study.values, study.dense_seeds)}


def _by_snapshots(study: Study) -> bool:
    return study.knob == "epochs" and study.snapshots


def make_trainer(study: Study, value: float) -> Loaded:
    """Return the trainer of the dense runs at one value of the knob."""
    base = _make("trainers", study.train, "[train]")
    given = options.all_options(base.instance)
    if study.knob not in given:
        raise InputError(
            f"the trainer {study.train.plugin!r} has no option {study.knob!r}",
            fix=f"it has: {', '.join(sorted(given))}",
        )
    if _by_snapshots(study):
        longest = base.instance.epochs
        if value > longest:
            raise InputError(
                f"axes.epochs has {value:g}, [train] ends at {longest}", fix="train longer, or use smaller values"
            )
        _check_stage(study, base, value)
        return base
    changed = {**study.train.options, study.knob: _number(value)}
    if study.knob == "batch_size" and study.hold == "iterations":
        changed["epochs"] = max(1, round(float(given["epochs"]) * value / float(given["batch_size"])))  # type: ignore[arg-type]
    return registry.make("trainers", study.train.plugin, changed)


def _check_stage(study: Study, trainer: Loaded, value: float) -> None:
    stages = trainer.instance.stages()
    if stages and value not in stages:
        raise InputError(
            f"axes.epochs has {value:g}, and no cycle of {study.train.plugin!r} ends there",
            fix=f"cycles end at: {', '.join(map(str, stages))}",
        )


def _number(value: float) -> float:
    return int(value) if float(value).is_integer() else value


def _cell(
    study: Study, plugins: _Plugins, data: Source, *, value: float, seed: int, density: float, dense: str
) -> StudyCell:
    prune = plan.pruning_recipe(dense=dense, pruner=plugins.pruner, density=density, data=data, seed=seed)
    retrainings = tuple(
        plan.retraining_recipe(
            pruned=prune.id, trainer=plugins.retrainer, data=data, seed=SEED_STRIDE * seed + number + 1
        )
        for number in range(study.replicas)
    )
    probes = tuple(
        plan.probing_recipe(replicas=[recipe.id for recipe in retrainings], probe=probe, data=data, seed=seed)
        for probe in plugins.probes
    )
    dense_probes = tuple(
        plan.probing_recipe(replicas=[dense], probe=probe, data=data, seed=seed) for probe in plugins.dense_probes
    )
    return StudyCell(
        value=value,
        density=density,
        seed=seed,
        dense=dense,
        prune=prune,
        retrainings=retrainings,
        probes=probes,
        dense_probes=dense_probes,
    )


def _make(group: str, choice: PluginChoice, table: str) -> Loaded:
    """Build a plugin; its errors name the table of the study that asks for it."""
    try:
        return registry.make(group, choice.plugin, choice.options)
    except UsageError as error:
        raise UsageError(f"{table}: {error.message}", fix=error.fix) from error
