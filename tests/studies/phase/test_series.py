from __future__ import annotations

from dataclasses import replace

import pytest
import synthetic_phase as synthetic

from prunescope.api import Epoch
from prunescope.api.errors import UsageError
from prunescope.runs.files import runfile
from prunescope.runs.session import Session
from prunescope.runs.store import Store
from prunescope.studies.phase.series import read_series


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    found, store = synthetic.laid_out(), Store(tmp_path_factory.mktemp("whole"))
    synthetic.write(found, store)
    return found, Session(store=store)


def test_a_series_holds_the_readings_of_all_seeds_in_order_of_the_axis(whole):
    grid, session = whole
    by_knob = read_series(grid, session, axis="epochs", reading="errors/test_error")
    assert [series.name for series in by_knob] == [f"density {value:g}" for value in sorted(grid.study.densities)]
    assert by_knob[0].places == (10, 20, 40, 60, 80)
    cells = [cell for cell in grid.cells if (cell.value, cell.density) == (40, by_density(by_knob[0]))]
    wanted = [
        value
        for cell in cells
        for value in session.read(cell.probes[0].id).readings["errors"]["test_error"].value.tolist()
    ]
    assert by_knob[0].values[2] == tuple(wanted)
    across = read_series(grid, session, axis="density", reading="lmc/lmc")
    assert [series.name for series in across] == [f"epochs {value:g}" for value in (10, 20, 40, 60, 80)]
    assert across[0].places == tuple(sorted(grid.study.densities))
    assert read_series(grid, session, axis="density", reading="lmc/nothing") == []


def by_density(series):
    return float(series.name.partition(" ")[2])


def test_training_time_is_the_history_of_every_dense_run(whole, tmp_path):
    grid, _ = whole
    store = Store(tmp_path)
    synthetic.write(grid, store)
    session = Session(store=store)
    run = store.read(grid.trainings[0].id)
    epochs = [Epoch(number=n, of=30, learning_rate=0.1, train_loss=1 / n, train_error=0.5) for n in range(1, 31)]
    store.path(run.id).write_bytes(runfile.run_bytes(replace(run, history=tuple(epochs))))
    found = read_series(grid, session, axis="epoch", reading="history/train_loss")
    assert found[0].name == grid.training_names[0]
    assert found[0].places == tuple(range(1, 31))
    assert found[0].values[3] == (0.25,)
    with pytest.raises(UsageError, match="not recorded for every epoch"):
        read_series(grid, session, axis="epoch", reading="lmc/lmc")
    with pytest.raises(UsageError, match="no axis 'rho'"):
        read_series(grid, session, axis="rho", reading="lmc/lmc")
