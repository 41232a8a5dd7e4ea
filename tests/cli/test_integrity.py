"""A number comes from bytes that are as they were written: any flipped byte, exchanged or truncated file is named."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext

import h5py
import pytest
from small_sweep import sweep_small_study

from prunescope.api.errors import PrunescopeError
from prunescope.runs.files import hdf5, opening, superblock
from prunescope.runs.session import open_session
from prunescope.runs.store import Store
from prunescope.studies.phase.warning import read_warned
from prunescope.studies.phase.warning_question import WarningQuestion


@pytest.fixture(scope="module")
def swept(tmp_path_factory, invoke):
    """Return a small study that is finished."""
    return sweep_small_study(tmp_path_factory.mktemp("whole"), invoke)


@pytest.fixture
def study(swept, tmp_path):
    """Return a copy of the study, to be damaged."""
    return shutil.copytree(swept, tmp_path / "study")


def runs(study, step):
    return sorted((study / "runs").glob(f"{step}-*.h5"))


def flip(path, place, bit=0):
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(data)


def numbers(study, invoke):
    return json.loads(invoke("report", study, "--json").stdout)["cells"]


RESTORED = [hdf5.BLOCK + place for place in (superblock.OPEN, *range(superblock.CHECKSUM, superblock.CHECKSUM + 4))]
"""Bytes that a program which has the file open changes: they are restored before the digest is compared."""


@pytest.mark.parametrize("step", ["train", "prune", "retrain", "probe"])
def test_every_byte_of_a_result_counts(study, step):
    path = runs(study, step)[0]
    data = path.read_bytes()
    opening.open_file(path)
    for place in range(0, len(data), 1 if step == "probe" else 7):
        path.write_bytes(data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :])
        with nullcontext() if place in RESTORED else pytest.raises((ValueError, OSError)):
            opening.open_file(path)


def test_every_byte_of_weights_counts(study):
    store, path = Store(study), min((study / "runs").glob("retrain-*.safetensors"))
    data = path.read_bytes()
    for place in [*range(0, 200, 20), *range(200, len(data), len(data) // 20), len(data) - 1]:
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(PrunescopeError, match=path.stem):
            store.load_weights(path.stem)


def test_every_byte_of_what_is_noted_of_the_data_counts(study, invoke):
    path, good = study / "data.json", numbers(study, invoke)
    data = path.read_bytes()
    for place in range(0, len(data), 17):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        result = invoke("report", study, "--json")
        assert result.exit_code == 2 or json.loads(result.stdout)["cells"] == good, data[place - 20 : place + 20]


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("study.toml", lambda data: data[: data.index(b"[axes]")]),
        ("study.toml", lambda data: data.replace(b"=", b"\xbd", 1)),
        ("data.json", lambda data: data.replace(b"60", b"61", 1)),
        ("data.json", lambda data: data[:-9]),
        ("data.json", lambda _: b"[]"),
    ],
)
def test_a_damaged_file_beside_the_runs_is_named_by_check(study, invoke, name, damage):
    path = study / name
    path.write_bytes(damage(path.read_bytes()))
    checked = invoke("results", "check", "--study", study)
    assert (checked.exit_code, checked.stdout.partition(":")[0]) == (2, name), checked.stderr
    assert checked.stdout.count("\n") == 1


def test_flipped_weights_are_named_and_computed_again_on_request(study, invoke):
    before = numbers(study, invoke)
    weights = sorted((study / "runs").glob("retrain-*.safetensors"))
    for path in weights:
        flip(path, path.stat().st_size - 5, bit=6)
    for path in runs(study, "probe"):
        path.unlink()
    refused = invoke("sweep", study, "--workers", 1)
    assert refused.exit_code == 2
    assert all(path.stem in refused.stderr for path in weights)
    assert "--repair" in refused.stderr
    assert not runs(study, "probe")
    listed = invoke("sweep", study, "--list")
    assert listed.stdout.count("damaged") == len(weights)
    assert invoke("sweep", study, "--workers", 1, "--repair").exit_code == 0
    assert numbers(study, invoke) == before
    assert invoke("results", "check", "--study", study).exit_code == 0
    assert len(list((study / "damaged").glob("*.safetensors"))) == len(weights)


def truncated(study):
    path = runs(study, "probe")[0]
    path.write_bytes(path.read_bytes()[:-100])
    return {path.name}


def exchanged(study):
    one, other = runs(study, "probe")[:2]
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)
    return {one.name, other.name}


def changed(study):
    path = runs(study, "probe")[0]
    with h5py.File(path, "a") as file:
        probe = next(iter(file["readings"].values()))
        reading = next(iter(probe.values()))
        reading[...] = reading[...] * 0 + 0.123
    return {path.name}


def emptied(study):
    path = runs(study, "probe")[0]
    path.write_bytes(b"")
    return {path.name}


@pytest.mark.parametrize("damage", [truncated, exchanged, changed, emptied], ids=lambda damage: damage.__name__)
def test_damage_is_named_by_every_command_and_the_rest_is_shown(study, invoke, damage, tmp_path):
    whole = len(list((study / "runs").glob("*.h5")))
    names = damage(study)
    first = min(names).removesuffix(".h5")
    for words in (
        ("results", "list", "--json", "--study", study),
        ("results", "check", "--study", study),
        ("results", "show", first, "--study", study),
        ("results", "export", tmp_path / "out.json", "--study", study),
        ("results", "export", tmp_path / "out.h5", "--study", study),
        ("results", "export", tmp_path / "out.csv", "--study", study),
        ("report", study, "--json"),
        ("sweep", study),
    ):
        result = invoke(*words)
        assert result.exit_code == 2, (words, result.stderr)
        named = names if words[1] != "show" else {f"{first}.h5"}
        assert all(name in result.stderr + result.stdout for name in named), (words, result.stderr)
    assert len(json.loads((tmp_path / "out.json").read_text())["runs"]) == whole - len(names)
    assert len(json.loads(invoke("results", "list", "--json", "--study", study).stdout)) == whole - len(names)
    with h5py.File(tmp_path / "out.h5") as file:
        assert len(file) == whole - len(names)
    assert json.loads(invoke("report", study, "--json").stdout)["cells"]
    assert invoke("sweep", study, "--workers", 1, "--repair").exit_code == 0
    assert invoke("results", "check", "--study", study).exit_code == 0


@pytest.mark.parametrize("damage", [truncated, changed, emptied], ids=lambda damage: damage.__name__)
def test_damage_is_named_by_what_reads_a_study_and_the_rest_is_shown(study, invoke, damage, tmp_path):
    sound = invoke("cite", study)
    (name,) = damage(study)
    for words, shown in (
        (("cite", study), sound.stdout),
        (("cite", study, "--bibtex"), "@"),
        (("advise", study, "--density", "0.5"), "advice"),
        (("calibrate", study, "--output", tmp_path / "rules.json"), ""),
    ):
        result = invoke(*words)
        assert name in result.stderr, (words, result.stderr)
        assert "Traceback" not in result.stderr
        assert result.exit_code in (2, 4), (words, result.stderr)
        assert shown in result.stdout + result.stderr, (words, result.stdout, result.stderr)
    asked = WarningQuestion(study=study, axis="epochs", reading="errors/test_error")
    series, problems = read_warned(asked, open_session(asked))  # its statistics are a plugin
    assert series
    assert [name in problem for problem in problems] == [True]


def test_a_diagnosis_that_needs_a_damaged_run_is_shown_as_a_run(tmp_path, invoke):
    study, words = tmp_path / "study", ("--data", "patches:images=60,test_images=60", "--study", tmp_path / "study")
    trained = invoke("train", "sgd", "--model", "preresnet8", "--model-option", "width=0.25", "--epochs", 1, *words)
    run = trained.stdout.strip()
    made = invoke("diagnose", run, "--density", "0.5", "--replicas", 2, "--retrain-epochs", 1, "--workers", 1, *words)
    assert made.exit_code in (0, 4), made.stderr
    diagnosis = runs(study, "diagnose")[0].stem
    path = runs(study, "probe")[0]
    path.write_bytes(path.read_bytes()[:-9])
    shown = invoke("results", "show", diagnosis, "--study", study)
    assert (shown.exit_code, path.name in shown.stderr) == (2, True), shown.stderr
    assert diagnosis in shown.stdout
    assert invoke("results", "show", diagnosis, "--json", "--study", study).exit_code == 2
    cited = invoke("cite", diagnosis, "--study", study)
    assert (cited.exit_code, path.name in cited.stderr, bool(cited.stdout)) == (2, True, True)


def test_a_damaged_retraining_ends_no_report(study, invoke):
    path = runs(study, "retrain")[0]
    path.write_bytes(path.read_bytes()[:-100])
    result = invoke("report", study, "--json")
    assert result.exit_code == 2, result.stderr
    assert path.name in result.stderr
    assert json.loads(result.stdout)["cells"]


def test_weights_that_are_gone_are_damage(study, invoke):
    path = min((study / "runs").glob("prune-*.safetensors"))
    path.unlink()
    refused = invoke("sweep", study)
    assert refused.exit_code == 2
    assert f"{path.name}: it is missing" in refused.stderr


def test_a_study_that_is_removed_meanwhile_is_not_finished(study, invoke, monkeypatch):
    from prunescope.runs.scheduling import scheduler

    for path in runs(study, "probe"):
        path.unlink()
    run = scheduler.run

    def removing(*given, **options):
        yield from run(*given, **options)
        shutil.rmtree(study / "runs")

    monkeypatch.setattr(scheduler, "run", removing)
    swept = invoke("sweep", study, "--workers", 1)
    assert swept.exit_code == 4, swept.stderr
    assert "check whether it was removed" in swept.stderr
