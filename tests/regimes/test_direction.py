"""The direction rule on the published grid and on columns whose answer is known."""

from __future__ import annotations

import pytest
from published_grid import columns

from prunescope.api import Advice
from prunescope.regimes import direction as module
from prunescope.regimes.direction import Point, direction, score, targets, towards


def scored(density, column, *, epsilon):
    """Score the direction rule on one published column."""
    points = {point.value: point for point in column}
    return score(
        {value: point.test_error for value, point in points.items()},
        density=density,
        knob="epochs",
        tolerance=0.004,
        advice=lambda value: direction(column, points[value], knob="epochs", epsilon=epsilon),
    )


@pytest.mark.parametrize("epsilon", [0.08, 0.10, 0.15])
def test_the_direction_is_right_in_nine_cells_of_ten_of_the_published_grid(epsilon):
    found = [scored(density, column, epsilon=epsilon) for density, column in columns().items()]
    cells = sum(one.cells for one in found)
    assert cells == 16
    assert sum(one.right for one in found) >= 0.9 * cells


def test_the_cold_end_of_the_lowest_published_density_is_to_be_raised():
    column = columns()[5.0]
    assert {direction(column, cell, knob="epochs") for cell in column if cell.value >= 100} == {Advice.RAISE}
    ungated = {direction(column, cell, knob="epochs", epsilon=1.0, gap=0.03) for cell in column if cell.value >= 100}
    assert Advice.KEEP in ungated


def test_targets_point_to_the_optimum_and_leave_out_what_is_near_it():
    errors = {1: 0.3, 2: 0.1, 3: 0.102, 4: 0.2}
    assert targets(errors, knob="epochs", tolerance=0.004) == {1: {Advice.LOWER}, 4: {Advice.RAISE}}
    assert targets(errors, knob="rho", tolerance=0.004) == {1: {Advice.RAISE}, 4: {Advice.LOWER}}


def test_either_of_two_equal_optima_is_right():
    errors = {10: 0.1, 20: 0.2, 40: 0.1}
    assert targets(errors, knob="epochs", tolerance=0.004) == {20: {Advice.RAISE, Advice.LOWER}}
    for advice, right in ((Advice.RAISE, 1), (Advice.LOWER, 1), (Advice.KEEP, 0)):
        found = score(errors, density=0.1, knob="epochs", tolerance=0.004, advice=lambda _, advice=advice: advice)
        assert (found.right, found.wrong, found.abstained) == (right, 1 - right, 0)


def test_connected_cells_go_towards_the_best_cka_whichever_side_it_is_on():
    column = [Point(value=value, lmc=-0.01, cka=cka) for value, cka in ((10, 0.90), (20, 0.95), (40, 0.92))]
    advice = [str(direction(column, point, knob="epochs")) for point in column]
    assert advice == ["lower", "keep", "raise"]


def test_a_poorly_connected_cell_of_high_cka_is_no_aim():
    column = [Point(value=10, lmc=-0.01, cka=0.90), Point(value=80, lmc=-0.5, cka=0.99)]
    assert direction(column, column[0], knob="epochs") is Advice.KEEP


def test_cka_unknown_means_lower_while_connected():
    column = [Point(value=10, lmc=-0.01, cka=None)]
    assert direction(column, column[0], knob="epochs") is Advice.LOWER


def test_the_gap_is_where_keep_ends():
    column = [Point(value=10, lmc=0, cka=0.948), Point(value=20, lmc=0, cka=0.95)]
    assert direction(column, column[0], knob="epochs", gap=0.0021) is Advice.KEEP
    assert direction(column, column[0], knob="epochs", gap=0.0019) is Advice.LOWER


def test_hotter_is_what_the_knob_says():
    assert towards(0.1, 0.2, knob="learning_rate") is Advice.RAISE
    assert towards(16, 64, knob="batch_size") is Advice.LOWER
    assert module.hottest_first([16, 64, 32], knob="batch_size") == [16, 32, 64]


def test_a_column_without_errors_has_no_targets():
    assert targets({}, knob="epochs", tolerance=0.0) == {}
