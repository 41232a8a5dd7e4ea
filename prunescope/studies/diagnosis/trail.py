"""From a diagnosis back to everything it rests on: probes, replicas, pruned and dense model."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError
from prunescope.runs.recipe import run_of
from prunescope.studies.diagnosis.plan import DENSE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.runs.files.runfile import Run, Verdict
    from prunescope.runs.session import Session


@dataclass(frozen=True, kw_only=True)
class Branch:
    """One model that was judged: what made it, what was measured, the verdicts of the rules."""

    density: float
    prune: Run | None
    """None for the dense model."""
    retrainings: tuple[Run, ...]
    """The replicas; () where the direction alone was judged."""
    probes: tuple[Run, ...]
    cases: tuple[Mapping[str, Any], ...]
    verdicts: tuple[Verdict, ...]
    siblings: tuple[Run, ...] = ()
    """The brief retrainings of the family, the pruned models that they started from, and the errors of these."""


@dataclass(frozen=True, kw_only=True)
class Trail:
    """Everything behind a diagnosis."""

    diagnosis: Run
    dense: Run
    reference: str
    """The dense model: a run's id, or a snapshot of it."""
    branches: tuple[Branch, ...]
    """By density; the dense model, where it was judged, comes last."""

    @property
    def pruned(self) -> tuple[Branch, ...]:
        """The branches of pruned models."""
        return tuple(branch for branch in self.branches if branch.prune is not None)

    @property
    def direction_alone(self) -> bool:
        """Whether pruned models were judged, and no replicas of them were retrained: the regime is not measured."""
        return bool(self.pruned) and not any(branch.retrainings for branch in self.pruned)

    @property
    def runs(self) -> tuple[tuple[Branch | None, Run], ...]:
        """Every run, each once, in the order it was made; None where it belongs to no density."""
        steps = [
            (branch, run)
            for branch in self.branches
            for run in (branch.prune, *branch.retrainings, *branch.siblings)
            if run
        ]
        probes = [(branch, run) for branch in self.branches for run in branch.probes]
        found = {run.id: (branch, run) for branch, run in (*steps, *probes)}
        return ((None, self.dense), *found.values(), (None, self.diagnosis))


def follow_diagnosis(session: Session, diagnose_id: str) -> Trail:
    """Read a diagnosis and the runs it rests on; UsageError where the id is of another step."""
    diagnosis = session.read(diagnose_id)
    if diagnosis.recipe.step != "diagnose":
        raise UsageError(
            f"{diagnose_id} is a {diagnosis.recipe.step} run, a report requires a diagnosis",
            fix="see: prunescope results list",
        )
    reference = diagnosis.recipe.inputs[0]
    cases: tuple[Mapping[str, Any], ...] = tuple(diagnosis.recipe.arguments["cases"])
    densities = sorted({float(case["density"]) for case in cases})
    return Trail(
        diagnosis=diagnosis,
        dense=session.read(run_of(reference)),
        reference=reference,
        branches=tuple(_branch(session, diagnosis, density) for density in densities),
    )


def _branch(session: Session, diagnosis: Run, density: float) -> Branch:
    cases = [case for case in diagnosis.recipe.arguments["cases"] if case["density"] == density]
    probes = [session.read(run_id) for run_id in dict.fromkeys(chain.from_iterable(case["probes"] for case in cases))]
    inputs = dict.fromkeys(chain.from_iterable(probe.recipe.inputs for probe in probes))
    measured = [session.read(run_of(reference)) for reference in inputs]
    retrainings = tuple(run for run in measured if run.recipe.step == "retrain")
    siblings = [one for case in cases for one in case.get("siblings", ())]
    brief = [session.read(run_id) for one in siblings for run_id in one["retrainings"]]
    started = [session.read(run_of(run.recipe.inputs[0])) for run in brief]
    mapped = [session.read(run_id) for one in siblings for run_id in one.get("mapped", ())]
    return Branch(
        siblings=tuple({run.id: run for run in (*started, *mapped, *brief)}.values()),
        density=density,
        prune=_pruning(session, density, retrainings=retrainings, measured=measured),
        retrainings=retrainings,
        probes=tuple(probes),
        cases=tuple(cases),
        verdicts=tuple(verdict for verdict in diagnosis.verdicts if verdict.density == density),
    )


def _pruning(session: Session, density: float, *, retrainings: Sequence[Run], measured: Sequence[Run]) -> Run | None:
    """Return the pruning that a branch rests on: of its replicas, else the pruned model that was measured itself."""
    if retrainings:
        return session.read(run_of(retrainings[0].recipe.inputs[0]))
    if density == DENSE:
        return None
    return next((run for run in measured if run.recipe.step == "prune"), None)
