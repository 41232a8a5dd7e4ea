"""A phase diagram of a synthetic study, and the published one."""

from __future__ import annotations

import pytest
import synthetic_phase as synthetic
from published_grid import FILE as FIGURE_2

from prunescope.plugins import registry
from prunescope.report import phase
from prunescope.runs.session import Session
from prunescope.runs.store import Store
from prunescope.studies.phase import from_study, from_table
from prunescope.studies.phase.findings import find_phases

RULE = registry.make("rules", "three-regime", {}).instance


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    found, store = synthetic.laid_out(), Store(tmp_path_factory.mktemp("study"))
    missing = {recipe.id for cell in found.cells if (cell.value, cell.density) == (20, 0.5) for recipe in cell.probes}
    synthetic.write(found, store, skip=lambda recipe: recipe.id in missing)
    session = Session(store=store)
    return find_phases(from_study.read_study(found, session), RULE), phase.read_provenance(
        found, session, rule="three-regime"
    )


@pytest.fixture(scope="session")
def published():
    return find_phases(from_table.read_table(FIGURE_2), RULE)
