from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import synthetic_phase as synthetic

from prunescope.api import Epoch
from prunescope.api.errors import UsageError
from prunescope.runs.files import runfile
from prunescope.runs.store import Store
from prunescope.studies.phase.ordered import How, Series, judge, read


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    found, store = synthetic.laid_out(), Store(tmp_path_factory.mktemp("whole"))
    synthetic.write(found, store)
    return found, store


def test_a_series_holds_the_readings_of_all_seeds_in_order_of_the_axis(whole):
    grid, store = whole
    by_knob = read(grid, store, axis="epochs", reading="errors/test_error")
    assert [series.name for series in by_knob] == [f"density {value:g}" for value in sorted(grid.study.densities)]
    assert by_knob[0].places == (10, 20, 40, 60, 80)
    cells = [cell for cell in grid.cells if (cell.value, cell.density) == (40, by_density(by_knob[0]))]
    wanted = [
        value
        for cell in cells
        for value in store.read(cell.probes[0].id).readings["errors"]["test_error"].value.tolist()
    ]
    assert by_knob[0].values[2] == tuple(wanted)
    across = read(grid, store, axis="density", reading="lmc/lmc")
    assert [series.name for series in across] == [f"epochs {value:g}" for value in (10, 20, 40, 60, 80)]
    assert across[0].places == tuple(sorted(grid.study.densities))
    assert read(grid, store, axis="density", reading="lmc/nothing") == []


def by_density(series):
    return float(series.name.partition(" ")[2])


def test_training_time_is_the_history_of_every_dense_run(whole, tmp_path):
    grid, _ = whole
    store = Store(tmp_path)
    synthetic.write(grid, store)
    run = store.read(grid.trainings[0].id)
    epochs = [Epoch(number=n, of=30, learning_rate=0.1, train_loss=1 / n, train_error=0.5) for n in range(1, 31)]
    runfile.write(store.path(run.id), replace(run, history=tuple(epochs)))
    found = read(grid, store, axis="epoch", reading="history/train_loss")
    assert found[0].name == grid.training_names[0]
    assert found[0].places == tuple(range(1, 31))
    assert found[0].values[3] == (0.25,)
    with pytest.raises(UsageError, match="not known of every epoch"):
        read(grid, store, axis="epoch", reading="lmc/lmc")
    with pytest.raises(UsageError, match="no axis 'rho'"):
        read(grid, store, axis="rho", reading="lmc/lmc")


def series(values, *, step=1.0):
    return Series(name="made", places=tuple(step * n for n in range(len(values))), values=tuple(values))


def test_short_axes_are_judged_by_the_spread_and_long_ones_in_windows():
    draw = np.random.default_rng(0)
    growing = series([tuple(draw.standard_normal(8) * 2.0**n) for n in range(6)])
    found = judge(growing, How(surrogates=200))
    assert (found.method, found.verdict) == ("spread of replicas", "variance alone")
    assert judge(growing, How(surrogates=200, reverse=True)).verdict == "none"
    long = series([(float(value),) for value in draw.standard_normal(60)])
    found = judge(long, How(surrogates=100))
    assert found.method == "rolling windows"
    assert found.notes == ()
    uneven = Series(name="made", places=tuple(n**2 for n in range(60)), values=long.values)
    assert "not evenly spaced" in judge(uneven, How(surrogates=100)).notes[0]


def test_what_cannot_be_judged_says_why():
    found = judge(series([(1.0,), (2.0,), (3.0,)]), How())
    assert found.verdict == "cannot tell"
    assert "two values" in found.notes[0]
