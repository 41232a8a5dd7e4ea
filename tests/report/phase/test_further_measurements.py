"""What a probe of one's own measures in a study is in its CSV, its JSON and its page."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
import synthetic_phase as synthetic

from prunescope.api import Reading
from prunescope.plugins import registry
from prunescope.report.phase.page import phase_page
from prunescope.report.phase.tables import phase_as_csv, phase_as_json
from prunescope.runs.files.runfile import Run, run_bytes
from prunescope.runs.recipe import Recipe
from prunescope.runs.session import Session
from prunescope.runs.store import Store
from prunescope.studies.phase import from_study
from prunescope.studies.phase.findings import find_phases
from prunescope.studies.phase.from_table import read_table
from prunescope.studies.phase.provenance import StudyProvenance

MINE = {
    "score": Reading(np.array([1.0, 3.0]), "1", axes=("replica",)),
    "whole": Reading(5.0, "1"),
    "by_layer": Reading(np.ones((2, 4)), "1", axes=("replica", "layer")),
    "unknown": Reading(float("nan"), "1"),
}


@pytest.fixture
def findings(tmp_path):
    grid, store = synthetic.laid_out(), Store(tmp_path)
    synthetic.write(grid, store)
    cells = tuple(measured(cell, store) if (cell.value, cell.density) == (40, 0.1) else cell for cell in grid.cells)
    diagram = from_study.read_study(replace(grid, cells=cells), Session(store=store))
    return find_phases(diagram, registry.make("rules", "three-regime", {}).instance)


def measured(cell, store):
    """Return a cell with a probe of one's own, whose result is written."""
    mine = Recipe(step="probe", plugin="mine", inputs=tuple(recipe.id for recipe in cell.retrainings))
    run = Run(recipe=mine, created="now", wall_seconds=1.0, device="cpu", versions={}, readings={"mine": MINE})
    store.path(run.id).write_bytes(run_bytes(run))
    return replace(cell, probes=(*cell.probes, mine))


def test_numbers_of_replicas_and_single_ones_are_kept(findings):
    assert findings.diagram.others == ("mine/score", "mine/whole")
    assert findings.diagram.cells[40, 0.1].other_means() == {"mine/score": 2.0, "mine/whole": 5.0}
    assert findings.diagram.cells[40, 0.1].samples[0].others["mine/score"] == (1.0, 3.0)


def test_the_csv_has_a_column_for_each_and_is_read_again(findings, tmp_path):
    text = phase_as_csv(findings)
    rows = list(csv.DictReader(line for line in io.StringIO(text) if not line.startswith("#")))
    assert {row["mine/score"] for row in rows if (row["epochs"], row["density"]) == ("40", "0.1")} == {"2"}
    assert {row["mine/whole"] for row in rows if row["epochs"] != "40"} == {""}
    (tmp_path / "cells.csv").write_text(text)
    assert read_table(tmp_path / "cells.csv").values == findings.diagram.values


def test_no_name_in_the_csv_is_a_formula_or_a_line_of_its_own(findings, monkeypatch):
    monkeypatch.setattr(type(findings.diagram), "others", property(lambda _: ("=cmd|' /C calc'!A0/x",)))
    named = replace(findings.diagram, name="a\n=1+1", source="")
    lines = phase_as_csv(replace(findings, diagram=named)).splitlines()
    assert "# source: study a =1+1" in lines
    assert not [cell for line in lines for cell in line.split(",") if cell.startswith(("=", "@", "+"))]
    assert "'=cmd|' /C calc'!A0/x" in next(line for line in lines if not line.startswith("#"))


def test_the_json_has_every_number(findings):
    cells = phase_as_json(findings, StudyProvenance())["cells"]
    cell = next(one for one in cells if (one["value"], one["density"]) == (40, 0.1))
    assert cell["others"] == {"mine/score": 2.0, "mine/whole": 5.0}
    assert cell["samples"][0]["others"]["mine/score"] == [1.0, 3.0]


def test_the_page_has_a_map_for_each(findings):
    page = phase_page(findings, StudyProvenance(), drawn={})
    assert page.count('<table class="heat"') == 2
    assert '<option value="map-more-0">mine/score</option>' in page
