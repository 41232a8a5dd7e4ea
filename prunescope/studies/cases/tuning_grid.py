"""The grid that `tune` searches: of a study, or made from the fields of its question."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError
from prunescope.api.knobs import KNOBS, find_knob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.api.knobs import Knob
    from prunescope.runs.session import Session
    from prunescope.studies.cases.questions import TuningQuestion
    from prunescope.studies.grid.layout import Grid
    from prunescope.studies.grid.study import Study

RETRAINER = "sgd"
"""How pruned models are retrained, whatever trained the dense ones."""

DEFAULT_VALUES = {
    "batch_size": (16, 32, 64, 128, 256),
    "learning_rate": (0.025, 0.05, 0.1, 0.2, 0.4),
    "rho": (0.05, 0.1, 0.2, 0.4),
}
"""Values of the knobs that have usual ones; epochs depend on how long one would train."""


@dataclass(frozen=True, kw_only=True)
class TuningGrid:
    """The grid, the same with full retraining, and the densities to tune for."""

    grid: Grid
    full: Grid | None
    densities: tuple[float, ...]


def make_tuning_grid(asked: TuningQuestion, session: Session) -> TuningGrid:
    """Return the grid of the study that is named, or of the question's fields; UsageError for what is none."""
    knob = find_knob(asked.knob)
    if knob is None:
        typed = ", ".join(known.typed for known in KNOBS.values())
        raise UsageError(f"there is no knob {asked.knob!r}", fix=f"one of: {typed}")
    if not asked.densities:
        raise UsageError("--density got ''", fix="it requires numbers, such as 0.05,0.1")
    return _of_fields(asked, knob, session) if asked.file is None else _of_file(asked, knob, session)


def _of_file(asked: TuningQuestion, knob: Knob, session: Session) -> TuningGrid:
    from prunescope.studies.grid import studyfolder

    for option, value in (("--values", asked.values), ("--model", asked.model), ("--data", asked.data)):
        if value is not None:
            raise UsageError(f"{option} is given, but the study sets it", fix=f"leave out {option}, or {asked.file}")
    folder, trust = asked.folder, session.store.trust
    studyfolder.settle(studyfolder.find_study_file(Path(str(asked.file))), folder, trust=trust)
    grid = studyfolder.load_grid(folder, trust=trust)
    if grid.study.knob != knob.name:
        raise UsageError(
            f"the knob of {asked.file} is {grid.study.knob}, not {knob.name}", fix="name that knob, or another study"
        )
    known = {_nearest(grid.study, density) for density in asked.densities}
    return TuningGrid(grid=grid, full=_fully(grid, session), densities=tuple(sorted(known)))


def _nearest(study: Study, density: float) -> float:
    near = min(study.densities, key=lambda known: abs(known - density))
    if abs(near - density) > 1e-9:
        listed = ", ".join(f"{known:g}" for known in study.densities)
        raise UsageError(f"the study has no density {density:g}", fix=f"it has: {listed}")
    return near


def _of_fields(asked: TuningQuestion, knob: Knob, session: Session) -> TuningGrid:
    from prunescope.runs.opening import describe_data
    from prunescope.studies.grid import layout
    from prunescope.studies.grid.studyfolder import describe_shape

    if asked.model is None or asked.data is None:
        raise UsageError("there is no study and no network to tune", fix="name a study, or give --model and --data")
    study = _study(asked, knob)
    source = describe_data(asked.data, session)
    shape = describe_shape(source, study.model, study.model_options, trust=session.store.trust)
    laid = layout.expand(
        study,
        source,
        num_classes=shape.num_classes,
        in_chans=shape.in_chans,
        image_size=shape.image_size,
        identity=shape.identity,
    )
    return TuningGrid(grid=laid, full=_fully(laid, session), densities=study.densities)


