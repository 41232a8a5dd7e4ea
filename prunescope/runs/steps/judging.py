"""The step that judges: rules turn readings into verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from prunescope.api import Evidence, Reading
from prunescope.api.errors import EvidenceError
from prunescope.api.knobs import KNOBS
from prunescope.plugins import checks
from prunescope.runs.files.runfile import Verdict
from prunescope.runs.recipe import run_of, snapshot_of
from prunescope.runs.steps.result import StepResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.steps.context import StepContext


def judge_cases(recipe: Recipe, context: StepContext) -> StepResult:
    """Judge every case of a diagnosis by its rule."""
    dense = context.read(run_of(recipe.inputs[0]))
    epoch = snapshot_of(recipe.inputs[0])
    knobs = dense.facts.get("knobs", {}) | ({} if epoch is None else {"epochs": epoch})
    verdicts = tuple(_judge(case, context, knobs) for case in recipe.arguments["cases"])
    return StepResult(facts={**dense.facts, "dense": recipe.inputs[0]}, verdicts=verdicts)


def _judge(case: Mapping[str, Any], context: StepContext, knobs: Mapping[str, Any]) -> Verdict:
    loaded = context.make_plugin("rules", case["rule"], case["options"])
    readings = {
        f"{probe}/{name}": reading
        for run_id in case["probes"]
        for probe, named in context.read(run_id).readings.items()
        for name, reading in named.items()
    }
    readings |= _of_dense(case, context)
    missing = sorted(set(loaded.instance.needs) - set(readings))
    if missing:
        raise EvidenceError(
            f"rule {case['rule']!r} requires the reading {missing[0]}",
            fix=f"add its probe: --probe {missing[0].partition('/')[0]}",
        )
    numeric = {name: float(value) for name, value in knobs.items() if name in KNOBS and value is not None}
    evidence = Evidence(
        density=case["density"],
        readings=readings,
        knobs=numeric,
        siblings=tuple(_sibling(case["density"], one, context) for one in case.get("siblings", ())),
        first_drop=case.get("first_drop"),
        knob=case.get("knob"),
        progress=case.get("progress"),
    )
    with loaded.unchanged():
        found = loaded.instance.classify(evidence)
    diagnosis = checks.check_diagnosis(loaded.title, found)
    return Verdict(density=case["density"], rule=case["rule"], diagnosis=diagnosis)


def _of_dense(case: Mapping[str, Any], context: StepContext) -> dict[str, Reading]:
    """Return what was measured on the dense network itself."""
    return {
        f"dense/{name}": reading
        for run_id in case.get("dense", ())
        for named in context.read(run_id).readings.values()
        for name, reading in named.items()
    }


def _sibling(density: float, sibling: Mapping[str, Any], context: StepContext) -> Evidence:
    """Return what the last epoch of a brief retraining shows: the training error over its augmented mini-batches."""
    errors = [context.read(run_id, only=()).history[-1].train_error for run_id in sibling["retrainings"]]
    how = "last epoch of retraining, augmented mini-batches"
    readings = {"errors/train_error": Reading(np.array(errors), "fraction", estimator=how, axes=("replica",))}
    for run_id in sibling.get("mapped", ()):
        readings["pruned/train_error"] = context.read(run_id).readings["errors"]["train_error"]
    return Evidence(density=density, readings=readings, knobs=sibling["knobs"])
