"""Every function of the package answers as its command: the same runs, the same JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

import pytest
import torch
from small_sweep import study_text

import prunescope
from prunescope.api.errors import UsageError
from prunescope.data.sources import open_source
from prunescope.landscape import batchnorm
from prunescope.runs.plan import RECALIBRATION_BATCH
from prunescope.runs.store import Store
from prunescope.studies.steps import soup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Made = Mapping[str, Sequence[str]]

from run_here import command

DATA = "patches:images=64,test_images=40"

SMALL = ("--model", "preresnet8", "--model-option", "width=0.25", "--data", DATA)

SMALL_TOO = {"model": "preresnet8", "model_options": {"width": 0.25}, "data": DATA}

SHORT = ("--trainer-option", "epochs=2", "--trainer-option", "batch_size=32", "--seeds", 1, "--levels", 1)

SHORT_TOO = {"trainer_options": {"epochs": 2, "batch_size": 32}, "seeds": 1, "levels": 1}


STUDY = study_text(
    data={"name": "patches", "images": 64, "test_images": 40},
    train={"plugin": "sgd", "epochs": 4},
    probes=[{"plugin": "errors"}, {"plugin": "lmc", "test": False}, {"plugin": "cka"}],
    axes={"epochs": [1, 2, 4], "density": [0.5]},
)

CELLS = Path(__file__).parent / "data/phase_preresnet20_cifar10.csv"

BRIEF = ("--density", 0.5, "--replicas", 2, "--retrain-epochs", 1)

BRIEF_TOO = {"density": 0.5, "replicas": 2, "retrain_epochs": 1}


@dataclass(frozen=True, kw_only=True)
class Door:
    """A question, as words of the command and as arguments of the function; "STUDY" and "RUN" stand for the study's."""

    words: tuple[object, ...]
    given: Mapping[str, Any]
    place: tuple[str, ...] = ("study", "workers")
    """What of the place the question has."""


DOORS = {
    "advise": Door(
        words=("RUN@2", *BRIEF, "--budget", 4, "--rule-option", "epsilon=0.9"),
        given={"target": "RUN@2", **BRIEF_TOO, "budget": 4, "rule_options": {"epsilon": 0.9}},
    ),
    "select": Door(
        words=("RUN@1", "RUN@2", *BRIEF),
        given={"networks": ["RUN@1", "RUN@2"], **BRIEF_TOO},
    ),
    "map": Door(
        words=("RUN", "--density", "0.5,0.2"),
        given={"networks": "RUN", "densities": [0.5, 0.2]},
    ),
    "tune": Door(
        words=("epochs", "STUDY", "--density", 0.5),
        given={"knob": "epochs", "file": "STUDY", "densities": [0.5]},
        place=("workers",),
    ),
    "calibrate": Door(
        words=(CELLS, "--draws", 100),
        given={"studies": [CELLS], "draws": 100},
        place=(),
    ),
    "warn": Door(
        words=("STUDY", "--axis", "epochs", "--reading", "lmc/lmc", "--surrogates", 20),
        given={"study": "STUDY", "axis": "epochs", "reading": "lmc/lmc", "surrogates": 20},
        place=(),
    ),
    "compare": Door(
        words=("magnitude", *SMALL, "--epochs", 2, "--retrain-epochs", 1, "--seeds", 1, "--densities", "0.5"),
        given={**SMALL_TOO, "pruners": ["magnitude"], "epochs": 2, "retrain_epochs": 1, "seeds": 1, "densities": [0.5]},
    ),
    "lottery": Door(
        words=(*SMALL, *SHORT, "--density", 0.3, "--method", "rate", "--control", "none"),
        given={**SMALL_TOO, **SHORT_TOO, "density": 0.3, "methods": ["rate"], "controls": ()},
    ),
    "instability": Door(
        words=(*SMALL, *SHORT, "--steps", "0,1ep"),
        given={**SMALL_TOO, **SHORT_TOO, "steps": [0, "1ep"]},
    ),
}
"""By the name that command and function share."""


@dataclass(frozen=True, kw_only=True)
class StepDoor:
    """A question about what earlier steps made, as words of the command and as a call of the function."""

    words: Callable[[Made], Sequence[object]]
    ask: Callable[..., Any]
    """Takes what was made, and where."""


