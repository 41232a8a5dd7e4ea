from __future__ import annotations

import json
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import synthetic_phase as synthetic
from small_sweep import study_text

import prunescope
from prunescope.api.errors import UsageError
from prunescope.cli.commands.warn import WarnRequest
from prunescope.runs.store import Store
from prunescope.studies.phase.warning_question import WarningQuestion

STUDY = study_text(
    model={"name": "preresnet8"},
    data={"name": "patches", "images": 60, "test_images": 30},
    train={"plugin": "sgd", "epochs": 80},
    retrain={"plugin": "sgd", "epochs": 8},
    probes=[{"plugin": "errors"}, {"plugin": "lmc"}],
    axes={"epochs": [10, 20, 40, 60, 80], "density": [0.1]},
    seeds={"dense": [0, 1]},
)


PLUGIN = Path(__file__).parents[3] / "plugins/prunescope-earlywarning/src"


@pytest.fixture
def installed(monkeypatch):
    """Let prunescope-earlywarning be importable, as `pip install` does."""
    monkeypatch.syspath_prepend(PLUGIN)


@pytest.fixture
def study(tmp_path):
    from prunescope.studies.grid import studyfolder

    file, folder = tmp_path / "mine.toml", tmp_path / "mine"
    file.write_text(STUDY)
    studyfolder.settle(file, folder)
    synthetic.write(studyfolder.load_grid(folder), Store(folder))
    return folder


@pytest.mark.usefixtures("installed")
def test_a_line_per_series_and_the_caveats_beside_it(invoke, study):
    found = invoke("warn", study, "--axis", "epochs", "--reading", "lmc/lmc")
    assert found.exit_code == 0
    verdict, name = found.stdout.strip().split("\t")
    assert verdict in {"none", "variance alone"}
    assert name == "density 0.1"
    assert found.stderr.count("caveat:") == 4
    assert "Boettiger" in found.stderr


@pytest.mark.usefixtures("installed")
def test_json_is_all_that_is_on_stdout(invoke, study):
    found = json.loads(invoke("warn", study, "--axis", "epochs", "--reading", "lmc/lmc", "--json", "--seed", 3).stdout)
    assert (found["schema_version"], found["axis"], found["seed"]) == (1, "epochs", 3)
    assert found["series"][0]["method"] == "spread of replicas"
    assert -1 <= found["series"][0]["variance"]["tau"] <= 1
    assert len(found["caveats"]) == 4


@pytest.mark.usefixtures("installed")
def test_what_cannot_be_judged_is_refused(invoke, study, tmp_path):
    assert invoke("warn", tmp_path).exit_code == 2
    assert invoke("warn", study, "--axis", "rho", "--reading", "lmc/lmc").exit_code == 2
    assert invoke("warn", study, "--axis", "epochs", "--reading", "lmc/lmc", "--null", "pink").exit_code == 2
    assert invoke("warn", study, "--axis", "epochs", "--reading", "bezier/connectivity").exit_code == 4


@pytest.mark.usefixtures("installed")
def test_from_python_it_is_what_the_command_prints(invoke, study):
    found = prunescope.warn(study, axis="epochs", reading="lmc/lmc", reverse=True, surrogates=50)
    words = ["warn", study, "--axis", "epochs", "--reading", "lmc/lmc", "--reverse", "--surrogates", 50]
    assert invoke(*words).stdout == f"{found.words()}\n"
    assert json.loads(invoke(*words, "--json").stdout) == json.loads(found.to_json())


def test_the_command_has_the_options_and_the_defaults_of_the_question():
    question = {one.name: one.default for one in fields(WarningQuestion)}
    command = {one.name: one.default for one in fields(WarnRequest) if one.name not in {"study", "json"}}
    assert command.items() <= question.items()
    assert question.keys() - command.keys() == {"study", "trust", "progress", "recorders"}


@pytest.mark.usefixtures("installed")
def test_the_defaults_are_those_of_the_plugin():
    from prunescope_earlywarning import TrendTest

    question = {one.name: one.default for one in fields(WarningQuestion)}
    assert {one.name: one.default for one in fields(TrendTest)}.items() <= question.items()


def test_without_the_plugin_it_says_what_to_install(invoke, study, monkeypatch):
    monkeypatch.setitem(sys.modules, "prunescope_earlywarning", None)
    result = invoke("warn", study, "--axis", "epochs", "--reading", "lmc/lmc")
    assert result.exit_code == 2
    assert "pip install prunescope-earlywarning" in result.stderr
    with pytest.raises(UsageError, match="require a plugin"):
        prunescope.warn(study, axis="epochs", reading="lmc/lmc")
