"""What select, tune, calibrate and lottery print and return, from answers made by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from prunescope.api import Reading
from prunescope.api.errors import UsageError
from prunescope.regimes import packs
from prunescope.regimes.selection import Choice
from prunescope.report.cases.calibration import CalibrationFinding
from prunescope.report.cases.selection import SelectionFinding
from prunescope.report.cases.tuning import TuningFinding
from prunescope.runs.coordinates import Readings
from prunescope.runs.store import Store
from prunescope.studies.cases.calibrating import Fit, Interval
from prunescope.studies.cases.calibration_answer import Calibrated
from prunescope.studies.cases.measured import MeasuredModel
from prunescope.studies.cases.questions import SelectionQuestion
from prunescope.studies.cases.selection_answer import Selected
from prunescope.studies.cases.tuning import Tuned
from prunescope.studies.cases.tuning_answer import TunedDensity, TuningAnswer


@pytest.fixture
def readings(tmp_path):
    return Readings(runs=("probe-not-finished",), store=Store(tmp_path))


def model(name, value, *, lmc, error):
    found = {
        "lmc/lmc": Reading(np.array([lmc]), "fraction", axes=("pair",)),
        "errors/test_error": Reading(np.array([error, error]), "fraction", axes=("replica",)),
    }
    return MeasuredModel(name=name, density=0.1, value=value, readings=found)


def selection(tmp_path, readings, **given):
    models = (model("a.pt", 10, lmc=-0.02, error=0.2), model("b.pt", 80, lmc=-0.3, error=0.3))
    chosen = Choice(rule="algorithm-2", member="a.pt", because="connected", regret=0.0)
    answer = Selected(
        models=models,
        references={"a.pt": "import-1", "b.pt": "import-2"},
        choices=(chosen, Choice(rule="random", member="", because="blind", regret=None)),
        epsilon=0.1,
        probes=(),
    )
    asked = SelectionQuestion(["a.pt", "b.pt"], density=0.1, study=tmp_path, **given)
    return SelectionFinding(answer=answer, asked=asked, readings=readings)


def test_a_selection_names_the_run_and_the_next_command(tmp_path, readings):
    found = selection(tmp_path, readings, pruner="lamp")
    text = " ".join(str(found).split())
    assert text.startswith("prune a.pt, at density 0.1: connected (algorithm-2)")
    assert f"next: prunescope prune lamp import-1 --density 0.1 --study {tmp_path}" in text
    assert "with --full after" in text
    assert "with --full after" not in str(selection(tmp_path, readings, full=True))
    assert json.loads(found.to_json())["chosen"] == found.run == "import-1"
    assert found.rows() == ()


def test_a_finding_without_a_page_has_no_report(tmp_path, readings):
    with pytest.raises(UsageError, match="has no report"):
        selection(tmp_path, readings).report(tmp_path / "x.html")


@pytest.mark.parametrize("connected", [True, False])
def test_a_tuning_says_what_was_tried_and_where_nothing_is_connected(readings, connected):
    looked = (model("epochs 10", 10, lmc=-0.02, error=0.2), model("epochs 80", 80, lmc=-0.12, error=0.1))
    tuned = Tuned(value=80, looked=looked, straddled=(80,), connected=connected, runs=6)
    one = TunedDensity(density=0.1, tuned=tuned, grid_runs=12, regret=None)
    found = TuningFinding(answer=TuningAnswer(found=(one,), knob="epochs", probes=()), readings=readings)
    text = str(found)
    assert "* density 0.1, epochs 80: LMC −0.1200, CKA n/a, test error 10.00 %, LMC undecided" in text
    assert "50 % of 12" in text
    assert "n/a: the grid is not complete" in text
    assert ("no value has LMC >= -epsilon" in text) == (not connected)
    assert (found.words(), found.values) == ("80", {0.1: 80})


def test_a_calibration_is_the_pack_that_diagnose_reads(tmp_path):
    width = Interval(value=0.1, low=0.05, high=0.2)
    fit = Fit(epsilon=width, cka_gap=width, cells=9, raised=0, gate=0.9, accuracy=0.8, held_out=0.7, plain=0.6)
    pack = packs.Pack(rule="three-regime", options={"epsilon": 0.1}, knobs={"epochs": (1, 4)}, models=(), data=())
    found = CalibrationFinding(answer=Calibrated(fit=fit, tree=None, why_no_tree="none was measured", pack=pack))
    assert packs.load_pack(found.write(tmp_path / "rules.json")) == pack
    assert json.loads(found.to_json()) == json.loads((tmp_path / "rules.json").read_text())
    assert "0.05 to 0.2" in str(found)
    assert "in 70 % when left out" in " ".join(str(found).split())
    assert "no upper bound for epsilon" in str(found)
    assert "warning: the fit rests on 9 cells, fewer than 30" in " ".join(str(found).split())
    enough = replace(found, answer=replace(found.answer, fit=replace(fit, cells=30)))
    assert "warning" not in str(enough)
    assert "md-tree keeps its public thresholds: none was measured" in str(found)
