"""The published grid, a made-up study, and diagrams of a few numbers."""

from __future__ import annotations

import pytest
import synthetic_phase as synthetic
from published_grid import FILE as FIGURE_2

from prunescope.plugins import registry
from prunescope.runs.session import Session
from prunescope.runs.store import Store
from prunescope.studies.phase import from_study, from_table
from prunescope.studies.phase.diagram import DiagramCell, PhaseDiagram, Sample
from prunescope.studies.phase.findings import find_phases


@pytest.fixture(scope="session")
def published():
    return from_table.read_table(FIGURE_2)


@pytest.fixture(scope="session")
def rule():
    return registry.make("rules", "three-regime", {}).instance


@pytest.fixture(scope="session")
def made_up(tmp_path_factory):
    """Return the findings of a made-up study that follows the three regimes."""
    store = Store(tmp_path_factory.mktemp("study"))
    found = synthetic.laid_out()
    synthetic.write(found, store)
    return find_phases(
        from_study.read_study(found, Session(store=store)), registry.make("rules", "three-regime", {}).instance
    )


@pytest.fixture
def diagram():
    """Return a function that makes a diagram from arrays of numbers: rows are values, hottest first."""

    def make(lmc=None, *, test_error=None, cka=None, values=(10, 20, 40), densities=(0.1, 0.2), **more):
        def sample(row, column):
            known = {"lmc": lmc, "test_error": test_error, "cka": cka}
            picked = {name: grid[row][column] for name, grid in known.items() if grid is not None}
            return Sample(seed=0, **{name: (float(value),) for name, value in picked.items() if value is not None})

        cells = {
            (value, density): DiagramCell(value=value, density=density, samples=(sample(row, column),))
            for row, value in enumerate(values)
            for column, density in enumerate(densities)
        }
        return PhaseDiagram(name="few", knob="epochs", values=values, densities=densities, cells=cells, **more)

    return make
