from __future__ import annotations

import json
import re
import shutil

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
    assert re.fullmatch(r"(1 run|\d+ runs), no damage\n", ended.stdout)


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


STUDY = """
model = { name = "preresnet8" }
data = { name = "patches" }
train = { plugin = "sgd", epochs = 1 }
prune = { plugin = "magnitude" }
retrain = { plugin = "sgd", epochs = 1 }
probes = [{ plugin = "errors" }]
axes = { epochs = [1], density = [0.5] }
"""


@pytest.fixture
def forms(study):
    """Return a study, named in every way that a person may."""
    folder, dense = study
    (folder / "study.toml").write_text(STUDY)
    yield folder, dense, [folder, folder / "study.toml", folder / "runs"]
    (folder / "study.toml").unlink()


def test_every_command_takes_the_study_before_what_is_in_it(forms, tmp_path, invoke):
    folder, dense, named = forms
    for number, place in enumerate(named):
        listed = invoke("results", "list", place).stdout
        assert dense in listed
        assert invoke("results", "show", place).stdout == listed
        assert dense in invoke("results", "show", place, dense[:10]).stdout
        target = tmp_path / f"{number}.csv"
        assert invoke("results", "export", place, target).stdout == f"{target}\n"
        assert "no damage" in invoke("results", "check", place).stdout
        assert invoke("results", "gc", place).exit_code == 0
    assert dense in invoke("results", "show", folder / "runs" / f"{dense}.h5").stdout


def test_the_file_of_a_sweep_names_its_folder(study, tmp_path, monkeypatch, invoke):
    folder, dense = study
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid").symlink_to(folder)
    assert dense in invoke("results", "show", "studies/grid.toml").stdout
    assert "is not a study" in invoke("results", "show", "studies/other.toml").stderr


def test_rm_takes_a_study_and_one_run_of_it(study, tmp_path, invoke):
    folder, _ = study
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    probes = [run for run in Store(copy).ids() if run.startswith("diagnose")] or Store(copy).ids()[:1]
    removed = invoke("results", "rm", copy, probes[0], "--dependants")
    assert probes[0] in removed.stdout
    assert probes[0] not in Store(copy).ids()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("rm",), "results rm takes one RUN behind the study, got nothing"),
        (("rm", "a", "b"), "results rm takes one RUN behind the study, got a b"),
        (("export",), "results export takes one FILE behind the study, got nothing"),
        (("show", "a", "b"), "results show takes one RUN behind the study, got a b"),
        (("record", "a", "b"), "results record takes one PLACE behind the study, got a b"),
    ],
)
def test_what_is_missing_behind_the_study_is_named(study, invoke, words, told):
    command, *rest = words
    failed = invoke("results", command, study[0], *rest)
    assert failed.exit_code == 2
    assert told in failed.stderr
