"""diagnose compares the family of a checkpoint: its snapshots, the files beside it, or what --family names."""

from __future__ import annotations

import json

import pytest
import torch

from prunescope.networks import checkpoints
from prunescope.runs.store import Store

DATA = "patches:images=120,test_images=60"

FAST = ("--workers", 1, "--density", "0.3", "--replicas", 2, "--retrain-epochs", 1, "--trainer-option", "batch_size=60")


@pytest.fixture(scope="module")
def run(tmp_path_factory, invoke, train_words):
    """Return a study with a dense run of 4 epochs whose learning rate falls after 2, its snapshots and id."""
    folder = tmp_path_factory.mktemp("family") / "study"
    words = [4 if word == 2 else word for word in train_words]
    trained = invoke(*words, "--snapshot-every", 1, "--study", folder)
    assert trained.exit_code == 0, trained.stderr
    return folder, trained.stdout.strip()


def diagnose(invoke, folder, network, *words):
    """Return the case at the density, its verdict as JSON, and what was printed."""
    result = invoke("diagnose", network, *FAST, *words, "--json", "--study", folder)
    assert result.exit_code in (0, 4), result.stderr
    found = json.loads(result.stdout)
    cases = Store(folder).read(found["id"]).recipe.arguments["cases"]
    return next(case for case in cases if case["density"] < 1), found["verdicts"][0], result.stderr


def epochs(case):
    return [one["knobs"]["epochs"] for one in case.get("siblings", ())]


def test_the_snapshots_of_a_run_are_compared_without_being_named(run, invoke):
    folder, dense = run
    case, verdict, printed = diagnose(invoke, folder, dense)
    assert epochs(case) == [4, 2]  # half, which is the last before the drop too
    assert case["first_drop"] == 2
    assert all(len(one["retrainings"]) == 2 for one in case["siblings"])
    assert "family: epochs 4 against 2, each retrained 2 times for 2 epochs" in printed
    assert set(verdict["rests_on"]) == {"family", "mapped"}  # the replicas have not learned: the regime says nothing
    assert 0 <= verdict["hotter"] <= 1
    assert verdict["gain_interval"][0] <= verdict["gain"] <= verdict["gain_interval"][1]
    retrained = Store(folder).read(case["siblings"][0]["retrainings"][0])
    assert len(retrained.history) == 2


def test_what_the_family_cost_is_part_of_the_report(run, invoke):
    folder, dense = run
    result = invoke("diagnose", dense, *FAST, "--json", "--study", folder)
    found = json.loads(result.stdout)
    steps = {step["step"]: step["runs"] for step in found["cost"]["steps"]}
    assert steps["retrain"] == 2 + 2 * 2
    assert "siblings at other temperatures" in found["level"]["stands_on"]


def test_a_snapshot_is_compared_with_what_came_after_it_too(run, invoke):
    folder, dense = run
    case, _, _ = diagnose(invoke, folder, f"{dense}@2")
    assert epochs(case) == [2, 1, 4]


def test_none_compares_with_nothing(run, invoke):
    folder, dense = run
    case, verdict, printed = diagnose(invoke, folder, dense, "--family", "none", "--rule-option", "learned=1")
    assert "siblings" not in case
    assert "family:" not in printed
    assert set(verdict["rests_on"]) == {"position", "lmc"}
    assert case["knob"] == "epochs"


def test_the_recorded_course_of_a_training_without_snapshots_is_a_signal(invoke, train_words, tmp_path):
    words = [16 if word == 2 else word for word in train_words]
    trained = invoke(*words, "--study", tmp_path)
    assert trained.exit_code == 0, trained.stderr
    dense = trained.stdout.strip()
    case, verdict, _ = diagnose(invoke, tmp_path, dense, "--rule-option", "learned=1")
    losses = [epoch.train_loss for epoch in Store(tmp_path).read(dense).history]
    before, after = sum(losses[2:4]) - sum(losses[6:8]), sum(losses[6:8]) - sum(losses[-2:])
    assert case["progress"] == pytest.approx(before / (abs(before) + abs(after)))
    assert "knob" not in case
    assert set(verdict["rests_on"]) == {"progress", "lmc"}


