from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import synthetic_study as synthetic

from prunescope.api import Reading
from prunescope.report.diagnosis.caveats import caveats
from prunescope.studies.diagnosis.trail import follow_diagnosis


def has(found, text):
    return any(text in warning for warning in found)


def test_a_plain_diagnosis_warns_of_what_it_cannot_know(report):
    for text in (
        "16 epochs",
        "not the seed of the dense training",
        "PreResNet-20",
        "A mask alone does not reduce the run time",
    ):
        assert has(report.warnings, text)
    for text in ("under-trained", "Only", "batches of each split", "Checkpoint:"):
        assert not has(report.warnings, text)


def test_notes_of_the_checkpoint_are_warnings(imported):
    assert has(imported.warnings, "Checkpoint: took the EMA weights")


def test_a_vote_that_contradicts_all_verdicts_is_named(tmp_path, report):
    assert not has(report.warnings, "has the opposite direction")  # both directions were advised
    connected = (synthetic.CASES[2],)
    assert has(caveats(follow_diagnosis(*synthetic.study(tmp_path, cases=connected))), "has the opposite direction")


def test_replicas_between_which_the_error_falls_are_under_trained(tmp_path):
    trail = follow_diagnosis(*synthetic.study(tmp_path))
    branch = trail.branches[2]
    probes = tuple(raised(run, 0.05) if "lmc" in run.readings else run for run in branch.probes)
    found = caveats(replace(trail, branches=(*trail.branches[:2], replace(branch, probes=probes))))
    assert has(found, "At 20 % the training error falls between replicas")


def test_replicas_that_learned_little_are_named(tmp_path):
    case = replace(synthetic.CASES[0], ends=0.4)
    assert has(
        caveats(follow_diagnosis(*synthetic.study(tmp_path, cases=(case,)))),
        "At 5 % replicas have a training error of 39.70 %",
    )


def test_few_replicas_are_named(tmp_path):
    trail = follow_diagnosis(*synthetic.study(tmp_path))
    branches = tuple(replace(branch, retrainings=branch.retrainings[:2]) for branch in trail.branches)
    assert has(caveats(replace(trail, branches=branches)), "Only 2 replicas")


def test_limited_data_are_named(tmp_path):
    trail = follow_diagnosis(*synthetic.study(tmp_path))
    recipe = trail.branches[0].prune.recipe
    limited = replace(recipe, arguments={**recipe.arguments, "data": {**synthetic.DATA, "limit_batches": 4}})
    branch = replace(trail.branches[0], prune=replace(trail.branches[0].prune, recipe=limited))
    found = caveats(replace(trail, branches=(branch, *trail.branches[1:])))
    assert has(found, "Only the first 4 batches")


def raised(run, lmc):
    reading = run.readings["lmc"]["lmc"]
    higher = replace(reading, value=np.full(3, lmc))
    return replace(run, readings={"lmc": {**run.readings["lmc"], "lmc": higher}})


def test_a_dense_model_that_has_not_learned_is_the_first_warning(tmp_path, report):
    assert not has(report.warnings, "The dense model errs")
    trail = follow_diagnosis(*synthetic.study(tmp_path))
    dense = trail.branches[-1]
    probes = tuple(erring(run, 0.88) if "errors" in run.readings else run for run in dense.probes)
    found = caveats(replace(trail, branches=(*trail.branches[:-1], replace(dense, probes=probes))))
    assert found[0].startswith("The dense model has a training error of 88.00 %: it has not learned")


def test_an_error_is_written_as_an_error_and_no_probability(tmp_path):
    trail = follow_diagnosis(*synthetic.study(tmp_path))
    dense = trail.branches[-1]
    probes = tuple(erring(run, 1.0) if "errors" in run.readings else run for run in dense.probes)
    found = caveats(replace(trail, branches=(*trail.branches[:-1], replace(dense, probes=probes))))
    assert found[0].startswith("The dense model has a training error of 100.00 %: it has not learned")


def erring(run, error):
    reading = replace(run.readings["errors"]["train_error"], value=np.full(1, error))
    return replace(run, readings={"errors": {**run.readings["errors"], "train_error": reading}})


@pytest.mark.parametrize(("recalibrated", "named"), [(0.02, True), (0.08, False), (0.5, False)])
def test_a_retraining_that_makes_the_network_worse_is_named_first(tmp_path, recalibrated, named):
    trail = follow_diagnosis(*synthetic.study(tmp_path, cases=(synthetic.CASES[2],)))  # test error 9.66 %
    branch = trail.branches[0]
    errors = {"recalibrated_error": Reading(np.array(recalibrated), "fraction")}
    probe = replace(branch.probes[0], readings={"recalibration": errors})
    found = caveats(replace(trail, branches=(replace(branch, probes=(*branch.probes, probe)), *trail.branches[1:])))
    assert found[0].startswith("At 20 % retraining makes the network worse: its test error is 9.66 %") == named
    assert has(found, "retraining makes the network worse") == named
