"""The grid that `tune` searches: of a study, or made from the options of the command."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError
from prunescope.cli.options import parsing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.cli.commands.tune import TuneRequest
    from prunescope.runs.store import Store
    from prunescope.studies.grid.layout import Grid
    from prunescope.studies.grid.study import Study

OF_SAM = ("rho", "adaptive")

DEFAULT_VALUES = {
    "batch_size": "16,32,64,128,256",
    "learning_rate": "0.025,0.05,0.1,0.2,0.4",
    "rho": "0.05,0.1,0.2,0.4",
}
"""Values of the knobs that have usual ones; epochs depend on how long one would train."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """The grid, the same with full retraining, the densities to tune for, and where runs are kept."""

    grid: Grid
    full: Grid | None
    densities: tuple[float, ...]
    store: Store


def made(request: TuneRequest, knob: str, densities: Sequence[float]) -> Made:
    """Return the grid of the study that was named, or of the options."""
    if not densities:
        raise UsageError(f"--density got {request.density!r}", fix="it wants numbers, such as 0.05,0.1")
    if request.file is not None:
        return _of_file(request, request.file, knob, densities)
    return _of_options(request, knob, densities)


def _of_file(request: TuneRequest, path: Path, knob: str, densities: Sequence[float]) -> Made:
    from prunescope.studies.grid import studyfolder

    for option, value in (("--values", request.values), ("--model", request.model), ("--data", request.data)):
        if value is not None:
            raise UsageError(f"{option} is given, and a study that says it", fix=f"leave out {option}, or {path}")
    file = studyfolder.find(path)
    folder = request.study or (file.parent if file.name == "study.toml" else Path(file.stem))
    store = parsing.open_store(folder, allowed=request.trust)
    studyfolder.settle(file, folder, trust=store.trust)
    grid = studyfolder.load_grid(folder, trust=store.trust)
    if grid.study.knob != knob:
        raise UsageError(f"the knob of {path} is {grid.study.knob}, not {knob}", fix="name that knob, or another study")
    known = [_nearest(grid.study, density) for density in densities]
    return Made(grid=grid, full=_fully(grid, store), densities=tuple(sorted(set(known))), store=store)


def _nearest(study: Study, density: float) -> float:
    near = min(study.densities, key=lambda known: abs(known - density))
    if abs(near - density) > 1e-9:
        listed = ", ".join(f"{known:g}" for known in study.densities)
        raise UsageError(f"the study has no density {density:g}", fix=f"it has: {listed}")
    return near


def _of_options(request: TuneRequest, knob: str, densities: Sequence[float]) -> Made:
    from prunescope.data import sources
    from prunescope.studies.grid import layout as grid

    if request.model is None or request.data is None:
        raise UsageError("there is nothing to tune", fix="name a study, or give --model and --data")
    study = _study(request, knob, densities)
    folder = request.study or Path("prunescope-study")
    store = parsing.open_store(folder, allowed=request.trust, model=request.model, data=request.data)
    source = sources.describe(study.data, trust=store.trust)
    found = sources.open_source(source.to_json(), device="cpu", trust=store.trust)
    laid = grid.expand(
        study, source, num_classes=found.num_classes, in_chans=found.in_chans, image_size=found.image_size
    )
    return Made(grid=laid, full=_fully(laid, store), densities=study.densities, store=store)


def _study(request: TuneRequest, knob: str, densities: Sequence[float]) -> Study:
    """Return the study that the options describe, retrained on a compressed schedule."""
    from prunescope.studies.diagnosis.plan import COMPRESSION
    from prunescope.studies.grid.study import Choice, Study

    for density in densities:
        if not 0 < density < 1:
            raise UsageError(f"--density got {density:g}", fix="it wants the share that is kept: 0.1 keeps 10 %")
    options: dict[str, Any] = dict(parsing.pairs("--trainer-option", request.trainer_option))
    trainer = "sam" if knob == "rho" else "sgd"
    values = _values(request, knob)
    longest = int(max(values)) if knob == "epochs" else _epochs(trainer, options)
    if knob == "epochs":
        options["epochs"] = longest
    after = {name: value for name, value in options.items() if name not in OF_SAM}
    epochs = request.retrain_epochs or max(1, round(COMPRESSION * longest))
    return Study(
        name="tune",
        model=str(request.model),
        model_options={
            key: parsing.value(text) for key, text in parsing.pairs("--model-option", request.model_option).items()
        },
        data=str(request.data),
        train=Choice(plugin=trainer, options=options),
        prune=Choice(plugin="magnitude"),
        retrain=Choice(plugin="sgd", options=after | {"epochs": epochs}),
        probes=(Choice(plugin="errors"), Choice(plugin="lmc", options={"test": False}), Choice(plugin="cka")),
        knob=knob,
        values=values,
        hold="epochs",
        snapshots=knob == "epochs",
        densities=tuple(sorted(set(densities))),
        dense_seeds=tuple(range(request.dense_seeds)),
        replicas=request.replicas,
    )


def _values(request: TuneRequest, knob: str) -> tuple[float, ...]:
    text = request.values or DEFAULT_VALUES.get(knob)
    if text is None:
        raise UsageError("the epochs to choose from are not given", fix="give them: --values 10,20,40,80")
    if knob in ("epochs", "batch_size"):
        return tuple(sorted(set(parsing.whole_numbers("--values", text))))
    return tuple(sorted(set(parsing.numbers("--values", [text]))))


def _epochs(trainer: str, options: dict[str, Any]) -> int:
    from prunescope.plugins import registry

    return int(registry.make("trainers", trainer, options).instance.epochs)


def _fully(grid: Grid, store: Store) -> Grid | None:
    """Return the grid with retraining as long as training; None where the trainers do not count epochs."""
    from prunescope.data.spec import Source
    from prunescope.networks.spec import ModelSpec
    from prunescope.plugins import registry
    from prunescope.studies.grid import layout as grids

    study = grid.study
    epochs = getattr(registry.make("trainers", study.train.plugin, study.train.options).instance, "epochs", None)
    if epochs is None:
        return None
    longer = replace(study.retrain, options={**study.retrain.options, "epochs": epochs})
    arguments = grid.trainings[0].arguments
    spec = ModelSpec.from_json(arguments["model"], trust=store.trust)
    return grids.expand(
        replace(study, retrain=longer),
        Source(**arguments["data"]),
        num_classes=spec.num_classes,
        in_chans=spec.in_chans,
        image_size=spec.image_size,
    )
