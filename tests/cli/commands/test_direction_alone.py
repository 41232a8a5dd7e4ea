"""diagnose --replicas 0: the direction without whole retrainings, and then the regime with them."""

from __future__ import annotations

import json

import pytest

import prunescope
from prunescope.api.errors import UsageError
from prunescope.runs.store import Store

FAST = ("--workers", 1, "--density", "0.3", "--trainer-option", "batch_size=60", "--certainty", "0.5")


@pytest.fixture(scope="module")
def run(tmp_path_factory, invoke, train_words):
    """Return a study with a dense run of 4 epochs, its snapshots and id."""
    folder = tmp_path_factory.mktemp("alone") / "study"
    words = [4 if word == 2 else word for word in train_words]
    trained = invoke(*words, "--snapshot-every", 1, "--study", folder)
    assert trained.exit_code == 0, trained.stderr
    return folder, trained.stdout.strip()


@pytest.fixture(scope="module")
def alone(run, invoke, tmp_path_factory):
    """Return what a diagnosis without replicas printed, as JSON and as a page."""
    folder, dense = run
    page = tmp_path_factory.mktemp("page") / "report.html"
    result = invoke("diagnose", dense, "--replicas", 0, *FAST, "--json", "--report", page, "--study", folder)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout), result.stderr, page.read_text()


def retrained(folder):
    """Return how many retrainings of each length a study has."""
    store = Store(folder)
    lengths = [len(store.read(run_id).history) for run_id in store.ids() if run_id.startswith("retrain-")]
    return {length: lengths.count(length) for length in set(lengths)}


def test_the_siblings_alone_are_retrained_and_give_the_direction(alone):
    found, printed, _ = alone
    verdict = found["verdicts"][0]
    assert verdict["rule"] == "direction-alone"
    assert (verdict["regime"], verdict["regime_probability"]) == (None, None)
    assert verdict["advice"] in {"raise", "lower"}
    assert set(verdict["rests_on"]) == {"family", "mapped", "position"}
    assert {step["step"]: step["runs"] for step in found["cost"]["steps"]}["retrain"] == 2 * 2
    assert "no replicas" in found["level"]["stands_on"]
    assert "no regime" in printed
    assert "no replicas were retrained (--replicas 0)" in " ".join(printed.split())


def test_the_pruned_network_is_measured_as_far_as_nothing_is_retrained(run, alone):
    store = Store(run[0])
    measured = {one["probe"] for one in alone[0]["readings"] if one["density"] == 0.3}
    assert measured == {"size", "recalibration"}
    (size,) = [one for one in alone[0]["readings"] if (one["density"], one["name"]) == (0.3, "density")]
    assert size["value"] == [pytest.approx(0.3, abs=0.01)]
    assert store.read(size["replicas"][0]).recipe.step == "prune"


def test_what_to_do_next_keeps_to_the_direction_and_offers_the_regime(run, alone):
    _, dense = run
    commands = [step["commands"] for step in alone[0]["next"]]
    assert f"prunescope diagnose {dense}" in commands[-1][0]
    assert "--replicas 3" in commands[-1][0]
    assert any("--replicas 0" in line for lines in commands[:-1] for line in lines)
    assert set(alone[0]["recipes"]) == {"dense training", "pruning", "brief retraining"}


def test_the_page_shows_no_lines_between_replicas(alone):
    page = alone[2]
    assert "no regime" in page
    assert "the temperature alone was judged" in page
    assert "Are replicas connected?" not in page
    assert "its LMC curves" not in page
    assert "lies on the advised side" in page


def test_the_regime_afterwards_runs_no_finished_step_again(run, alone, invoke):
    folder, dense = run
    before = set(Store(folder).ids())
    result = invoke(
        *("diagnose", dense, "--replicas", 2, "--retrain-epochs", 1, *FAST, "--rule-option", "learned=1"),
        *("--json", "--study", folder),
    )
    found = json.loads(result.stdout)
    assert found["verdicts"][0]["rule"] == "three-regime"
    new = [run_id.partition("-")[0] for run_id in set(Store(folder).ids()) - before]
    assert sorted(set(new)) == ["diagnose", "probe", "retrain"]
    assert new.count("retrain") == 2
    assert {step["step"]: step["runs"] for step in found["cost"]["steps"]}["retrain"] == 2 * 2 + 2
    assert alone[0]["verdicts"][0]["gain"] == found["verdicts"][0]["gain"]
    compared = invoke("diff", alone[0]["id"], found["id"], "--study", folder)
    assert "no regime" in compared.stdout + compared.stderr


