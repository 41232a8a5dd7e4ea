from __future__ import annotations

import json

import pytest
import synthetic_phase as synthetic
from published_grid import FILE as FIGURE_2
from small_sweep import study_text

from prunescope.runs.store import Store

STUDY = study_text(
    model={"name": "preresnet8", "width": 0.5},
    data={"name": "patches", "images": 60, "test_images": 30},
    train={"plugin": "sgd", "epochs": 80},
    retrain={"plugin": "sgd", "epochs": 8},
    probes=[{"plugin": name} for name in ("errors", "lmc", "cka")],
    axes={"epochs": [20, 40, 60], "density": [0.1, 0.5]},
    seeds={"dense": [0, 1]},
)


@pytest.fixture
def study(tmp_path):
    """Return the folder of a study whose results are made up."""
    from prunescope.studies.grid import studyfolder

    file = tmp_path / "mine.toml"
    file.write_text(STUDY)
    folder = tmp_path / "mine"
    studyfolder.settle(file, folder)
    synthetic.write(studyfolder.load_grid(folder), Store(folder))
    return folder


def test_a_study_becomes_a_page_with_pictures_beside_it(invoke, study):
    found = invoke("report", study)
    assert found.exit_code == 0
    assert found.stdout.strip() == str(study / "report.html")
    assert "phase diagram of mine" in (study / "report.html").read_text(encoding="utf-8")
    assert len(list((study / "report-figures").glob("*.png"))) == 6
    assert "From 40 to 60 epochs" in found.stderr


def test_places_can_be_named(invoke, study, tmp_path):
    page, figures = tmp_path / "out.html", tmp_path / "pictures"
    assert invoke("report", study, "--output", page, "--figures", figures).stdout.strip() == str(page)
    assert len(list(figures.iterdir())) == 12
    assert not (study / "report.html").exists()


def test_json_is_all_that_is_on_stdout_and_no_file_is_written(invoke, study):
    found = json.loads(invoke("report", study, "--json").stdout)
    assert len(found["cells"]) == 6
    assert found["steps"][0]["step"] == "train"
    assert not (study / "report.html").exists()


def test_csv_can_be_reported_again(invoke, study, tmp_path):
    table = tmp_path / "cells.csv"
    table.write_text(invoke("report", study, "--csv").stdout)
    again = json.loads(invoke("report", table, "--json").stdout)
    first = json.loads(invoke("report", study, "--json").stdout)
    assert [cell["lmc"]["centre"] for cell in again["cells"]] == pytest.approx(
        [cell["lmc"]["centre"] for cell in first["cells"]], abs=1e-5
    )
    assert again["bend"] == first["bend"]


def test_the_published_table_can_be_reported(invoke, tmp_path):
    found = invoke("report", FIGURE_2, "--output", tmp_path / "figure2.html", "--figures", tmp_path / "figures")
    assert found.exit_code == 0
    assert "as in figure 2 of Zhou et al. 2023" in found.stderr
    assert "Right in 14 of 14 cells it judges" in found.stderr


def test_options_of_the_rule_move_the_boundary(invoke):
    strict = invoke("report", FIGURE_2, "--json", "--rule-option", "epsilon=0.2", "--rule-option", "epsilon_high=0.3")
    assert json.loads(strict.stdout)["epsilon"] == {"middle": 0.2, "low": 0.08, "high": 0.3}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere",), "nowhere is not a study"),
        (("none.csv",), "cannot read the table none.csv"),
        ((FIGURE_2, "--json", "--csv"), "both go to stdout"),
        ((FIGURE_2, "--output", "page.pdf"), "has the suffix '.pdf'"),
        ((FIGURE_2, "--rule", "md-tree"), "requires the reading errors/train_error"),
    ],
)
def test_what_cannot_work_is_said(invoke, words, message):
    found = invoke("report", *words)
    assert found.exit_code in (2, 4)
    assert message in found.stderr
    assert "fix:" in found.stderr


def test_a_study_without_probes_is_too_little_evidence(invoke, study):
    for path in (study / "runs").glob("probe-*"):
        path.unlink()
    found = invoke("report", study)
    assert found.exit_code == 4
    assert "has no finished probe" in found.stderr


def test_a_folder_that_cannot_be_written_is_named(invoke, study, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    found = invoke("report", study, "--figures", blocked)
    assert found.exit_code == 2
    assert "cannot write the figures" in found.stderr
