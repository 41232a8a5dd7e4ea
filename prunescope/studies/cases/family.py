"""Dense networks as a family: pruned to one density, retrained and measured, as `select` and `advise` need them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError
from prunescope.api.knobs import KNOBS
from prunescope.plugins import registry
from prunescope.runs.opening import open_data, open_network
from prunescope.runs.recipe import run_of, snapshot_of
from prunescope.studies.cases import measured
from prunescope.studies.diagnosis import plan, retraining

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.data.spec import Source
    from prunescope.runs.place import Network
    from prunescope.runs.session import Session
    from prunescope.studies.cases.measured import MeasuredModel
    from prunescope.studies.cases.questions import FamilyQuestion
    from prunescope.studies.diagnosis.plan import DiagnosisPlan, DiagnosisSteps
    from prunescope.studies.diagnosis.retraining import Retraining

FAMILY_PROBES = ("lmc", "cka", "errors")
"""Measured on the replicas of every member."""


def open_members(networks: Sequence[Network], asked: FamilyQuestion, session: Session) -> tuple[str, ...]:
    """Return the runs or snapshots of the networks; UsageError for one that is named twice."""
    found = tuple(open_network(one, session, loading=asked.loading, data=asked.data) for one in networks)
    if len(set(found)) < len(found):
        raise UsageError("the same checkpoint is given twice", fix="give every model once")
    return found


def lay_out_member(
    reference: str, asked: FamilyQuestion, session: Session, *, like: str, full: bool = False
) -> tuple[DiagnosisSteps, tuple[str, ...]]:
    """Return the steps that measure one member, and what had to be assumed; `full`: retrained as long as trained.

    All members are retrained alike, as the model `like` was trained: they differ in their dense training only. A member
    that is still to be trained will be trained on the data of `like`.
    """
    training: Mapping[str, Any] = session.read(run_of(like)).facts.get("training", {})
    epochs = training.get("epochs") if full else asked.retrain_epochs
    if full and epochs is None:
        raise UsageError(f"{like} does not record how long it was trained", fix="leave out --full")
    wanted = retraining.Asked(
        trainer=asked.trainer,
        options={key: value for key, value in asked.trainer_options.items() if key != "epochs" or not full},
        epochs=int(epochs) if epochs is not None else None,
    )
    found = retraining.retraining(training, wanted)
    data = open_data(
        asked.data,
        [reference if session.store.has(run_of(reference)) else like],
        session,
        limit_batches=asked.limit_batches,
    )
    return plan.lay_out_diagnosis(_plan(reference, asked, data, found)), found.notes


def measure_member(reference: str, steps: DiagnosisSteps, session: Session, *, name: str, knob: str) -> MeasuredModel:
    """Return what the finished steps measured of one member."""
    at, knobs = steps.pruned[0], read_knobs(reference, session)
    before = measured.probe_readings(steps.dense.probes, session).get(measured.TEST_ERROR)
    return measured.MeasuredModel(
        name=name,
        density=at.density,
        value=knobs.get(knob, float("nan")),
        readings=measured.probe_readings(at.probes, session),
        dense_error=None
        if before is None
        else float(before.value.mean() if hasattr(before.value, "mean") else before.value),
        epochs=knobs.get("epochs"),
    )


def read_knobs(reference: str, session: Session) -> dict[str, float]:
    """Return the temperature-like settings of a dense model, where known."""
    run, epoch = session.read(run_of(reference)), snapshot_of(reference)
    found = dict(run.facts.get("knobs", {})) | ({} if epoch is None else {"epochs": epoch})
    return {name: float(value) for name, value in found.items() if name in KNOBS and value is not None}


def _plan(reference: str, asked: FamilyQuestion, data: Source, found: Retraining) -> DiagnosisPlan:
    return plan.DiagnosisPlan(
        dense=(reference,),
        data=data,
        densities=(asked.density,),
        replicas=asked.replicas,
        pruner=registry.make("pruners", asked.pruner, asked.pruner_options),
        trainer=found.trainer,
        replica_probes=retraining.probes(FAMILY_PROBES, {"lmc": {"test": "false"}}),
        dense_probes=retraining.probes(("errors",), {}),
        rule=registry.make("rules", "three-regime", {}),
        dense_rule=None,
        seed=asked.seed,
    )
