"""select from end to end, on tiny data and with one worker."""

from __future__ import annotations

import json

import pytest

from prunescope.runs.store import Store

FAST = ("--workers", 1, "--density", 0.3, "--replicas", 2, "--retrain-epochs", 1)


@pytest.fixture(scope="module")
def family(study):
    """Return the study's folder and the references of two snapshots."""
    folder, dense = study
    return folder, (f"{dense}@1", f"{dense}@2")


def test_the_chosen_model_is_alone_on_stdout_and_the_rules_on_stderr(family, invoke):
    folder, references = family
    result = invoke("select", *references, *FAST, "--study", folder)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() in references
    assert f"next: prunescope prune magnitude {result.stdout.strip()} --density 0.3 --study {folder}" in result.stderr
    for rule in ("algorithm-2 ", "algorithm-2.1", "longest-trained", "best-dense", "random", "oracle"):
        assert rule in result.stderr


def test_json_has_every_model_and_every_rule_with_its_regret(family, invoke):
    folder, references = family
    found = json.loads(invoke("select", *references, *FAST, "--json", "--study", folder).stdout)
    assert [model["run"] for model in found["models"]] == list(references)
    assert [model["epochs"] for model in found["models"]] == [1, 2]
    by_rule = {choice["rule"]: choice for choice in found["choices"]}
    errors = {model["name"]: model["test_error"] for model in found["models"]}
    longest = by_rule["longest-trained"]
    assert longest["member"] == references[1]
    assert longest["regret"] == pytest.approx(errors[references[1]] - min(errors.values()))
    assert by_rule["oracle"]["regret"] == 0


def test_full_retraining_is_what_regret_is_counted_in(family, invoke):
    folder, references = family
    before = set(Store(folder).ids())
    result = invoke("select", *references, *FAST, "--full", "--json", "--study", folder)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    finals = [model["final_error"] for model in found["models"]]
    assert all(final is not None for final in finals)
    (longest,) = [choice for choice in found["choices"] if choice["rule"] == "longest-trained"]
    assert longest["regret"] == pytest.approx(finals[1] - min(finals))
    new = [Store(folder).read(run_id) for run_id in set(Store(folder).ids()) - before]
    assert {len(run.history) for run in new if run.recipe.step == "retrain"} == {2}


def test_a_wide_gate_and_a_narrow_one(family, invoke):
    folder, references = family
    words = ("select", *references, *FAST, "--study", folder, "--rule-option")
    assert "2 of 2 have LMC >= -1" in invoke(*words, "epsilon=1").stderr
    assert "epsilon got '-1'" in invoke(*words, "epsilon=-1").stderr


def test_dry_run_runs_nothing(family, invoke):
    folder, references = family
    before = Store(folder).ids()
    result = invoke("select", *references, "--density", 0.2, "--dry-run", "--study", folder)
    assert result.exit_code == 0, result.stderr
    assert "nothing was run" in result.stderr
    assert Store(folder).ids() == before


def test_one_model_is_no_choice(family, invoke):
    folder, references = family
    result = invoke("select", references[0], *FAST, "--study", folder)
    assert result.exit_code == 2
    assert "name two checkpoints" in result.stderr
    again = invoke("select", references[0], references[0], *FAST, "--study", folder)
    assert again.exit_code == 2
    assert "given twice" in again.stderr