TRAIN = ("train", "sgd", *SMALL, "--epochs", 1)

TRAIN_TOO = {"trainer_options": {"epochs": 1}}

STEPS = {
    "train": StepDoor(
        words=lambda _: (*TRAIN, "--snapshot-every", 1),
        ask=lambda _, **at: prunescope.train(**SMALL_TOO, **TRAIN_TOO, snapshot_every=1, **at),
    ),
    "prune": StepDoor(
        words=lambda made: ("prune", "lamp", *made["train"], "--density", 0.3, "--seed", 4),
        ask=lambda made, **at: prunescope.prune(made["train"][0], pruner="lamp", density=0.3, seed=4, **at),
    ),
    "retrain": StepDoor(
        words=lambda made: ("retrain", "sgd", *made["prune"], "--replicas", 3, "--epochs", 1),
        ask=lambda made, **at: prunescope.retrain(made["prune"][0], replicas=3, **TRAIN_TOO, **at),
    ),
    "probe": StepDoor(
        words=lambda made: ("probe", "lmc", *made["retrain"], "--points", 3, "--no-test", "--data", DATA),
        ask=lambda made, **at: prunescope.probe(
            made["retrain"], "lmc", probe_options={"points": 3, "test": False}, data=DATA, **at
        ),
    ),
    "diagnose": StepDoor(
        words=lambda made: ("diagnose", *made["train"], "--density", 0.3, "--replicas", 2, "--retrain-epochs", 1),
        ask=lambda made, **at: prunescope.diagnose(made["train"], densities=[0.3], replicas=2, retrain_epochs=1, **at),
    ),
}
"""By the name that command and function share."""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return the folder of a finished sweep, in which everything else is kept too, and its dense run."""
    folder = tmp_path_factory.mktemp("doors")
    (folder / "tiny.toml").write_text(STUDY)
    command("sweep", folder / "tiny.toml", "--workers", 1, "--study", folder / "study")
    (dense,) = (run_id for run_id in Store(folder / "study").ids() if run_id.startswith("train-"))
    return folder / "study", dense


@pytest.fixture(scope="module")
def folder(study):
    return study[0]


@pytest.fixture(autouse=True)
def _installed(monkeypatch):
    """Let prunescope-earlywarning be importable, as `pip install` does."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "plugins/prunescope-earlywarning/src")


def filled(value, study):
    """Return a value with the folder and the dense run of the study in place of the words that stand for them."""
    if isinstance(value, list | tuple):
        return [filled(one, study) for one in value]
    return value.replace("STUDY", str(study[0])).replace("RUN", study[1]) if isinstance(value, str) else value


def ask(name, study):
    """Return what the function answers."""
    door, place = DOORS[name], {"study": study[0], "workers": 1}
    given = {key: filled(value, study) for key, value in door.given.items()}
    return getattr(prunescope, name)(**given, **{key: place[key] for key in door.place})


@pytest.mark.parametrize("name", DOORS)
def test_a_function_answers_as_its_command(name, study, tmp_path, capfd):
    folder = study[0]
    door, place = DOORS[name], {"study": ("--study", folder), "workers": ("--workers", 1)}
    words = [*filled(door.words, study), *(word for key in door.place for word in place[key])]
    words += ["--output", tmp_path / "rules.json"] if name == "calibrate" else []
    printed = command(name, *words, "--json")
    finished = Store(folder).ids()
    capfd.readouterr()
    found = ask(name, study)
    assert json.loads(found.to_json()) == json.loads(printed)
    assert Store(folder).ids() == finished
    assert capfd.readouterr() == ("", "")


@pytest.fixture(scope="module")
def made(folder):
    """Return the ids of what the steps start from: a dense network, a pruned one, two replicas."""
    at = ("--study", folder)
    train = command(*TRAIN, *at).split()
    prune = command("prune", "magnitude", *train, "--density", 0.3, *at).split()
    retrain = command("retrain", "sgd", *prune, "--replicas", 2, "--epochs", 1, *at).split()
    return {"train": train, "prune": prune, "retrain": retrain}


