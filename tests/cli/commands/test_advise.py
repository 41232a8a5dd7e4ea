"""advise on a checkpoint, from end to end, on tiny data and with one worker; on a study see test_cases.py."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace

import pytest
from rich.console import Console

from prunescope.api import Advice
from prunescope.api.errors import UsageError
from prunescope.report.cases.advice import AdviceFinding, advice_headline
from prunescope.runs.coordinates import Readings
from prunescope.runs.files.weights import save_weights
from prunescope.runs.store import Store
from prunescope.studies.cases.advice_answer import AdviceAnswer
from prunescope.studies.cases.advising import Advised
from prunescope.studies.cases.neighbours import moved
from prunescope.studies.cases.purse import purse

FAST = ("--workers", 1, "--density", 0.4, "--replicas", 2, "--retrain-epochs", 1, "--rule-option", "learned=1")

WIDE = ("--rule-option", "epsilon_low=0.9", "--rule-option", "epsilon_high=0.95", "--rule-option", "epsilon=0.9")
"""A gate that every model passes."""

LENIENT = ("--certainty", 0.6)
"""Two replicas of one epoch make no direction more probable."""


def steps_of(store, ids, step):
    return [run for run in map(store.read, ids) if run.recipe.step == step]


@pytest.mark.parametrize("resolved", [True, False])
def test_the_confidence_is_said_to_be_of_the_direction_and_a_regime_is_named_where_one_is_resolved(resolved):
    one = Advised(
        value=2,
        regime="unresolved",
        advice=Advice.NONE,
        confidence=0.6,
        to=None,
        change=None,
        because=("few",),
        hotter=0.6,
    )
    other = replace(one, value=4, regime="II" if resolved else "unresolved")
    answer = AdviceAnswer(density=0.1, knob="epochs", advised=(one, other))
    buffer = io.StringIO()
    Console(file=buffer, width=200).print(
        AdviceFinding(answer=answer, readings=Readings(runs=(), store=None)).printed()
    )
    (line,) = [line for line in buffer.getvalue().splitlines() if line.startswith("confidence: ")]
    assert line.startswith("confidence: that the better dense training lies on that side")
    assert ("the regime is judged by itself" in line) is resolved


def test_a_snapshot_of_its_own_is_the_cheapest_neighbour(study, invoke):
    folder, dense = study
    before = set(Store(folder).ids())
    result = invoke("advise", dense, *FAST, *WIDE, *LENIENT, "--json", "--study", folder)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    (advice,) = found["advice"]
    assert found["knob"] == "epochs"
    assert advice["value"] == 2
    assert advice["regime"] in ("II-A", "II-B")
    assert f"compared with the snapshot {dense}@1" in found["notes"]
    assert "trainings spent: 7" in found["notes"]
    store = Store(folder)
    new = set(store.ids()) - before
    assert not steps_of(store, new, "train")
    (longer,) = [run for run in steps_of(store, new, "retrain") if run.recipe.inputs == (dense,)]
    assert [epoch.learning_rate for epoch in longer.history] == pytest.approx(
        [store.read(dense).history[-1].learning_rate] * 2
    )
    assert any(
        f"{longer.recipe.id}, trained on for 2 epochs at its last rate colder" in note for note in found["notes"]
    )
    assert "it costs 2 epochs of dense training and 2 retrainings" in " ".join(result.stderr.split())
    assert "trainings spent: 0" in invoke("advise", dense, *FAST, *WIDE, "--study", folder).stderr


def test_without_a_snapshot_a_neighbour_is_trained_and_retrained_alike(study, invoke, tmp_path):
    folder, dense = study
    save_weights(tmp_path / "ckpt.pt", Store(folder).load_weights(dense))
    target = tmp_path / "s"
    words = ("advise", tmp_path / "ckpt.pt", *FAST, "--knob", "batch-size", "--json", "--study", target)
    result = invoke(*words, *WIDE)
    assert result.exit_code == 0, result.stderr
    store = Store(target)
    trained = steps_of(store, store.ids(), "train")
    here = store.read(store.resolve("import")).facts["knobs"]["batch_size"]
    assert {run.facts["knobs"]["batch_size"] for run in trained} == {here / 2, here * 2}
    options = {json.dumps(run.recipe.options) for run in steps_of(store, store.ids(), "retrain")}
    assert len(options) == 1
    notes = json.loads(result.stdout)["notes"]
    assert "trainings spent: 8" in notes
    for run in trained:
        there = run.facts["knobs"]["batch_size"]
        side = "colder" if there > here else "hotter"
        words = f"compared with {run.recipe.id}, trained {side}: batch size {there:g} instead of {here:g}"
        assert words in notes


def test_the_budget_ends_the_search(study, invoke, tmp_path):
    folder, dense = study
    save_weights(tmp_path / "ckpt.pt", Store(folder).load_weights(dense))
    target = tmp_path / "s"
    little = invoke("advise", tmp_path / "ckpt.pt", *FAST, "--budget", 1, "--study", target)
    assert little.exit_code == 4
    assert "--budget 1 is too small for 2 retrainings" in little.stderr
    some = invoke("advise", tmp_path / "ckpt.pt", *FAST, *WIDE, *LENIENT, "--budget", 3, "--study", target)
    assert some.exit_code == 0, some.stderr
    assert some.stdout.strip() == "raise"  # the learning rate fell after its first epoch
    assert "no hotter neighbour: it takes 3 more trainings" in " ".join(some.stderr.split())
    assert "no colder neighbour: it takes 3 more trainings" in " ".join(some.stderr.split())
    assert "epochs 2 -> 1" in some.stderr
    assert len(steps_of(Store(target), Store(target).ids(), "retrain")) == 2


def test_a_checkpoint_that_tells_nothing_of_its_training_gets_advice_without_a_step(study, invoke, tmp_path):
    folder, dense = study
    bare = replace(Store(folder).load_weights(dense), training={}, knobs={})
    save_weights(tmp_path / "bare.pt", bare)
    words = ("advise", tmp_path / "bare.pt", *FAST, *WIDE, "--study", tmp_path / "s")
    result = invoke(*words, "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    (advice,) = found["advice"]
    assert (advice["advice"], advice["regime"]) == ("lower", "II")
    assert advice["value"] is advice["to"] is advice["change"] is None
    assert "no neighbour was trained: the checkpoint does not record its training" in found["notes"]
    assert "nan" not in invoke(*words).stderr


def files_of(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if not path.name.startswith(".")}


def test_a_dry_run_lists_what_the_command_then_measures(study, invoke, tmp_path):
    folder, dense = study
    save_weights(tmp_path / "ckpt.pt", Store(folder).load_weights(dense))
    target, words = tmp_path / "s", ("advise", tmp_path / "ckpt.pt", *FAST, *WIDE, "--knob", "batch-size")
    dry = invoke(*words, "--dry-run", "--json", "--study", target)
    assert dry.exit_code == 0, dry.stderr
    plan = json.loads(dry.stdout)["dry_run"]
    assert not list(target.rglob("*.json"))
    assert plan["trainings"] == 8
    assert [line.split("; ")[-1] for line in plan["measured"][1:]] == [
        "it costs 2 epochs of dense training and 2 retrainings"
    ] * 2
    assert invoke(*words, "--study", target).exit_code == 0
    store = Store(target)
    made = [run for step in ("train", "prune", "retrain", "probe") for run in steps_of(store, store.ids(), step)]
    assert len(made) == plan["steps"]
    before = files_of(target)
    again = json.loads(invoke(*words, "--dry-run", "--json", "--study", target).stdout)["dry_run"]
    assert (again["steps"], again["trainings"]) == (0, 0)
    assert files_of(target) == before


def test_a_dry_run_names_what_the_budget_leaves_out(study, invoke):
    folder, dense = study
    before = set(Store(folder).ids())
    some = invoke("advise", dense, *FAST, "--seed", 5, "--budget", 4, "--dry-run", "--study", folder)
    assert some.exit_code == 0, some.stderr
    said = " ".join(some.stderr.split())
    assert "trainings: 4" in said
    assert f"the snapshot {dense}@1; it costs no dense training" in said
    assert "left out: no colder neighbour: it takes 3 more trainings" in said
    assert "nothing was run" in said
    little = invoke("advise", dense, *FAST, "--seed", 5, "--budget", 1, "--dry-run", "--study", folder)
    assert little.exit_code == 4
    quick = invoke("advise", dense, *FAST, "--seed", 5, "--budget", "0min", "--dry-run", "--study", folder)
    assert quick.exit_code == 4
    assert set(Store(folder).ids()) == before


def test_budgets_are_trainings_or_minutes():
    assert purse("3").allows(3, math.inf)
    assert not purse("3").allows(4, 0)
    assert purse("1min").allows(99, 30)
    assert not purse("1min").allows(1, 61)
    with pytest.raises(UsageError, match="'much'"):
        purse("much")


def test_a_factor_hotter_is_what_the_knob_says():
    assert moved(81, Advice.RAISE, knob="epochs") == 40
    assert moved(1, Advice.RAISE, knob="epochs") == 1
    assert moved(64, Advice.LOWER, knob="batch_size") == 128
    assert moved(0.1, Advice.LOWER, knob="learning_rate") == 0.05
    assert moved(0.1, Advice.RAISE, knob="rho") == 0.2


def test_an_unknown_knob_is_refused(study, invoke):
    folder, dense = study
    result = invoke("advise", dense, *FAST, "--knob", "colour", "--study", folder)
    assert result.exit_code == 2
    assert "--knob got 'colour'" in result.stderr


def test_the_confidence_is_said_to_be_of_the_connection_not_of_the_advice():
    found = Advised(
        value=2, regime="II-A", advice=Advice.LOWER, confidence=0.97, to=4, change=None, because=("measured",)
    )
    answer = AdviceAnswer(advised=(found,), knob="epochs", density=0.1)
    text = advice_headline(found, answer)
    assert text == (
        "lower the temperature for density 0.1: epochs 2 -> 4 "
        "(regime II-A, confidence 97 % that replicas are connected)"
    )
    assert "confidence 97 % that replicas are poorly" in advice_headline(replace(found, regime="I"), answer)


def test_an_abstention_in_a_table_says_why(tmp_path):
    silent = Advised(
        value=2, regime="unresolved", advice=Advice.NONE, confidence=None, to=None, change=None, because=("unlearned",)
    )
    found = (silent, replace(silent, value=4, because=("more replicas would narrow it", "x")))
    made = AdviceFinding(
        answer=AdviceAnswer(advised=found, knob="epochs", density=0.1),
        readings=Readings(runs=(), store=Store(tmp_path)),
    )
    printed = str(made)
    assert "no advice at epochs 2: unlearned" in printed
    assert "no advice at epochs 4: more replicas would narrow it" in printed
    assert "confidence:" not in printed
    assert made.silent
    assert made.words() == "2 none\n4 none"
