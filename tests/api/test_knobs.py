"""A new knob is one line of the table: what advises, tunes, lays out and reports reads it there."""

from __future__ import annotations

from pathlib import Path

import pytest

from prunescope.api import Advice
from prunescope.api.knobs import KNOBS, Knob, find_knob, knob_words
from prunescope.networks.checkpoints.knobs import TrainingFacts
from prunescope.regimes.direction import hottest_first
from prunescope.report.diagnosis import advice
from prunescope.report.phase import labels
from prunescope.runs.session import open_session
from prunescope.studies.cases.neighbours import moved
from prunescope.studies.cases.questions import TuningQuestion
from prunescope.studies.cases.tuning_grid import make_tuning_grid
from prunescope.studies.grid import study

STUDY = """
[model]
name = "preresnet8"
[data]
name = "digits"
[train]
plugin = "sgd"
[prune]
plugin = "magnitude"
[retrain]
plugin = "sgd"
[[probes]]
plugin = "errors"
[axes]
momentum = [0.5, 0.9]
density = [0.1]
[seeds]
dense = [0]
"""


@pytest.fixture
def _momentum(monkeypatch):
    monkeypatch.setitem(KNOBS, "momentum", Knob("momentum", +1, words="momentum"))


@pytest.fixture
def tuned(tmp_path):
    """Return the grid that `tune` searches for a knob."""

    def make(knob, **given):
        small = {"model": "preresnet8", "data": "patches:images=40,test_images=20", "densities": [0.5], "replicas": 2}
        asked = TuningQuestion(knob, **small, study=tmp_path / "study", **given)
        return make_tuning_grid(asked, open_session(asked)).grid

    return make


@pytest.mark.usefixtures("_momentum")
def test_a_new_knob_is_advised_and_reported():
    assert moved(0.4, Advice.RAISE, knob="momentum") == 0.8
    found = advice._knob("momentum", 0.9)
    assert (found.hotter, found.colder) == ("momentum above 0.9", "momentum below 0.9")
    assert advice._moved({"momentum": 0.4}, sign=-1) == ("momentum", 0.2)
    assert labels.value("momentum", 0.9) == "momentum 0.9"
    assert TrainingFacts(options={"momentum": 0.9}).knobs == {"momentum": 0.9}


@pytest.mark.usefixtures("_momentum")
def test_a_new_knob_is_an_axis(tmp_path):
    file = tmp_path / "study.toml"
    file.write_text(STUDY)
    assert (study.load_study(file).knob, study.load_study(file).values) == ("momentum", (0.5, 0.9))
    assert hottest_first([0.5, 0.9], knob="momentum") == [0.9, 0.5]


@pytest.mark.usefixtures("_momentum")
def test_a_new_knob_is_tuned(tuned):
    grid = tuned("momentum", values=[0.5, 0.8], trainer_options={"epochs": 2})
    assert [recipe.options.get("momentum") for recipe in grid.trainings[::2]] == [0.5, 0.8]


def test_without_its_line_there_is_no_such_knob(tmp_path):
    file = tmp_path / "study.toml"
    file.write_text(STUDY)
    assert find_knob("momentum") is None
    assert advice._knob("momentum", 0.9).hotter == ""
    with pytest.raises(Exception, match=r"axes\.momentum is not a temperature-like knob"):
        study.load_study(file)


def test_a_knob_that_the_usual_trainer_has_not_takes_the_trainer_that_has_it(tuned):
    grid = tuned("sam", trainer_options={"epochs": 2, "adaptive": True})
    assert {recipe.plugin for recipe in grid.trainings} == {"sam"}
    assert {recipe.plugin for cell in grid.cells for recipe in cell.retrainings} == {"sgd"}


def test_the_help_pages_name_every_knob():
    pages = (Path(__file__).parents[2] / "docs/cli.md").read_text()
    assert "\\|".join(knob.typed for knob in KNOBS.values()) in pages
    assert all(knob_words(knob.name) == knob.words and find_knob(knob.typed) is knob for knob in KNOBS.values())
