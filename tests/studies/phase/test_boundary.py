from __future__ import annotations

from math import inf

import numpy as np
import pytest

from prunescope.studies.phase.boundary import Epsilon, Side, crossings

EPSILON = Epsilon(middle=0.1, low=0.08, high=0.15)


def one(diagram, column):
    values = tuple(range(10, 10 * len(column) + 10, 10))
    lmc = [[value] for value in column]
    return crossings(diagram(lmc, values=values, densities=(0.1,)), EPSILON)[0]


def test_a_crossing_is_interpolated_along_the_knob(diagram):
    found = one(diagram, [0.0, -0.05, -0.25, -0.4])
    assert found.side is Side.CROSSES
    assert found.at == pytest.approx(1.25)
    assert found.value == pytest.approx(22.5)
    assert found.band == pytest.approx((1.15, 1.5))


@pytest.mark.parametrize(
    ("column", "side", "at"),
    [
        ([0.0, -0.01, -0.02], Side.CONNECTED, inf),
        ([-0.2, -0.3, -0.4], Side.POOR, -inf),
        ([-0.2, -0.05, 0.0], Side.OTHER, None),
        ([None, None, None], Side.UNKNOWN, None),
        ([-0.01, -0.02, None], Side.UNKNOWN, None),
        ([None, -0.01, -0.02], Side.CONNECTED, inf),
        ([None, -0.3, -0.4], Side.UNKNOWN, None),
        ([-0.3, -0.4, None], Side.POOR, -inf),
    ],
)
def test_a_column_on_one_side_has_no_critical_value(diagram, column, side, at):
    found = one(diagram, column)
    assert (found.side, found.at, found.value) == (side, at, None)


def test_a_column_that_turns_twice_is_said_to(diagram):
    found = one(diagram, [-0.2, 0.0, -0.2])
    assert found.side is Side.OTHER
    assert found.at == pytest.approx(1.5)


def test_nothing_is_interpolated_across_a_missing_cell(diagram):
    found = one(diagram, [0.0, None, -0.4])
    assert found.at is None
    assert found.value is None


def test_the_band_reaches_beyond_the_grid(diagram):
    assert one(diagram, [-0.09, -0.09, -0.09]).band == (-inf, inf)


def test_the_grid_has_nan_where_nothing_is_known(diagram):
    grid = diagram([(None, 0.0), (0.0, 0.0), (0.0, 0.0)]).grid("lmc")
    assert np.isnan(grid[0, 0])
    assert np.isfinite(grid).sum() == 5
