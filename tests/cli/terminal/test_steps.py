"""train, prune, retrain and probe, composed through ids and paths as a person would."""

from __future__ import annotations

import json
import re

import pytest

from prunescope.networks import checkpoints
from prunescope.runs.files.weights import save_weights
from prunescope.runs.store import Store


@pytest.fixture(scope="module")
def pruned(study, invoke):
    folder, dense = study
    result = invoke("prune", "magnitude", f"{dense}@1", "--density", 0.2, "--study", folder)
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip()


@pytest.fixture(scope="module")
def replicas(study, pruned, invoke):
    result = invoke("retrain", "sgd", pruned, "--replicas", 2, "--epochs", 1, "--study", study[0])
    assert result.exit_code == 0, result.stderr
    return result.stdout.split()


def test_train_prints_its_id_and_nothing_else(tmp_path, program, train_words):
    ended = program(*train_words, "--study", tmp_path / "s", "--output", tmp_path / "ckpt.safetensors")
    assert ended.returncode == 0, ended.stderr
    assert re.fullmatch(r"train-[0-9a-f]{16}\n", ended.stdout)
    assert f"next: prunescope diagnose {ended.stdout.strip()}" in ended.stderr
    assert checkpoints.load_checkpoint(tmp_path / "ckpt.safetensors").spec.name == "preresnet8"


def test_snapshots_are_kept_and_named(study, invoke, train_words):
    folder, dense = study
    again = invoke(*train_words, "--snapshots", "2,1", "--study", folder)
    assert again.stdout.strip() == dense
    assert "already finished" in again.stderr
    assert f"{dense}@1, {dense}@2" in again.stderr
    assert {path.name for path in Store(folder).runs.glob(f"{dense}*")} == {
        f"{dense}.h5",
        f"{dense}.safetensors",
        f"{dense}@1.safetensors",
        f"{dense}@2.safetensors",
    }


def test_prune_keeps_the_density_and_starts_from_the_snapshot(study, pruned):
    run = Store(study[0]).read(pruned, with_mask=True)
    assert run.recipe.inputs == (f"{study[1]}@1",)
    assert run.mask.density == pytest.approx(0.2, abs=0.01)


def test_replicas_are_trained_together_each_from_its_seed(study, pruned, replicas, invoke):
    store = Store(study[0])
    runs = [store.read(run_id) for run_id in replicas]
    assert [run.recipe.arguments["seed"] for run in runs] == [0, 1]
    assert {run.engine for run in runs} == {"grouped(2)"}
    alone = invoke("retrain", "sgd", pruned, "--seed", 2, "--epochs", 1, "--study", study[0])
    assert store.read(alone.stdout.strip()).engine == "alone"
    again = invoke("retrain", "sgd", pruned, "--replicas", 3, "--epochs", 1, "--study", study[0])
    assert again.stdout.split() == [*replicas, alone.stdout.strip()]
    assert "3 of 3 steps are already finished" in again.stderr


def test_replicas_that_diverge_say_so_once(study, pruned, invoke):
    words = ("--replicas", 2, "--epochs", 1, "--learning-rate", 1e30, "--study", study[0])
    result = invoke("retrain", "sgd", pruned, *words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "diverged" in result.stderr
    assert "lower the learning rate" in result.stderr


def test_an_id_may_be_shortened_and_a_path_may_point_into_the_study(study, pruned, invoke):
    folder, dense = study
    by_beginning = invoke("prune", "magnitude", f"{dense[:9]}@1", "--density", 0.2, "--study", folder)
    path = folder / "runs" / f"{dense}@1.safetensors"
    by_path = invoke("prune", "magnitude", path, "--density", 0.2, "--study", folder)
    assert by_beginning.stdout.strip() == by_path.stdout.strip() == pruned


def test_retrain_makes_one_run_per_replica(study, replicas):
    store = Store(study[0])
    assert len(set(replicas)) == 2
    assert [store.read(run_id).recipe.arguments["seed"] for run_id in replicas] == [0, 1]


def test_a_dense_model_is_not_retrained(study, invoke):
    folder, dense = study
    result = invoke("retrain", "sgd", dense, "--study", folder)
    assert result.exit_code == 2
    assert "is not pruned" in result.stderr


def test_probe_prints_its_id_and_a_table_for_the_eye(study, replicas, invoke):
    result = invoke("probe", "disagreement", *replicas, "--study", study[0])
    assert result.exit_code == 0, result.stderr
    assert re.fullmatch(r"probe-[0-9a-f]{16}\n", result.stdout)
    assert "disagreement/test_disagreement" in result.stderr


def test_probe_json_is_all_there_is_on_stdout(study, replicas, invoke):
    result = invoke("probe", "errors", replicas[0], "--json", "--study", study[0])
    found = json.loads(result.stdout)
    assert found["recipe"]["inputs"] == [replicas[0]]
    assert found["readings"]["errors"]["test_error"]["n"] == 60


def test_a_file_is_imported_once_whatever_its_place(study, tmp_path, invoke):
    folder, dense = study
    store = Store(folder)
    for name in ("a.pt", "b.pt"):
        save_weights(tmp_path / name, store.load_weights(dense))
    first, second = (invoke("probe", "size", tmp_path / name, "--study", folder) for name in ("a.pt", "b.pt"))
    assert first.exit_code == second.exit_code == 0, first.stderr
    assert first.stdout == second.stdout


def test_a_probe_wants_as_many_checkpoints_as_it_says(study, invoke):
    result = invoke("probe", "lmc", study[1], "--study", study[0])
    assert result.exit_code == 2
    assert "requires 2 checkpoints or more, got 1" in result.stderr
