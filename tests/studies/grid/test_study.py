"""Studies in TOML: what is read, and what is refused with the place of the mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from prunescope.api.errors import InputError
from prunescope.studies.grid import study

SHIPPED = sorted((Path(__file__).parents[3] / "studies").glob("*.toml"))

TEXT = """
[model]
name = "preresnet8"
width = 0.5
[data]
name = "patches"
noise = 0.4
flip = true
[train]
plugin = "sgd"
epochs = 80
[prune]
plugin = "magnitude"
[retrain]
plugin = "sgd"
epochs = 8
[[probes]]
plugin = "lmc"
points = 5
[axes]
epochs = [50, 10]
density = [0.35, 0.05]
[seeds]
dense = [0, 3]
replicas = 2
"""


def test_a_study_is_read_in_full():
    found = study.parse_study(TEXT, name="mine")
    assert (found.name, found.model, dict(found.model_options)) == ("mine", "preresnet8", {"width": 0.5})
    assert found.data == "patches:noise=0.4,flip=true"
    assert (found.train.plugin, dict(found.train.options)) == ("sgd", {"epochs": 80})
    assert found.probes == (study.PluginChoice(plugin="lmc", options={"points": 5}),)
    assert (found.knob, found.values, found.densities) == ("epochs", (10, 50), (0.05, 0.35))
    assert (found.dense_seeds, found.replicas, found.snapshots, found.hold) == ((0, 3), 2, True, "epochs")


def test_dense_models_may_have_probes_of_their_own():
    assert study.parse_study(TEXT, name="mine").dense_probes == ()
    asked = (
        TEXT
        + """
[[dense_probes]]
plugin = "errors"
batch_size = 100
"""
    )
    found = study.parse_study(asked, name="mine")
    assert found.dense_probes == (study.PluginChoice(plugin="errors", options={"batch_size": 100}),)


def test_seeds_have_defaults():
    found = study.parse_study(TEXT.partition("[seeds]")[0], name="mine")
    assert (found.dense_seeds, found.replicas) == ((0,), 3)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[model]", "[model", "not TOML"),
        ("[model]", "[modle]", "did you mean 'model'"),
        ('name = "preresnet8"', "", "[model] has no 'name'"),
        ("flip = true", "flip = [1, 2]", "several values"),
        ("epochs = [50, 10]", "", "0 knobs"),
        ("epochs = [50, 10]", "epochs = [5]\nbatch_size = [5]", "batch_size, epochs"),
        ("epochs = [50, 10]", "momentum = [0.9]", "not a temperature-like knob"),
        ("epochs = [50, 10]", "epochs = [10, 10]", "repeats a value"),
        ("epochs = [50, 10]", "epochs = [10, 1.5]", "whole numbers from 1"),
        ("epochs = [50, 10]", "batch_size = [0]", "whole numbers from 1"),
        ("epochs = [50, 10]", "rho = [-0.1]", "numbers from 0"),
        ("epochs = [50, 10]", "rho = [inf]", "list of numbers"),
        ("epochs = [50, 10]", "rho = true", "list of numbers"),
        ("epochs = [50, 10]", 'epochs = [50, 10]\nhold = "epochs"', "axes.hold applies to the batch size"),
        ("epochs = [50, 10]", 'batch_size = [8]\nhold = "steps"', "epochs, iterations"),
        ("epochs = [50, 10]", "batch_size = [8]\nsnapshots = true", "axes.snapshots applies to the epochs"),
        ("epochs = [50, 10]", "epochs = [50, 10]\nsnapshots = 3", "axes.snapshots is 3"),
        ("density = [0.35, 0.05]", "", "no axes.density"),
        ("density = [0.35, 0.05]", "densty = [0.1]", "the unknown key 'densty'"),
        ("epochs = [50, 10]", "epoch = [50, 10]", "did you mean 'epochs'"),
        ("density = [0.35, 0.05]", "density = [5]", "between 0 and 1"),
        ("dense = [0, 3]", "dense = [0, 0]", "seeds.dense"),
        ("dense = [0, 3]", "dens = [0]", "did you mean 'dense'"),
        ("replicas = 2", "replicas = 0", "seeds.replicas"),
        ("replicas = 2", "replicas = true", "seeds.replicas"),
        ("[[probes]]", "[probes]", "not a list of tables"),
        ('[[probes]]\nplugin = "lmc"\npoints = 5', "", "measures nothing"),
        ('plugin = "magnitude"', "", "[prune] has no 'plugin'"),
    ],
)
def test_mistakes_are_named(tmp_path, old, new, told):
    assert TEXT.count(old) >= 1
    path = tmp_path / "mine.toml"
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        study.load_study(path)
    assert told in str(caught.value)
    assert str(path) in caught.value.message


def test_files_that_are_no_studies(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        study.load_study(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a text file"):
        study.load_study(tmp_path / "binary.toml")


def test_the_name_is_the_file_s_or_the_folder_s(tmp_path):
    folder = tmp_path / "night"
    folder.mkdir()
    for path in (folder / "study.toml", tmp_path / "night.toml"):
        path.write_text(TEXT)
        assert study.load_study(path).name == "night"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_study_can_be_read(path):
    found = study.load_study(path)
    assert {choice.plugin for choice in found.probes} >= {"errors", "lmc", "cka"}
    assert len(found.values) > 1
    assert len(found.densities) > 1
