"""advise, tune and calibrate on one finished study, on tiny data and with one worker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_sweep import study_text

from prunescope.runs.store import Store

STUDY = study_text(
    data={"name": "patches", "images": 120, "test_images": 60},
    train={"plugin": "sgd", "epochs": 4},
    probes=[{"plugin": "errors"}, {"plugin": "lmc", "test": False}, {"plugin": "cka"}],
    axes={"epochs": [1, 2, 3, 4], "density": [0.2, 0.5]},
    seeds={"dense": [0, 1], "replicas": 3},
)

WIDE = ("--rule-option", "epsilon=0.9", "--rule-option", "epsilon_low=0.9", "--rule-option", "epsilon_high=0.95")
"""A gate that every model passes."""


@pytest.fixture(scope="module")
def swept(tmp_path_factory, invoke):
    """Return the folder of a finished study."""
    folder = tmp_path_factory.mktemp("cases")
    (folder / "tiny.toml").write_text(STUDY)
    result = invoke("sweep", folder / "tiny.toml", "--workers", 1, "--study", folder / "tiny")
    assert result.exit_code == 0, result.stderr
    return folder / "tiny"


def test_advise_on_a_study_judges_every_value(swept, invoke):
    result = invoke("advise", swept, "--density", 0.5, *WIDE, "--rule-option", "learned=1", "--certainty", "0.5")
    lines = dict(line.split() for line in result.stdout.strip().splitlines())
    assert list(lines) == ["1", "2", "3", "4"]
    assert set(lines.values()) <= {"raise", "lower", "keep", "none"}
    assert result.exit_code == (4 if set(lines.values()) == {"none"} else 0), result.stderr
    assert "change of test error" in result.stderr
    assert "confidence: that the better dense training lies on that side" in result.stderr


@pytest.mark.parametrize(("at", "hotter", "colder"), [(1, [], [2]), (2, [1], [3, 4]), (4, [3, 2], [])])
def test_advise_at_one_value_tells_a_measured_step_and_its_change(swept, invoke, at, hotter, colder):
    words = ("--density", 0.2, "--at", at, *WIDE, "--rule-option", "learned=1", "--certainty", "0.5", "--json")
    (advice,) = json.loads(invoke("advise", swept, *words).stdout)["advice"]
    assert advice["to"] in {"raise": hotter, "lower": colder, "keep": [None], "none": [None]}[advice["advice"]] or (
        advice["to"] is None  # the family ends there
    )
    assert (advice["change"] is None) == (advice["to"] is None)
    assert advice["change"] is None or (advice["change"]["n"] == 12 and advice["change"]["mean"] <= 0)
    assert 0 <= advice["hotter"] <= 1
    assert "of 2 dense seeds, each judged alone: " in advice["because"][-1]


def test_a_dry_run_of_advise_on_a_study_has_nothing_to_measure(swept, invoke):
    result = invoke("advise", swept, "--density", 0.5, "--dry-run", "--json")
    plan = json.loads(result.stdout)["dry_run"]
    assert (plan["steps"], plan["trainings"]) == (0, 0)
    assert plan["measured"] == ["nothing: advice on a study uses its finished cells"]


def test_advise_names_what_the_study_has_not(swept, invoke, tmp_path):
    density = invoke("advise", swept, "--density", 0.3)
    assert density.exit_code == 2
    assert "it has: 0.2, 0.5" in density.stderr
    value = invoke("advise", swept, "--density", 0.2, "--at", 9)
    assert value.exit_code == 2
    assert "epochs has: 1, 2, 3, 4" in value.stderr
    (tmp_path / "study.toml").write_text(STUDY)
    nothing = invoke("advise", tmp_path, "--density", 0.2)
    assert nothing.exit_code == 4
    assert "prunescope sweep" in nothing.stderr


def test_tune_on_a_finished_study_trains_nothing_and_tells_its_regret(swept, invoke):
    before = {run_id for run_id in Store(swept).ids() if not run_id.startswith("probe-")}
    result = invoke("tune", "epochs", swept, "--density", "0.2,0.5", *WIDE, "--workers", 1, "--json")
    assert result.exit_code == 0, result.stderr
    assert {run_id for run_id in Store(swept).ids() if not run_id.startswith("probe-")} == before
    found = json.loads(result.stdout)["found"]
    assert [one["density"] for one in found] == [0.2, 0.5]
    for one in found:
        assert one["grid_runs"] == 2 + 4 * 2 * 3
        assert one["runs"] < one["grid_runs"]
        assert one["regret"] >= 0
        errors = {look["value"]: look["test_error"] for look in one["looked"]}
        assert one["value"] in errors


def test_tune_without_a_study_makes_the_grid_of_its_options(invoke, tmp_path):
    words = ("--model", "preresnet8", "--model-option", "width=0.25", "--data", "patches:images=120,test_images=60")
    short = ("--trainer-option", "epochs=2", "--retrain-epochs", 1, "--replicas", 2, "--dense-seeds", 1, "--workers", 1)
    result = invoke(
        "tune", "batch-size", *words, *short, "--values", "32,64", "--density", 0.5, "--study", tmp_path / "s"
    )
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() in ("32", "64")
    assert "of 6" in result.stderr
    trained = [run_id for run_id in Store(tmp_path / "s").ids() if run_id.startswith("train-")]
    assert 1 <= len(trained) <= 2


@pytest.mark.parametrize(("knob", "values", "option"), [("sam", "0.1,0.4", "rho"), ("lr", "0.05,0.1", "learning_rate")])
def test_tune_varies_the_dense_training_alone(invoke, tmp_path, knob, values, option):
    words = ("--model", "preresnet8", "--model-option", "width=0.25", "--data", "patches:images=120,test_images=60")
    short = ("--trainer-option", "epochs=1", "--replicas", 2, "--dense-seeds", 1, "--workers", 1, "--by", "cka")
    asked = ("--values", values, "--density", 0.5, "--study", tmp_path / "s")
    result = invoke("tune", knob, *words, *short, *asked, *WIDE)
    assert result.exit_code == 0, result.stderr
    store = Store(tmp_path / "s")
    runs = [store.read(run_id) for run_id in store.ids()]
    trained = {run.facts["knobs"][option] for run in runs if run.recipe.step == "train"}
    assert trained == {float(value) for value in values.split(",")}
    assert {run.recipe.plugin for run in runs if run.recipe.step == "retrain"} == {"sgd"}
    assert len({json.dumps(run.recipe.options) for run in runs if run.recipe.step == "retrain"}) == 1


def test_tune_with_the_full_retraining_where_the_gate_stays_open(swept, invoke):
    before = {run_id for run_id in Store(swept).ids() if run_id.startswith("retrain-")}
    open_gate = ("--rule-option", "epsilon=0.0", "--rule-option", "epsilon_low=0", "--rule-option", "certainty=1")
    result = invoke("tune", "epochs", swept, "--density", 0.5, *open_gate, "--full", "--workers", 1)
    assert result.exit_code == 0, result.stderr
    assert "LMC undecided" in result.stderr
    new = {run_id for run_id in Store(swept).ids() if run_id.startswith("retrain-")} - before
    assert new
    assert {len(Store(swept).read(run_id).history) for run_id in new} == {4}


def test_tune_says_what_cannot_work(swept, invoke):
    for words, told in (
        (("colour", swept, "--density", 0.2), "no knob 'colour'"),
        (("batch-size", swept, "--density", 0.2), "is epochs, not batch_size"),
        (("epochs", swept, "--density", 0.3), "no density 0.3"),
        (("epochs", swept, "--density", 0.2, "--values", "1,2"), "--values is given"),
        (("epochs", "--density", 0.2), "no study and no network to tune"),
        (("epochs", "--density", 0.2, "--model", "m", "--data", "digits"), "--values 10,20,40,80"),
        (("lr", "--density", 2, "--model", "m", "--data", "digits"), "--density got 2"),
    ):
        result = invoke("tune", *words)
        assert result.exit_code == 2
        assert told in result.stderr


def test_calibrate_writes_a_pack_that_diagnose_takes(swept, invoke, tmp_path):
    pack = tmp_path / "pack.json"
    result = invoke("calibrate", swept, "--output", pack, "--tolerance", 0, "--draws", 100)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() == str(pack)
    assert "when left out" in result.stderr
    found = json.loads(pack.read_text())
    assert found["options"]["density_low"] == 0.2
    assert found["knobs"] == {"epochs": [1, 4]}
    dense = next(run_id for run_id in Store(swept).ids() if run_id.startswith("train-"))
    words = (
        "diagnose",
        dense,
        "--density",
        "0.1,0.5",
        "--replicas",
        2,
        "--retrain-epochs",
        1,
        "--workers",
        1,
        "--json",
    )
    told = json.loads(invoke(*words, "--rules", pack, "--study", swept).stdout)
    reasons = {verdict["density"]: " ".join(verdict["because"]) for verdict in told["verdicts"]}
    assert "density 0.1 is outside the fitted 0.2 to 0.5" in reasons[0.1]
    assert "no confidence" not in reasons[0.5]
    assert "fitted to tiny" in reasons[0.5]
    assert {v["density"]: v["confidence"] is None for v in told["verdicts"]}[0.1]


def test_a_pack_for_another_network_gives_no_confidence(swept, invoke, tmp_path):
    pack = tmp_path / "pack.json"
    invoke("calibrate", swept, "--output", pack, "--tolerance", 0, "--draws", 100)
    other = {**json.loads(pack.read_text()), "models": ["resnet18"]}
    pack.write_text(json.dumps(other))
    dense = next(run_id for run_id in Store(swept).ids() if run_id.startswith("train-"))
    words = ("diagnose", dense, "--density", "0.5", "--replicas", 2, "--retrain-epochs", 1, "--workers", 1, "--json")
    (verdict,) = json.loads(invoke(*words, "--rules", pack, "--study", swept).stdout)["verdicts"]
    assert verdict["confidence"] is None
    assert "no confidence: the thresholds were fitted to other networks" in verdict["because"]


def test_calibrate_says_what_is_missing(swept, invoke, tmp_path):
    none = invoke("calibrate", swept, "--output", tmp_path / "pack.json", "--tolerance", 1)
    assert none.exit_code == 4
    assert "0 cells" in none.stderr
    assert not (tmp_path / "pack.json").exists()
    (tmp_path / "study.toml").write_text(STUDY)
    empty = invoke("calibrate", tmp_path, "--output", tmp_path / "pack.json")
    assert empty.exit_code == 4
    assert "prunescope sweep" in empty.stderr


def test_a_table_of_published_cells_can_be_fitted(invoke, tmp_path):
    pack = tmp_path / "pack.json"
    table = Path(__file__).parents[2] / "data" / "phase_preresnet20_cifar10.csv"
    result = invoke("calibrate", table, "--output", pack, "--draws", 100)
    assert result.exit_code == 0, result.stderr
    found = json.loads(pack.read_text())
    assert found["fit"]["cells"] == 16
    assert found["fit"]["held_out"] >= 0.9
    assert 0.1 < found["options"]["epsilon"] < 0.2
    assert found["options"]["fitted_knobs"] == ["epochs:10:160"]
    assert found["models"] == []
