"""A dry run of any command leaves the disk as it is: a study, one that is not there yet, and where it is typed."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest
import typer
from small_sweep import study_text

from prunescope.cli.application import build
from prunescope.runs.files.weights import save_weights
from prunescope.runs.store import Store

NETWORK = ("--model", "preresnet8", "--model-option", "width=0.25")

DATA = ("--data", "patches:images=120,test_images=60")

BRIEF = ("--density", 0.4, "--retrain-epochs", 1, "--workers", 1)

SHORT = (*NETWORK, *DATA, "--trainer-option", "epochs=2", "--seeds", 1, "--workers", 1)

SWEEP = study_text(
    data={"name": "patches", "images": 120, "test_images": 60},
    train={"plugin": "sgd", "epochs": 1},
    axes={"epochs": [1], "density": [0.5]},
)

WORDS = {
    "diagnose": ("one.pt", *DATA, *BRIEF, "--report", "page.html", "--markdown", "page.md"),
    "sweep": ("sweep.toml", "--workers", 1),
    "advise": ("RUN", *BRIEF, "--budget", 4),
    "map": ("one.pt", "two.pt", *DATA, "--density", 0.4, "--workers", 1),
    "select": ("one.pt", "two.pt", *DATA, *BRIEF),
    "lottery": (*SHORT, "--density", 0.4, "--levels", 1),
    "instability": (*SHORT, "--steps", "0,1ep"),
    "compare": ("magnitude", *NETWORK, *DATA, "--epochs", 2, "--retrain-epochs", 1, "--seeds", 1, "--workers", 1),
}
"""Command -> what is typed after it, in a folder with two networks' files; RUN stands for the run of the study."""

OF_RUNS = ("diagnose", "map", "select")
"""Commands that are asked of the study's snapshots too."""


@pytest.fixture
def place(study, tmp_path, monkeypatch):
    """Return a folder with a copy of a study, two networks' files and a sweep, in which words are typed."""
    folder, dense = study
    (tmp_path / "study/runs").mkdir(parents=True)
    for path in (folder / "runs").glob(f"{dense}*"):
        shutil.copy(path, tmp_path / "study/runs")
    for epoch, name in ((1, "one"), (2, "two")):
        save_weights(tmp_path / f"{name}.pt", Store(folder).load_weights(f"{dense}@{epoch}"))
    (tmp_path / "sweep.toml").write_text(SWEEP)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder):
    """Return every file and folder below a folder, with the digests of the files."""
    found = sorted(folder.rglob("*"))
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None for path in found}


def test_every_command_with_a_dry_run_is_here():
    commands = typer.main.get_command(build([])).commands
    dry = {name for name, one in commands.items() if any("--dry-run" in option.opts for option in one.params)}
    assert dry == set(WORDS)


@pytest.mark.parametrize("name", WORDS)
def test_a_dry_run_writes_nothing(name, place, study, invoke):
    words = [study[1] if word == "RUN" else word for word in WORDS[name]]
    before = contents(place)
    result = invoke(name, *words, "--dry-run", "--json", "--study", "study" if "RUN" in WORDS[name] else "new")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["dry_run"]["steps"] > 0
    assert contents(place) == before


@pytest.mark.parametrize("name", OF_RUNS)
def test_a_dry_run_of_finished_runs_writes_nothing(name, place, study, invoke):
    before = contents(place)
    words = [f"{study[1]}@1", *([f"{study[1]}@2"] if name != "diagnose" else []), "--density", 0.4, "--workers", 1]
    result = invoke(name, *words, "--dry-run", "--json", "--study", "study")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["dry_run"]["steps"] > 0
    assert contents(place) == before