def timm_file(path, run, epoch):
    """Write a snapshot as timm's saver does."""
    folder, dense = run
    reference = dense if epoch == 4 else f"{dense}@{epoch}"
    state = checkpoints.load_checkpoint(Store(folder).weights_path(reference)).state
    arguments = {"model": "preresnet8", "batch_size": 16, "epochs": 4, "lr": 0.1, "sched": "multistep"}
    arguments |= {"decay_milestones": [2], "decay_rate": 0.1, "opt": "sgd", "model_kwargs": {"width": 0.25}}
    torch.save({"epoch": epoch - 1, "arch": "preresnet8", "state_dict": dict(state), "args": arguments}, path)
    return path


@pytest.fixture
def beside(tmp_path, run):
    """Return the last checkpoint of a folder as timm leaves it."""
    for epoch in (1, 2, 3):
        timm_file(tmp_path / f"checkpoint-{epoch - 1}.pth.tar", run, epoch)
    return timm_file(tmp_path / "last.pth.tar", run, 4)


def test_numbered_files_beside_a_checkpoint_are_compared_without_being_named(invoke, beside, tmp_path):
    case, verdict, printed = diagnose(invoke, tmp_path / "study", beside, "--data", DATA)
    assert epochs(case) == [4, 2]
    assert "checkpoint-1.pth.tar" in printed
    assert "family: epochs 4 against 2" in printed
    assert set(verdict["rests_on"]) == {"family", "mapped"}


def test_a_broken_file_beside_a_checkpoint_is_left_out_with_a_note(invoke, beside, tmp_path):
    (tmp_path / "checkpoint-1.pth.tar").write_bytes(b"no checkpoint")
    case, _, printed = diagnose(invoke, tmp_path / "study", beside, "--data", DATA)
    assert "siblings" not in case
    assert "checkpoint-1.pth.tar beside the checkpoint is not compared" in " ".join(printed.split())


def test_a_pattern_names_the_family(invoke, beside, tmp_path):
    pattern = tmp_path / "checkpoint-[02].pth.tar"
    case, _, _ = diagnose(invoke, tmp_path / "study", beside, "--data", DATA, "--family", pattern)
    assert epochs(case) == [4, 1, 3]  # 3 is the nearest to half, 1 the last before the drop
    missing = invoke("diagnose", beside, "--data", DATA, "--family", tmp_path / "x-*.pt", "--study", tmp_path / "study")
    assert missing.exit_code == 2
    assert "matches no file" in missing.stderr


def test_networks_that_differ_in_two_knobs_are_no_family(run, invoke, train_words):
    folder, dense = run
    other = invoke(*train_words, "--learning-rate", "0.05", "--study", folder)
    result = invoke("diagnose", dense, *FAST, "--family", other.stdout.strip(), "--study", folder)
    assert result.exit_code == 2
    assert "the members of the family differ in epochs and learning_rate" in result.stderr


def test_the_certainty_decides_whether_a_direction_is_advised(run, invoke):
    folder, dense = run
    _, bold, _ = diagnose(invoke, folder, dense, "--certainty", "0.5")
    _, timid, _ = diagnose(invoke, folder, dense, "--certainty", "1")
    assert timid["advice"] == "none"
    assert bold["hotter"] == timid["hotter"]


def test_an_advised_direction_is_a_verdict_where_the_regime_is_not_resolved(run, invoke):
    """The replicas have not learned: siblings alone say the direction."""
    folder, dense = run
    result = invoke("diagnose", dense, *FAST, "--certainty", "0.5", "--json", "--study", folder)
    (verdict,) = json.loads(result.stdout)["verdicts"]
    assert verdict["regime"] == "unresolved"
    assert result.exit_code == (4 if verdict["advice"] == "none" else 0)


def test_trainings_of_other_lengths_have_no_drop_in_common(run, invoke, train_words):
    folder, dense = run
    shorter = invoke(*train_words, "--study", folder).stdout.strip()
    case, verdict, _ = diagnose(invoke, folder, dense, "--family", shorter, "--rule-option", "learned=1")
    assert epochs(case) == [4, 2]
    assert "first_drop" not in case
    assert set(verdict["rests_on"]) == {"family", "lmc", "mapped"}