@pytest.mark.parametrize("name", STEPS)
def test_a_function_returns_the_runs_that_its_command_prints(name, made, folder, capfd):
    printed = command(*STEPS[name].words(made), "--study", folder).split()
    finished = Store(folder).ids()
    capfd.readouterr()
    found = STEPS[name].ask(made, study=folder)
    assert list(getattr(found, "runs", None) or [found.run]) == printed
    assert Store(folder).ids() == finished
    assert capfd.readouterr() == ("", "")


def test_recalibration_changes_nothing_but_the_statistics_of_batchnorm(made, folder):
    plain = prunescope.prune(made["train"][0], density=0.3, study=folder)
    assert [plain.run] == made["prune"]
    words = ("prune", "magnitude", *made["train"], "--density", 0.3, "--recalibrate", "--study", folder)
    recalibrated = prunescope.prune(made["train"][0], density=0.3, recalibrate=True, study=folder)
    assert [recalibrated.run] == command(*words).split()
    wanted, found = plain.network(), recalibrated.network()
    data = open_source(plain.found.recipe.arguments["data"], device="cpu")
    before = {name: tensor.clone() for name, tensor in wanted.state_dict().items()}
    batchnorm.re_estimate(wanted, data.train, batch_size=RECALIBRATION_BATCH)
    for name, tensor in wanted.state_dict().items():
        assert torch.equal(found.state_dict()[name], tensor)
        assert "running" in name or "num_batches" in name or torch.equal(before[name], tensor)
    assert not torch.equal(before["layer1.0.bn2.running_mean"], found.state_dict()["layer1.0.bn2.running_mean"])


def test_a_network_without_batchnorm_cannot_be_recalibrated(folder):
    given = {"data": "patches:images=64,test_images=40", "study": folder}
    dense = prunescope.train("small_mlp", trainer_options={"epochs": 1}, **given)
    with pytest.raises(UsageError, match="no BatchNorm"):
        prunescope.prune(dense, density=0.3, recalibrate=True, study=folder)


def test_a_soup_is_the_average_where_the_replicas_are_connected(made, folder):
    words = ("retrain", "sgd", *made["prune"], "--replicas", 2, "--epochs", 1, "--keep", "soup", "--study", folder)
    found = prunescope.retrain(made["prune"][0], replicas=2, **TRAIN_TOO, keep="soup", study=folder)
    assert [found.run] == command(*words).split()
    assert [run.id for run in found.replicas] == made["retrain"]
    lmc = prunescope.probe(made["retrain"], "lmc", probe_options={"test": False}, study=folder).readings["lmc"]
    assert lmc.value.min() >= -0.1
    assert f"least LMC {lmc.value.min():.4f}".replace("-", "−") in str(found)
    averaged, states = (
        found.networks()[0],
        [prunescope.open_study(folder).show(run).network() for run in made["retrain"]],
    )
    for name, weight in averaged.named_parameters():
        torch.testing.assert_close(weight, sum(one.get_parameter(name) for one in states) / 2)
    density = Store(folder).read(found.run).facts["density"]
    assert density == pytest.approx(0.3, abs=1e-3)
    measured = prunescope.probe([found], "errors", study=folder)
    assert {row["density"] for row in measured.rows()} == {density}


def test_a_barrier_keeps_the_replica_of_lowest_training_loss(made, folder, monkeypatch):
    monkeypatch.setattr(soup, "PUBLISHED", replace(soup.PUBLISHED, epsilon=-2.0))
    found = prunescope.retrain(made["prune"][0], replicas=2, **TRAIN_TOO, keep="soup", study=folder)
    losses = {run.id: run.history[-1].train_loss for run in found.replicas}
    assert losses[found.run] == min(losses.values())
    assert "lies on a barrier" in found.reason


@pytest.mark.parametrize(("given", "told"), [({"replicas": 1}, "two replicas"), ({"replicas": 2, "keep": "x"}, "'x'")])
def test_a_soup_requires_replicas(given, told, made, folder):
    with pytest.raises(UsageError, match=told):
        prunescope.retrain(made["prune"][0], **{"keep": "soup", **given}, **TRAIN_TOO, study=folder)


