"""The order in which the steps of a diagnosis are done."""

from __future__ import annotations

from prunescope.runs.recipe import Recipe
from prunescope.studies.diagnosis.plan import AtDensity, DiagnosisSteps


def test_the_hessian_comes_after_every_retraining_and_probe():
    hessian, errors = (Recipe(step="probe", plugin=name, inputs=("train-0",)) for name in ("hessian", "errors"))
    prune = Recipe(step="prune", plugin="magnitude", arguments={"density": 0.1}, inputs=("train-0",))
    retrain = Recipe(step="retrain", plugin="sgd", arguments={"seed": 1}, inputs=(prune.id,))
    lmc = Recipe(step="probe", plugin="lmc", inputs=(retrain.id,))
    steps = DiagnosisSteps(
        dense=AtDensity(density=1.0, prune=None, retrainings=(), probes=(hessian, errors)),
        pruned=(AtDensity(density=0.1, prune=prune, retrainings=(retrain,), probes=(lmc,)),),
        diagnosis=Recipe(step="diagnose"),
    )
    assert steps.recipes == (prune, errors, retrain, lmc, hessian, steps.diagnosis)
