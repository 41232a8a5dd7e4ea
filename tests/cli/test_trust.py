"""A file never names code: what is named in files of every format, and what a person may allow."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_sweep import as_toml, study_text

from prunescope.api.errors import InputError, UsageError
from prunescope.data import sources
from prunescope.networks import checkpoints as checkpoint
from prunescope.networks.checkpoints import Checkpoint
from prunescope.networks.models import create
from prunescope.networks.spec import ModelSpec
from prunescope.runs.files import runfile
from prunescope.runs.files.weights import save_weights
from prunescope.runs.recipe import Recipe
from prunescope.runs.store import Store

NAMES = ("os:system", "subprocess:check_output", "./mod:f", "stranger:f", "hf-hub:who/what", "local-dir:canary")

DATA = "patches:images=120,test_images=60"

SPEC = ModelSpec(name="preresnet8", num_classes=10, in_chans=3, image_size=(8, 8), options={"width": 0.25})

STRANGER = """
import pathlib
pathlib.Path("canary").write_text("ran")
def f(*arguments, **options):
    pathlib.Path("canary").write_text("called")
"""

STUDY = study_text(data={"name": "patches", "images": 120, "test_images": 60})

QUICK = ("--dry-run", "--density", "none")


@pytest.fixture(scope="module")
def data():
    """Return a small data set as recipes name it."""
    return sources.describe(DATA).to_json()


@pytest.fixture(scope="module")
def dense(data):
    """Return a small network as a training leaves it."""
    training = {"optimizer": "sgd", "epochs": 2, "learning_rate": 0.1, "batch_size": 32}
    recipe = Recipe(step="train", plugin="sgd", arguments={"model": SPEC.to_json(), "data": data, "seed": 0})
    return Checkpoint(
        spec=SPEC,
        state=create(SPEC, seed=0).state_dict(),
        training=training,
        knobs={"epochs": 2},
        data=data,
        notes=("a note",),
        recipe=recipe.canonical(),
        provenance={"who": "somebody"},
    )


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a stranger's modules in it."""
    for name in ("stranger", "mod"):
        (tmp_path / f"{name}.py").write_text(STRANGER)
    return tmp_path


@pytest.fixture
def watched(folder):
    """Return a function that runs commands in the folder under an audit hook; see watched.py."""

    def run(*commands):
        asked = {
            "modules": ["stranger", "mod"],
            "files": ["canary", "second.pth"],
            "commands": [{"words": [str(word) for word in words], "folder": str(folder)} for words in commands],
        }
        (folder / "asked.json").write_text(json.dumps(asked))
        done = subprocess.run(
            [sys.executable, str(Path(__file__).parents[1] / "watched.py"), str(folder / "asked.json")],
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONSAFEPATH": "1"},
        )
        assert done.returncode == 0, done.stderr[-3000:]
        found = json.loads(done.stdout)
        for one in found:
            assert one["events"] == [], one
            assert one["exit_code"] != 70, one
            assert one["crashed"] == "", one
        assert not (folder / "canary").exists()
        return found

    return run


