from __future__ import annotations

import json

import pytest
import synthetic_phase as synthetic

from prunescope.runs.store import Store

STUDY = """
[model]
name = "preresnet8"
[data]
name = "patches"
images = 60
test_images = 30
[train]
plugin = "sgd"
epochs = 80
[prune]
plugin = "magnitude"
[retrain]
plugin = "sgd"
epochs = 8
[[probes]]
plugin = "errors"
[[probes]]
plugin = "lmc"
[axes]
epochs = [10, 20, 40, 60, 80]
density = [0.1]
[seeds]
dense = [0, 1]
"""


@pytest.fixture
def study(tmp_path):
    from prunescope.studies.grid import studyfolder

    file, folder = tmp_path / "mine.toml", tmp_path / "mine"
    file.write_text(STUDY)
    studyfolder.settle(file, folder)
    synthetic.write(studyfolder.load_grid(folder), Store(folder))
    return folder


def test_a_line_per_series_and_the_caveats_beside_it(invoke, study):
    found = invoke("warn", study, "--axis", "epochs", "--reading", "lmc/lmc")
    assert found.exit_code == 0
    verdict, name = found.stdout.strip().split("\t")
    assert verdict in {"none", "variance alone"}
    assert name == "density 0.1"
    assert found.stderr.count("caveat:") == 4
    assert "Boettiger" in found.stderr


def test_json_is_all_that_is_on_stdout(invoke, study):
    found = json.loads(invoke("warn", study, "--axis", "epochs", "--reading", "lmc/lmc", "--json", "--seed", 3).stdout)
    assert (found["schema_version"], found["axis"], found["seed"]) == (1, "epochs", 3)
    assert found["series"][0]["method"] == "spread of replicas"
    assert -1 <= found["series"][0]["variance"]["tau"] <= 1
    assert len(found["caveats"]) == 4


def test_what_cannot_be_judged_is_refused(invoke, study, tmp_path):
    assert invoke("warn", tmp_path).exit_code == 2
    assert invoke("warn", study, "--axis", "rho", "--reading", "lmc/lmc").exit_code == 2
    assert invoke("warn", study, "--axis", "epochs", "--reading", "lmc/lmc", "--null", "pink").exit_code == 2
    assert invoke("warn", study, "--axis", "epochs", "--reading", "bezier/connectivity").exit_code == 4
