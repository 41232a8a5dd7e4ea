from __future__ import annotations

import json

import h5py
import pytest

from prunescope.runs.store import Store


def test_list_has_a_line_per_run(study, invoke):
    folder, dense = study
    lines = invoke("results", "list", "--study", folder).stdout.splitlines()
    assert len(lines) == 1 + len(Store(folder).ids())
    assert any(line.startswith(dense) and "train sgd, 2 epochs, " in line for line in lines)


def test_list_as_json(study, invoke):
    folder, _ = study
    listed = json.loads(invoke("results", "list", "--json", "--study", folder).stdout)
    assert sorted(run["id"] for run in listed) == Store(folder).ids()


def test_show_tells_recipe_provenance_and_history(study, invoke):
    folder, dense = study
    text = invoke("results", "show", dense[:10], "--study", folder).stdout
    for part in (dense, "torch ", "epochs", "learning rate", "@1.safetensors"):
        assert part in text


def test_show_as_json(study, invoke):
    folder, dense = study
    found = json.loads(invoke("results", "show", dense, "--json", "--study", folder).stdout)
    assert found["id"] == dense
    assert [epoch["number"] for epoch in found["history"]] == [1, 2]


def test_the_study_can_come_from_the_environment(study, program):
    ended = program("results", "check", PRUNESCOPE_STUDY=str(study[0]))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.endswith("runs, no damage\n")


def test_export_writes_one_file(study, tmp_path, invoke):
    folder, dense = study
    target = tmp_path / "all.h5"
    result = invoke("results", "export", target, "--study", folder)
    assert result.stdout == f"{target}\n"
    with h5py.File(target) as file:
        assert sorted(file) == Store(folder).ids()
        assert file[dense].attrs["id"] == dense


@pytest.fixture
def damaged(tmp_path):
    runs = tmp_path / "study" / "runs"
    runs.mkdir(parents=True)
    (runs / "train-0000000000000000.h5").write_bytes(b"no HDF5")
    (runs / ".train-1.h5.7.tmp").write_bytes(b"")
    return tmp_path / "study"


def test_check_finds_damage(damaged, invoke):
    result = invoke("results", "check", "--study", damaged)
    assert result.exit_code == 2
    assert result.stdout.startswith("train-0000000000000000.h5: it cannot be read")
    assert ".train-1.h5.7.tmp" in result.stderr


def test_list_of_a_damaged_study_names_the_file(damaged, invoke):
    result = invoke("results", "list", "--study", damaged)
    assert result.exit_code == 2
    assert "train-0000000000000000.h5 is not a readable prunescope result" in result.stderr