def test_a_dry_run_costs_less_than_one_with_replicas(run, invoke):
    folder, dense = run
    asked = ("diagnose", dense, "--density", "0.2", "--dry-run", "--json", "--study", folder)
    none = json.loads(invoke(*asked, "--replicas", 0).stdout)["dry_run"]
    usual = json.loads(invoke(*asked).stdout)["dry_run"]
    assert none["passes"] < usual["passes"]
    assert (none["replicas"], none["retrain_epochs"], none["siblings"]) == (0, 2, ["epochs 4", "epochs 2"])
    assert "siblings" not in usual
    lonely = json.loads(invoke(*asked, "--replicas", 0, "--family", "none").stdout)["dry_run"]
    assert "retrain_epochs" not in lonely
    assert lonely["passes"] < none["passes"]


def test_without_a_family_nothing_is_retrained(run, invoke):
    folder, dense = run
    before = retrained(folder)
    words = ("--replicas", 0, "--family", "none", *FAST, "--study", folder)
    result = invoke("diagnose", dense, *words, "--json", "--markdown", folder.parent / "found.md")
    found = json.loads(result.stdout)
    assert found["verdicts"][0]["rests_on"] == ["position"]
    assert found["level"]["name"] == "L1"
    assert retrained(folder) == before
    assert set(found["recipes"]) == {"dense training", "pruning"}
    assert "no regime" in (folder.parent / "found.md").read_text()


def test_without_any_signal_the_verdict_says_what_would_give_one(run, invoke, train_words):
    folder, _ = run
    trained = invoke(*train_words, "--schedule", "constant", "--study", folder)
    result = invoke("diagnose", trained.stdout.strip(), "--replicas", 0, *FAST, "--json", "--study", folder)
    assert result.exit_code == 4, result.stderr
    (verdict,) = json.loads(result.stdout)["verdicts"]
    assert (verdict["regime"], verdict["advice"]) == ("unresolved", "none")
    assert "hotter" not in verdict
    assert "--family" in verdict["next_buys"]
    assert "no signal of the direction" in " ".join(result.stderr.split())


def test_a_pruned_network_is_pruned_further_and_reported_as_its_own_pruning(run, invoke):
    folder, dense = run
    pruned = invoke("prune", "magnitude", dense, "--density", 0.6, "--study", folder).stdout.strip()
    result = invoke("diagnose", pruned, "--replicas", 0, *FAST, "--json", "--study", folder)
    found = json.loads(result.stdout)
    pruning = json.loads(found["recipes"]["pruning"])
    assert (pruning["arguments"]["density"], pruning["inputs"]) == (0.3, [pruned])


def test_a_length_of_retraining_that_nothing_has_is_noted(run, alone, invoke):
    folder, dense = run
    result = invoke("diagnose", dense, "--replicas", 0, "--retrain-epochs", 3, *FAST, "--json", "--study", folder)
    found = json.loads(result.stdout)
    assert found["id"] == alone[0]["id"]
    assert any(warning.startswith("--retrain-epochs is of replicas") for warning in found["warnings"])
    assert not any("--retrain-epochs" in warning for warning in alone[0]["warnings"])


@pytest.mark.parametrize("replicas", [1, -1])
def test_one_replica_is_no_pair(run, invoke, replicas):
    folder, dense = run
    result = invoke("diagnose", dense, "--replicas", replicas, "--study", folder)
    assert result.exit_code == 2
    assert f"--replicas got {replicas}" in result.stderr
    assert "a pair" in result.stderr
    with pytest.raises(UsageError, match=f"--replicas got {replicas}"):
        prunescope.diagnose(dense, replicas=replicas, study=folder)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--rule", "md-tree"), "rule 'md-tree' requires the reading errors/train_error of replicas"),
        (("--probe", "distance"), "probe 'distance' measures pairs of replicas"),
        (("--probe-option", "lmc.points=5"), "names no probe of this diagnosis"),
        (("--rule-option", "epsilon=0.1"), "epsilon"),
        (("--rules", "pack.json"), "--rules pack.json has thresholds of replicas"),
        (("--fail-on", "I"), "--replicas 0 measures no regime"),
    ],
)
def test_what_requires_replicas_is_refused_before_anything_runs(run, invoke, words, message):
    folder, dense = run
    before = Store(folder).ids()
    result = invoke("diagnose", dense, "--replicas", 0, *FAST, *words, "--study", folder)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert Store(folder).ids() == before


def test_a_direction_can_fail_a_build(run, alone, invoke):
    folder, dense = run
    words = ("diagnose", dense, "--replicas", 0, *FAST, "--study", folder, "--fail-on")
    assert invoke(*words, alone[0]["verdicts"][0]["advice"]).exit_code == 1
    assert invoke(*words, "unresolved").exit_code == 0


def test_from_python_it_is_the_same_diagnosis(run, alone):
    folder, dense = run
    found = prunescope.diagnose(
        dense,
        densities=[0.3],
        replicas=0,
        certainty=0.5,
        trainer_options={"batch_size": 60},
        study=folder,
        workers=1,
    )
    assert found.run == alone[0]["id"]
    assert found.verdicts[0].diagnosis.regime is None
