"""Bad input of every kind: one clear error, the right exit code, no traceback, no half-written file."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace

import pytest
import torch

from prunescope.cli.terminal.command import ExitCode
from prunescope.networks import checkpoints
from prunescope.runs.files.weights import save_weights
from prunescope.runs.store import Store

DATA = "patches:images=120,test_images=60"


class Bomb:
    """A pickle that would make a file if it were ever unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture(scope="module")
def good(study):
    """Return the small dense checkpoint that the bad ones are made of."""
    folder, dense = study
    return Store(folder).load_weights(dense)


def absent(path, _good):
    return path / "nowhere.pt"


def empty(path, _good):
    (path / "empty.pt").write_bytes(b"")
    return path / "empty.pt"


def truncated(path, good):
    save_weights(path / "whole.pt", good)
    (path / "cut.pt").write_bytes((path / "whole.pt").read_bytes()[:5000])
    return path / "cut.pt"


def truncated_safetensors(path, good):
    save_weights(path / "whole.safetensors", good)
    (path / "cut.safetensors").write_bytes((path / "whole.safetensors").read_bytes()[:5000])
    return path / "cut.safetensors"


def text(path, _good):
    (path / "notes.txt").write_text("not a checkpoint\n")
    return path / "notes.txt"


def image(path, _good):
    (path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    return path / "photo.png"


def web_page(path, _good):
    (path / "ckpt.pt").write_text("<!DOCTYPE html><html>404 not found</html>")
    return path / "ckpt.pt"


def empty_folder(path, _good):
    (path / "folder").mkdir()
    return path / "folder"


def malicious(path, _good):
    (path / "bomb.pt").write_bytes(pickle.dumps(Bomb(path / "exploded")))
    return path / "bomb.pt"


def malicious_zip(path, good):
    torch.save({"state_dict": dict(good.state), "extra": Bomb(path / "exploded")}, path / "bomb.pth")
    return path / "bomb.pth"


def whole_module(path, good):
    torch.save(checkpoints.to_model(good), path / "module.pt")
    return path / "module.pt"


def not_finite(path, good):
    state = {name: tensor.clone() for name, tensor in good.state.items()}
    state["conv1.weight"][0] = float("nan")
    torch.save({"arch": "preresnet8", "state_dict": state}, path / "nan.pt")
    return path / "nan.pt"


def no_weights(path, _good):
    torch.save({"epoch": 3, "loss": [1.0, 2.0]}, path / "log.pt")
    return path / "log.pt"


def directory_of_nothing_known(path, _good):
    (path / "model").mkdir()
    (path / "model" / "readme.md").write_text("empty")
    return path / "model"


FILES = {
    "absent": (absent, 2, "nowhere.pt"),
    "empty": (empty, 2, "is empty"),
    "truncated": (truncated, 2, "truncated"),
    "truncated safetensors": (truncated_safetensors, 2, "cut.safetensors"),
    "text": (text, 2, "notes.txt"),
    "image": (image, 2, "photo.png"),
    "web page": (web_page, 2, "ckpt.pt"),
    "empty folder": (empty_folder, 2, "folder"),
    "folder of something else": (directory_of_nothing_known, 2, "model"),
    "malicious pickle": (malicious, 2, "bomb.pt"),
    "malicious zip": (malicious_zip, 2, "bomb.pth"),
    "whole module": (whole_module, 2, "module.pt"),
    "not finite": (not_finite, 2, "conv1.weight"),
    "no weights": (no_weights, 2, "log.pt"),
}

COMMANDS = {
    "diagnose": lambda path: ("diagnose", path, "--data", DATA),
    "prune": lambda path: ("prune", "magnitude", path, "--density", "0.1", "--data", DATA),
    "retrain": lambda path: ("retrain", "sgd", path, "--data", DATA),
    "probe": lambda path: ("probe", "size", path, "--data", DATA),
    "advise": lambda path: ("advise", path, "--density", "0.1", "--data", DATA),
    "map": lambda path: ("map", path, path, "--density", "0.1", "--data", DATA),
    "select": lambda path: ("select", path, path, "--density", "0.1", "--data", DATA),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("command", COMMANDS)
def test_bad_checkpoint(kind, command, good, tmp_path, invoke):
    make, code, says = FILES[kind]
    path, study = make(tmp_path, good), tmp_path / "study"
    result = invoke(*COMMANDS[command](path), "--study", study)
    assert_refused(result, code, says)
    assert not (tmp_path / "exploded").exists()
    assert Store(study).ids() == []
    assert Store(study).leftovers() == []


def mismatch(path, good):
    state = {f"stem.{name}": tensor for name, tensor in good.state.items()} | {"head.weight": torch.zeros(7, 3)}
    torch.save({"arch": "resnet18", "state_dict": state}, path / "other.pt")
    return path / "other.pt"


def shrunk(path, good):
    state = dict(good.state)
    state["layer1.0.conv1.weight"] = state["layer1.0.conv1.weight"][:2]
    torch.save({"arch": "preresnet8", "state_dict": state}, path / "shrunk.pt")
    return path / "shrunk.pt"


@pytest.mark.parametrize("make", [mismatch, shrunk])
def test_a_checkpoint_that_does_not_fit_exits_with_3(make, good, tmp_path, invoke):
    result = invoke("diagnose", make(tmp_path, good), "--data", DATA, "--study", tmp_path / "s")
    assert_refused(result, 3, "")


USAGE = {
    "no such command": (("diagnoze",), "diagnoze"),
    "no such trainer": (("train", "adamx"), "adamx"),
    "no such option": (("train", "sgd", "--learningrate", "1"), "--learningrate"),
    "no such model": (("train", "sgd", "--model", "resnet18x", "--data", DATA), "resnet18x"),
    "no such model option": (
        ("train", "sgd", "--model", "preresnet8", "--model-option", "girth=2", "--data", DATA),
        "girth",
    ),
    "model option without a value": (
        ("train", "sgd", "--model", "preresnet8", "--model-option", "width", "--data", DATA),
        "KEY=VALUE",
    ),
    "no such data": (("train", "sgd", "--model", "preresnet8", "--data", "digitz"), "digitz"),
    "no such data option": (("train", "sgd", "--model", "preresnet8", "--data", "patches:colour=red"), "colour"),
    "data option out of bounds": (("train", "sgd", "--model", "preresnet8", "--data", "patches:images=-5"), "-5"),
    "epochs out of bounds": (("train", "sgd", "--model", "preresnet8", "--data", DATA, "--epochs", "0"), "--epochs"),
    "not a number": (("train", "sgd", "--model", "preresnet8", "--data", DATA, "--learning-rate", "fast"), "'fast'"),
    "snapshot after the end": (
        ("train", "sgd", "--model", "preresnet8", "--data", DATA, "--epochs", "2", "--snapshots", "3"),
        "epoch 3 of 2",
    ),
    "snapshots given twice": (
        ("train", "sgd", "--model", "m", "--data", DATA, "--snapshots", "1", "--snapshot-every", "1"),
        "both --snapshots and --snapshot-every",
    ),
    "output of unknown kind": (
        ("train", "sgd", "--model", "preresnet8", "--data", DATA, "--output", "ckpt.onnx"),
        ".pt or .safetensors",
    ),
    "output in no folder": (
        ("train", "sgd", "--model", "preresnet8", "--data", DATA, "--output", "nowhere/ckpt.pt"),
        "nowhere",
    ),
    "no such device": (("train", "sgd", "--model", "preresnet8", "--data", DATA, "--device", "quantum"), "quantum"),
    "negative seed": (("train", "sgd", "--model", "preresnet8", "--data", DATA, "--seed", "-1"), "--seed"),
    "no study": (("results", "list"), "is not a study"),
}


@pytest.mark.parametrize("kind", USAGE)
def test_bad_usage(kind, tmp_path, invoke, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words, says = USAGE[kind]
    result = invoke(*words, *(["--study", "study"] if words[0] in {"train", "results"} and len(words) > 1 else []))
    assert_refused(result, 2, says)
    assert [path for path in tmp_path.rglob("*") if path.suffix in {".h5", ".safetensors", ".pt", ".tmp"}] == []


@pytest.mark.parametrize(
    "words",
    [
        ("prune", "magnitude", "{}", "--density", "0.3"),
        ("retrain", "sgd", "{}"),
        ("results", "export", "{}", "--to", "torch-prune"),
    ],
    ids=lambda words: words[0],
)
def test_no_command_replaces_the_checkpoint_that_it_reads(words, good, tmp_path, invoke, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_weights(tmp_path / "mine.pt", good)
    before = (tmp_path / "mine.pt").read_bytes()
    given = [word.format("mine.pt") for word in words]
    assert_refused(invoke(*given, "--output", f"../{tmp_path.name}/mine.pt"), 2, "is the checkpoint itself")
    assert (tmp_path / "mine.pt").read_bytes() == before


DIAGNOSE = {
    "density of a percentage": (("--density", "10"), "0.1 keeps 10 %"),
    "density 0": (("--density", "0"), "--density got 0"),
    "density 1": (("--density", "0.1,1"), "--density got 1"),
    "density no number": (("--density", "low"), "'low'"),
    "no density": (("--density", ","), "it requires numbers"),
    "one replica": (("--replicas", "1"), "--replicas"),
    "unknown rule": (("--rule", "coin"), "'coin'"),
    "unknown probe": (("--probe", "colour"), "'colour'"),
    "unknown pruner": (("--pruner", "scissors"), "'scissors'"),
    "unknown trainer": (("--trainer", "coach"), "'coach'"),
    "unknown trainer option": (("--trainer-option", "speed=1"), "'speed'"),
    "option of no probe": (("--probe-option", "batch_size=1"), "PROBE.KEY=VALUE"),
    "unknown verdict": (("--fail-on", "maybe"), "'maybe'"),
    "report that is no page": (("--report", "report.pdf"), ".html"),
    "level 2 of one": (("--level", "2"), "second replica"),
    "unknown weights": (("--weights", "best"), "has one set of weights"),
    "foreign executor's workers": (("--executor", "slurm", "--workers", "2"), "there is no executor 'slurm'"),
    "unknown executor": (("--executor", "slurm"), "'slurm'"),
}


@pytest.mark.parametrize("kind", DIAGNOSE)
def test_bad_question(kind, study, invoke):
    folder, dense = study
    before = sorted(Store(folder).runs.iterdir())
    words, says = DIAGNOSE[kind]
    assert_refused(invoke("diagnose", dense, *words, "--study", folder), 2, says)
    assert sorted(Store(folder).runs.iterdir()) == before


REFERENCES = {
    "no such run": ("train-ffff", "none of the"),
    "no such snapshot": ("{dense}@99", "wrote no weights"),
    "not a snapshot": ("{dense}@last", "none of the"),
    "a hub name that is none": ("hf-hub:", "hf-hub"),
}


@pytest.mark.parametrize("kind", REFERENCES)
def test_bad_reference(kind, study, invoke):
    folder, dense = study
    reference, says = REFERENCES[kind]
    assert_refused(invoke("probe", "size", reference.format(dense=dense), "--study", folder), 2, says)


def test_the_same_checkpoint_twice(study, invoke):
    folder, dense = study
    assert_refused(invoke("diagnose", dense, dense, "--study", folder), 2, "given twice")


def test_a_study_that_is_a_file(tmp_path, invoke):
    (tmp_path / "file").write_text("")
    words = ("train", "sgd", "--model", "preresnet8", "--data", DATA, "--study", tmp_path / "file")
    assert_refused(invoke(*words), 2, "is a file")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_study_that_cannot_be_written(tmp_path, invoke):
    (tmp_path / "locked").mkdir(mode=0o500)
    words = ("train", "sgd", "--model", "preresnet8", "--data", DATA, "--study", tmp_path / "locked" / "s")
    assert_refused(invoke(*words), 2, "locked")


def test_a_data_set_that_changed(good, invoke, tmp_path):
    changed = replace(good, data={**good.data, "fingerprint": "0" * 32})
    save_weights(tmp_path / "ckpt.pt", changed)
    assert_refused(invoke("diagnose", tmp_path / "ckpt.pt", "--study", tmp_path / "s"), 2, "have changed")


def assert_refused(result, code, says):
    """Assert an error of one or two lines (after Typer's usage, where it is one of words), and nothing on stdout."""
    assert result.exit_code == code, result.stderr
    assert result.exit_code != ExitCode.BUG
    assert result.stdout == ""
    assert says in result.stderr
    lines = result.stderr.splitlines()
    assert sum(line.lower().startswith("error: ") for line in lines) == 1, result.stderr
    assert len([line for line in lines if line.strip()]) <= 8, result.stderr