def test_what_a_function_returns_is_what_the_next_one_takes(made, folder):
    dense = prunescope.train(**SMALL_TOO, **TRAIN_TOO, study=folder)
    pruned = prunescope.prune(dense, density=0.3, study=folder)
    replicas = prunescope.retrain(pruned, replicas=2, **TRAIN_TOO, study=folder)
    assert [dense.run, pruned.run, *replicas.runs] == [*made["train"], *made["prune"], *made["retrain"]]
    measured = prunescope.probe(replicas, "disagreement", study=folder)
    assert measured.found.recipe.inputs == replicas.runs
    assert {row["pair"] for row in measured.rows() if row["axes"].startswith("pair")} == {"1-2"}


@pytest.mark.parametrize("name", DOORS)
def test_what_it_returns_shows_itself(name, study):
    found = ask(name, study)
    assert len(str(found).splitlines()) > 2
    assert str(found).split()[0] in found._repr_html_()
    rows = found.rows()
    assert bool(rows) == (name != "calibrate")
    for row in rows:
        assert {"reading", "value"} <= set(row)
        assert name == "warn" or row["run"] in Store(study[0]).ids()


def test_export_answers_as_its_command(made, folder, tmp_path):
    found = prunescope.export(made["prune"][0], to="torch-prune", output=tmp_path / "a.pt", study=folder)
    words = ("results", "export", *made["prune"], "--to", "torch-prune", "--output", tmp_path / "b.pt")
    printed = json.loads(command(*words, "--json", "--study", folder))
    assert printed == json.loads(found.to_json().replace("a.pt", "b.pt"))
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()
    assert command(*words, "--study", folder).strip() == str(tmp_path / "b.pt")


def test_diff_and_markdown_answer_as_their_commands(made, folder, tmp_path):
    given = ("diagnose", *made["train"], "--density", 0.3, "--replicas", 2, "--retrain-epochs", 1)
    (tmp_path / "a.json").write_text(command(*given, "--json", "--markdown", tmp_path / "a.md", "--study", folder))
    run = json.loads((tmp_path / "a.json").read_text())["id"]
    shown = prunescope.open_study(folder).show(run)
    assert (tmp_path / "a.md").read_text() == shown.to_markdown()
    text = shown.to_markdown()
    assert "| density | regime | advice | confidence |" in text
    assert [f"| {row.label} |" in text for row in shown.view.evidence] == [True] * len(shown.view.evidence)
    assert text.count("<details>") == text.count("</details>") == 1 + bool(shown.view.warnings)
    found = prunescope.diff(run, tmp_path / "a.json", study=folder)
    assert not found.worse
    assert {one.change for one in found.found.readings} == {0}
    assert len(found.rows()) > 20
    words = ("diff", run, tmp_path / "a.json", "--markdown", tmp_path / "b.md", "--fail-on", "worse")
    assert json.loads(command(*words, "--json", "--study", folder)) == json.loads(found.to_json())
    assert (tmp_path / "b.md").read_text() == found.to_markdown()
    assert "not worse" in command(*words, "--study", folder)


def test_fit_budget_answers_as_its_command(made, folder):
    given = {"within": "40pt", "bytes": 18_000, "replicas": 2, "retrain_epochs": 1, "tries": 1, "least": 0.2}
    found = prunescope.fit_budget(made["train"][0], **given, study=folder)
    words = ("fit-budget", *made["train"], "--within", "40pt", "--bytes", "18kB", "--replicas", 2)
    words += ("--retrain-epochs", 1, "--tries", 1, "--least", 0.2, "--json", "--study", folder)
    assert json.loads(command(*words)) == json.loads(found.to_json()) | {"budget": ANY}
    curve = {one.density: one.errors for one in found.found.errors}
    assert found.density in curve
    measured = [row for row in found.rows() if row["reading"] == "test_error" and row["density"] < 1]
    assert {row["retraining_seed"] for row in measured} >= {1, 2}
    assert str(found).splitlines()[0].startswith(f"density {found.density:.4g}: the smallest density tried ")


def test_every_function_is_shown_to_answer_as_its_command():
    assert {*DOORS, *STEPS, "sweep", "report", "open_study", "export", "import_results", "fit_budget", "diff"} == set(
        prunescope.FUNCTIONS
    )
