"""Dense checkpoints as a family: pruned to one density, retrained and measured, as `select` and `advise` need them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError
from prunescope.cli.options import parsing
from prunescope.cli.terminal import costing, steps
from prunescope.plugins import registry
from prunescope.runs.recipe import run_of, snapshot_of
from prunescope.studies.diagnosis import retraining as asking

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.store import Store
    from prunescope.studies.cases.measured import Measured
    from prunescope.studies.diagnosis.plan import AtDensity, DiagnosisPlan, DiagnosisSteps

PROBES = ("lmc", "cka", "errors")
"""Measured on the replicas of every member."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """How a family is pruned, retrained and measured: the options that the commands of the case studies share."""

    density: float
    data: str | None
    replicas: int
    pruner: str
    pruner_option: list[str] | None
    trainer: str | None
    trainer_option: list[str] | None
    retrain_epochs: int | None
    weights: str | None
    model: str | None
    unsafe_load: bool
    seed: int
    limit_batches: int | None
    device: str
    workers: int
    executor: str
    executor_option: list[str] | None
    study: Path


def setup(request: object) -> Setup:
    """Return what a command's request says of the family; `device` is resolved."""
    values = {field.name: getattr(request, field.name) for field in fields(Setup)}
    return Setup(**{**values, "device": steps.resolve_device(values["device"])})


def references(texts: Sequence[str], asked: Setup, store: Store) -> tuple[str, ...]:
    """Return the runs or snapshots that the user named; UsageError for one that is named twice."""
    choices: dict[str, Any] = {"weights": asked.weights, "model": asked.model, "unsafe": asked.unsafe_load}
    found = tuple(parsing.checkpoint(text, store, **choices) for text in texts)
    if len(set(found)) < len(found):
        raise UsageError("the same checkpoint is given twice", fix="name every model once")
    return found


def answer(
    reference: str, asked: Setup, store: Store, *, like: str, full: bool = False
) -> tuple[DiagnosisSteps, tuple[str, ...]]:
    """Return the steps that measure one member, and what had to be assumed; `full`: retrained as long as trained.

    All members are retrained alike, as the model `like` was trained: they differ in their dense training only.
    """
    from prunescope.studies.diagnosis import plan

    training = _training(like, store)
    epochs = training.get("epochs") if full else asked.retrain_epochs
    if full and epochs is None:
        raise UsageError(f"{like} does not say how long it was trained", fix="leave out --full")
    wanted = asking.Asked(
        trainer=asked.trainer,
        options=_options(asked, full=full),
        epochs=int(epochs) if epochs is not None else None,
    )
    retraining = asking.retraining(training, wanted)
    return plan.lay_out_diagnosis(_question(reference, asked, store, retraining)), retraining.notes


def complete(recipes: Sequence[Recipe], asked: Setup, store: Store) -> None:
    """Run what is not finished, after its estimate."""
    executor = costing.executor(asked.executor, asked.executor_option, workers=asked.workers, device=asked.device)
    costing.estimate(recipes, store, executor, device=asked.device)
    steps.complete(recipes, store, executor.instance, device=asked.device)


def measured(reference: str, at: AtDensity, dense: AtDensity, store: Store, *, name: str, knob: str) -> Measured:
    """Return what the finished steps say of one member."""
    from prunescope.studies.cases import measured as cases

    before = cases.readings(dense.probes, store).get(cases.TEST_ERROR)
    return cases.Measured(
        name=name,
        density=at.density,
        value=knobs(reference, store).get(knob, float("nan")),
        readings=cases.readings(at.probes, store),
        dense_error=None
        if before is None
        else float(before.value.mean() if hasattr(before.value, "mean") else before.value),
        epochs=knobs(reference, store).get("epochs"),
    )


def knobs(reference: str, store: Store) -> dict[str, float]:
    """Return the temperature-like settings of a dense model as far as they are known."""
    from prunescope.api.knobs import HOTTER

    run, epoch = store.read(run_of(reference)), snapshot_of(reference)
    found = dict(run.facts.get("knobs", {})) | ({} if epoch is None else {"epochs": epoch})
    return {name: float(value) for name, value in found.items() if name in HOTTER and value is not None}


def _training(reference: str, store: Store) -> Mapping[str, Any]:
    found: Mapping[str, Any] = store.read(run_of(reference)).facts.get("training", {})
    return found


def _options(asked: Setup, *, full: bool) -> dict[str, str]:
    found = parsing.pairs("--trainer-option", asked.trainer_option)
    return {key: value for key, value in found.items() if key != "epochs"} if full else found


def _question(reference: str, asked: Setup, store: Store, retraining: asking.Retraining) -> DiagnosisPlan:
    from prunescope.studies.diagnosis import plan

    return plan.DiagnosisPlan(
        dense=(reference,),
        data=parsing.source(asked.data, [reference], store, limit_batches=asked.limit_batches),
        densities=(asked.density,),
        replicas=asked.replicas,
        pruner=registry.make("pruners", asked.pruner, parsing.pairs("--pruner-option", asked.pruner_option)),
        trainer=retraining.trainer,
        replica_probes=asking.probes(PROBES, {"lmc": {"test": "false"}}),
        dense_probes=asking.probes(("errors",), {}),
        rule=registry.make("rules", "three-regime", {}),
        dense_rule=None,
        seed=asked.seed,
    )