def strings(value, place=()):
    """Yield the place of every string inside JSON values."""
    if isinstance(value, str):
        yield place
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from strings(item, (*place, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from strings(item, (*place, number))


def put(value, place, text):
    """Return a copy of JSON values with one string replaced; JSON texts in JSON are opened."""
    if not place:
        return text
    made = dict(value) if isinstance(value, dict) else list(value)
    made[place[0]] = put(value[place[0]], place[1:], text)
    return made


def attacks(values):
    """Yield JSON values with one string replaced by code, all strings and names in turn, all names at a `name`."""
    for number, place in enumerate(strings(values)):
        telling = place[-1] in {"name", "plugin", "optimizer", "rule", "architecture", "model", "arch"}
        for name in NAMES[:4] if telling else (NAMES[number % len(NAMES)],):
            yield place, put(values, place, name)


# ---- the cases that were found ------------------------------------------------------------------------------------


def evil_spec(dense, name="subprocess:check_output"):
    options = {"args": ["touch", "canary"]}
    return replace(dense, spec=replace(SPEC, name=name, options=options))


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_a_file_of_our_own_format_names_no_code(folder, dense, suffix, watched):
    save_weights(folder / f"evil.{suffix}", evil_spec(dense))
    (said,) = watched(("diagnose", f"evil.{suffix}", *QUICK, "--study", "study"))
    assert said["exit_code"] == 2
    assert "names code: 'subprocess:check_output'" in said["said"]
    assert "fix: if you trust it, --trust subprocess:check_output" in said["said"]


def test_the_weights_of_a_received_study_name_no_code(folder, dense, watched):
    store = Store(folder / "study")
    recipe = Recipe(step="import", arguments={"sha256": "0" * 64, "model": evil_spec(dense).spec.to_json()})
    store.write(run(recipe, model=SPEC.to_json()), {None: evil_spec(dense)})
    said = watched(
        ("diagnose", recipe.id, *QUICK, "--data", DATA, "--study", "study"),
        ("prune", "magnitude", recipe.id, "--density", 0.5, "--data", DATA, "--study", "study"),
        ("probe", "errors", recipe.id, "--data", DATA, "--study", "study"),
    )
    assert all("names code: 'subprocess:check_output'" in one["said"] for one in said)


def test_the_study_of_a_stranger_names_no_code(folder, watched):
    (folder / "model.toml").write_text(study_text(model={"name": "stranger:f"}))
    (folder / "data.toml").write_text(study_text(data={"name": "stranger:f"}))
    said = watched(
        *(("sweep", f"{name}.toml", *more) for name in ("model", "data") for more in (("--dry-run",), ())),
        ("tune", "epochs", "data.toml", "--density", 0.5),
    )
    assert all(one["exit_code"] == 2 for one in said)
    assert all("names code: 'stranger:f'" in one["said"] for one in said)


def test_metadata_whose_data_are_a_factory_run_nothing(folder, dense, data, watched):
    made = {**data, "name": "factory", "options": {"factory": "stranger:f"}}
    save_weights(folder / "evil.pt", replace(dense, data=made))
    (said,) = watched(("diagnose", "evil.pt", *QUICK, "--study", "study"))
    assert said["exit_code"] == 2
    assert "names code: 'stranger:f'" in said["said"]


FILES = (
    {"checkpoint_path": "second.pth"},
    {"pretrained_cfg": {"file": "second.pth"}},
    {"pretrained_cfg_overlay": {"file": "second.pth"}, "pretrained": True},
    {"cache_dir": ".", "scriptable": True, "features_only": True},
)
"""Options of timm.create_model that read files, or build something else."""


@pytest.mark.parametrize("options", FILES, ids=lambda options: next(iter(options)))
def test_no_option_of_a_network_reads_a_file(options):
    with pytest.raises(UsageError, match=r"is not an argument of its constructor|is set by prunescope"):
        create(replace(SPEC, name="resnet18", options=options), seed=0)


def test_the_options_of_a_timm_checkpoint_read_no_file(folder, watched):
    model = create(SPEC, seed=0)
    torch.save(model.state_dict(), folder / "second.pth")
    commands = []
    for number, options in enumerate(FILES):
        arguments = argparse.Namespace(model="preresnet8", model_kwargs={"width": 0.25, **options})
        torch.save({"args": arguments, "arch": "preresnet8", "state_dict": model.state_dict()}, folder / f"{number}.pt")
        found = checkpoint.load_checkpoint(folder / f"{number}.pt")
        assert found.spec.options == {"width": 0.25}
        assert any("left out" in note and next(iter(options)) in note for note in found.notes)
        commands.append(("diagnose", f"{number}.pt", *QUICK, "--data", DATA, "--study", f"study{number}"))
    assert [one["exit_code"] for one in watched(*commands)] == [0] * len(FILES)


@pytest.mark.parametrize("name", ["hfds/who/what", "wds/pipe", "tfds/who:what", "hfids/x"])
def test_libraries_that_run_scripts_need_trust(name, data):
    made = {**data, "name": "timm", "options": {"dataset": name, "root": "pipe:touch canary"}}
    with pytest.raises(InputError, match="names code"):
        sources.open_source(made, device="cpu")


# ---- every string of every format ---------------------------------------------------------------------------------


def run(recipe, **facts):
    return runfile.Run(
        recipe=recipe,
        created="2026-01-01T00:00:00+00:00",
        wall_seconds=1.0,
        device="a CPU",
        versions={"prunescope": "0.1.0"},
        facts={"knobs": {"epochs": 2}, "training": {"optimizer": "sgd", "epochs": 2}, **facts},
    )


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_every_string_of_our_own_files(folder, dense, suffix, watched, monkeypatch):
    from prunescope.networks.checkpoints import own

    facts, commands = own._facts(dense), []
    facts["recipe"] = json.loads(facts["recipe"])
    for number, (_, made) in enumerate(attacks(facts)):
        recipe = made["recipe"] if isinstance(made["recipe"], str) else json.dumps(made["recipe"])
        text = json.dumps({**made, "recipe": recipe})
        monkeypatch.setattr(own, "_facts_text", lambda _, text=text: text)
        with (folder / f"{number}.{suffix}").open("wb") as file:
            file.writelines(own.to_parts(dense, suffix=f".{suffix}"))
        more = [] if number % 3 else ["--data", DATA]
        commands.append(("diagnose", f"{number}.{suffix}", *QUICK, *more, "--study", f"study{number}"))
    found = watched(*commands)
    assert len(found) > 30
    assert any(one["exit_code"] in (0, 4) for one in found)  # a note may say anything


def test_every_string_of_a_timm_checkpoint_and_its_neighbours(folder, watched):
    model = create(SPEC, seed=0)
    arguments = {"model": "preresnet8", "model_kwargs": {"width": "0.25"}, "opt": "sgd", "sched": "cosine"}
    arguments |= {"dataset": "torch/cifar10", "data_dir": "data", "interpolation": "bilinear", "lr": 0.1, "epochs": 2}
    commands = []
    for number, (_, made) in enumerate(attacks({"args": arguments, "arch": "preresnet8"})):
        inside, beside = folder / f"in{number}", folder / f"by{number}"
        inside.mkdir()
        beside.mkdir()
        values = {**made, "args": argparse.Namespace(**made["args"]), "state_dict": model.state_dict()}
        torch.save(values, inside / "a.pth.tar")
        torch.save({"state_dict": model.state_dict()}, beside / "a.pth.tar")
        (beside / "args.yaml").write_text(json.dumps(made["args"]))
        commands += [
            ("diagnose", place / "a.pth.tar", *QUICK, "--study", place / "study") for place in (inside, beside)
        ]
    config = {
        "architecture": "preresnet8",
        "model_args": {"width": "0.25"},
        "pretrained_cfg": {"file": "x", "url": "y"},
    }
    for number, (_, made) in enumerate(attacks(config)):
        place = folder / f"config{number}"
        place.mkdir()
        torch.save(model.state_dict(), place / "pytorch_model.bin")
        (place / "config.json").write_text(json.dumps(made))
        commands.append(("diagnose", place, *QUICK, "--data", DATA, "--study", place / "study"))
    assert len(watched(*commands)) > 30


def test_every_string_of_a_study_file(folder, watched):
    import tomllib

    values, commands = tomllib.loads(STUDY), []
    for number, (_, made) in enumerate(attacks(values)):
        (folder / f"s{number}.toml").write_text(as_toml(made))
        commands += [("sweep", f"s{number}.toml", "--dry-run"), ("sweep", f"s{number}.toml", "--list")]
    noted = {
        "data": DATA,
        "source": sources.describe(DATA).to_json(),
        "num_classes": 10,
        "in_chans": 3,
        "image_size": [8, 8],
    }
    for number, (_, made) in enumerate(attacks(noted)):
        place = folder / f"d{number}"
        place.mkdir()
        (place / "study.toml").write_text(STUDY)
        (place / "data.json").write_text(json.dumps(made))
        commands += [
            ("sweep", place, "--dry-run"),
            ("report", place),
            ("warn", place, "--reading", "errors/test_error"),
        ]
    found = watched(*commands)
    assert len(found) > 60
    assert any(one["exit_code"] == 0 for one in found)


def test_every_string_of_a_run_file(folder, dense, data, watched):
    values = {
        "plugin": "sgd",
        "options": {"schedule": "cosine"},
        "arguments": {"model": SPEC.to_json(), "data": data, "seed": 0},
        "facts": {
            "model": SPEC.to_json(),
            "data": data,
            "training": {"optimizer": "sgd"},
            "format": "x",
            "notes": ["y"],
        },
        "device": "z",
        "versions": {"prunescope": "0.1.0"},
    }
    commands = []
    for number, (_, made) in enumerate(attacks(values)):
        recipe = Recipe(step="train", plugin=made["plugin"], options=made["options"], arguments=made["arguments"])
        study = folder / f"study{number}"
        one = replace(run(recipe, **made["facts"]), device=made["device"], versions=made["versions"])
        Store(study).write(one, {None: dense})
        commands += [
            ("diagnose", recipe.id, *QUICK, "--study", study),
            ("results", "show", recipe.id, "--study", study),
            ("cite", "--study", study),
        ]
        if number % 4 == 0:
            commands.append(("advise", recipe.id, "--density", 0.5, "--budget", 0, "--study", study))
    assert len(watched(*commands)) > 60


def test_every_string_of_a_rule_pack(folder, dense, watched):
    save_weights(folder / "good.pt", dense)
    pack = {
        "schema": 1, "rule": "three-regime", "options": {"epsilon": 0.01, "calibration": "text"}, "knobs": {},
        "models": ["preresnet8"], "data": ["patches"], "fit": {"studies": ["a"]}, "others": {"md-tree": {}},
    }  # fmt: skip
    commands = []
    for number, (_, made) in enumerate(attacks(pack)):
        (folder / f"{number}.json").write_text(json.dumps(made))
        commands.append(("diagnose", "good.pt", *QUICK, "--rules", f"{number}.json", "--study", f"study{number}"))
    assert watched(*commands)