def _study(asked: TuningQuestion, knob: Knob) -> Study:
    """Return the study that the fields describe, retrained on a compressed schedule."""
    from prunescope.data.live import NAME
    from prunescope.studies.diagnosis.plan import COMPRESSION
    from prunescope.studies.grid.study import PluginChoice, Study

    for density in asked.densities:
        if not 0 < density < 1:
            raise UsageError(f"--density got {density:g}", fix="it requires a fraction: 0.1 keeps 10 %")
    options: dict[str, Any] = dict(asked.trainer_options)
    trainer, values = _trainer(knob), _values(asked.values, knob)
    if knob.name == "epochs":
        options["epochs"] = int(max(values))
    longest = _length(trainer, options)
    after = {name: value for name, value in options.items() if name in _options(RETRAINER)}
    epochs = asked.retrain_epochs or max(1, round(COMPRESSION * longest))
    return Study(
        name="tune",
        model=str(asked.model),
        model_options=dict(asked.model_options),
        data=str(asked.data) if isinstance(asked.data, str | Path) else NAME,
        train=PluginChoice(plugin=trainer, options=options),
        prune=PluginChoice(plugin="magnitude"),
        retrain=PluginChoice(plugin=RETRAINER, options=after | {"epochs": epochs}),
        probes=(
            PluginChoice(plugin="errors"),
            PluginChoice(plugin="lmc", options={"test": False}),
            PluginChoice(plugin="cka"),
        ),
        knob=knob.name,
        values=values,
        hold="epochs",
        snapshots=knob.name == "epochs",
        densities=tuple(sorted(set(asked.densities))),
        dense_seeds=tuple(range(asked.dense_seeds)),
        replicas=asked.replicas,
    )


def _values(given: Sequence[float] | None, knob: Knob) -> tuple[float, ...]:
    values = given or DEFAULT_VALUES.get(knob.name)
    if values is None:
        raise UsageError(f"the {knob.words} are not given", fix="give them: --values 10,20,40,80")
    if not knob.whole:
        return tuple(sorted({float(value) for value in values}))
    if any(value < 1 or value != int(value) for value in values):
        text = ",".join(f"{value:g}" for value in values)
        raise UsageError(f"--values got {text!r}", fix="it requires whole numbers from 1: --values 10,20")
    return tuple(sorted({int(value) for value in values}))


def _trainer(knob: Knob) -> str:
    """Return the trainer that retrains where it has the knob, else the first that has."""
    from prunescope.plugins import registry

    names = (RETRAINER, *sorted(plugin.name for plugin in registry.find_plugins("trainers")))
    found = next((name for name in names if knob.name in _options(name)), None)
    if found is None:
        raise UsageError(f"no trainer has an option {knob.name}", fix="install a trainer that has one")
    return found


def _options(trainer: str) -> frozenset[str]:
    from prunescope.plugins import options, registry

    return frozenset(found.name for found in options.fields(registry.get("trainers", trainer).load()))


def _length(trainer: str, options: dict[str, Any]) -> int:
    """Return the epochs of one training; UsageError for a trainer that counts none."""
    from prunescope.plugins import registry

    found = registry.make("trainers", trainer, options).instance.length()
    if found is None:
        raise UsageError(f"the trainer {trainer} does not count epochs", fix="give a study, which sets the retraining")
    return int(found)


def _fully(grid: Grid, session: Session) -> Grid | None:
    """Return the grid with retraining as long as training; None where the trainers do not count epochs."""
    from prunescope.data.spec import Source
    from prunescope.networks.spec import ModelSpec
    from prunescope.plugins import registry
    from prunescope.studies.grid import layout as grids

    study = grid.study
    epochs = registry.make("trainers", study.train.plugin, study.train.options).instance.length()
    if epochs is None:
        return None
    longer = replace(study.retrain, options={**study.retrain.options, "epochs": epochs})
    arguments = grid.trainings[0].arguments
    spec = ModelSpec.from_json(arguments["model"], trust=session.store.trust)
    return grids.expand(
        replace(study, retrain=longer),
        Source(**arguments["data"]),
        num_classes=spec.num_classes,
        in_chans=spec.in_chans,
        image_size=spec.image_size,
        identity=spec.identity,
    )
