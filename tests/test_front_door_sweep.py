"""sweep, report and open_study answer as their commands."""

from __future__ import annotations

import json

import pytest
from run_here import command
from small_sweep import study_text

import prunescope

SWEEP = study_text(
    data={"name": "patches", "images": 64, "test_images": 40},
    probes=[{"plugin": "errors"}, {"plugin": "lmc", "points": 3}],
    axes={"epochs": [1, 2], "density": [0.3]},
)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Return a study's folder, and what its sweep returned, which the command resumes."""
    file = tmp_path_factory.mktemp("swept") / "tiny.toml"
    file.write_text(SWEEP)
    return file, prunescope.sweep(file, study=file.with_suffix(""), workers=1)


def test_sweep_answers_as_its_command(swept):
    file, found = swept
    words = ("sweep", file, "--study", found.study, "--workers", 1)
    assert json.loads(command(*words, "--json")) == json.loads(found.to_json())
    assert found.unfinished == 0
    again = prunescope.sweep(found.study, list_steps=True)
    assert json.loads(command(*words, "--list", "--json")) == json.loads(again.to_json())
    assert set(again.answer.states.values()) == {"finished"}
    assert prunescope.sweep(found.study, dry_run=True).estimate.steps == 0
    assert {row["epochs"] for row in found.rows()} == {1, 2}


def test_report_answers_as_its_command(swept):
    _, study = swept
    found = prunescope.report(study)
    assert json.loads(command("report", study.study, "--json")) == json.loads(found.to_json())
    assert command("report", study.study, "--csv").strip() == found.to_csv().strip()
    assert str(found).splitlines()[0] in found._repr_html_()
    assert "<svg" in found._repr_html_()
    assert {row["probe"] for row in found.rows()} == {"errors", "lmc"}


def test_a_study_is_opened_as_results_lists_it(swept):
    _, study = swept
    found = prunescope.open_study(study.study)
    assert json.loads(command("results", "list", "--json", "--study", study.study)) == found.as_json()["runs"]
    assert found.check() == []
    (train,) = [one for one in found.ids if one.startswith("train")]
    shown = command("results", "show", train, "--json", "--study", study.study)
    assert json.loads(shown) == json.loads(found.show(train).to_json())
    assert found.show(train).network().training
    assert len(found.rows()) == len(study.rows())
