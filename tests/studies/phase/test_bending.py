from __future__ import annotations

from math import nan, sqrt

import numpy as np
import pytest

from prunescope.studies.phase.bending import Bend, Drift, judge_bend
from prunescope.studies.phase.boundary import Epsilon
from prunescope.studies.phase.diagram import DiagramCell, PhaseDiagram, Sample

EPSILON = Epsilon(middle=0.1, low=0.08, high=0.15)

STEEP = 1e-3
"""Rows between connected and poor."""


def steps(places, *, values=6):
    """Return a diagram whose seeds cross -epsilon at given rows (seeds, densities); beyond the grid: -1 or 9."""
    densities = tuple(0.1 * (column + 1) for column in range(len(places[0])))

    def lmc(row, place):
        # a line through -0.1 at the place: what is left of it is connected at every plausible epsilon
        return -0.1 - (row - place) * 0.1 / STEEP

    cells = {
        (value, density): DiagramCell(
            value=value,
            density=density,
            samples=tuple(
                Sample(seed=seed, lmc=() if np.isnan(rows[column]) else (lmc(row, rows[column]),))
                for seed, rows in enumerate(places)
            ),
        )
        for row, value in enumerate(range(values))
        for column, density in enumerate(densities)
    }
    seeds = tuple(range(len(places)))
    return PhaseDiagram(
        name="made", knob="epochs", values=tuple(range(values)), densities=densities, cells=cells, seeds=seeds
    )


def verdict(places, **more):
    return judge_bend(steps(places, **more), EPSILON).verdict


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        # one seed, two densities; LMC of three values, the hottest first
        ([(0.0, 0.0), (-0.3, 0.0), (-0.3, -0.3)], Bend.COLDER),
        ([(0.0, 0.0), (0.0, -0.3), (-0.3, -0.3)], Bend.HOTTER),
        ([(0.0, 0.0), (-0.3, -0.3), (-0.3, -0.3)], Bend.STRAIGHT),
        ([(0.0, 0.0), (0.0, 0.0), (0.0, 0.0)], Bend.ABSENT),
        ([(-0.3, -0.3), (-0.3, -0.3), (-0.3, -0.3)], Bend.ABSENT),
        ([(None, 0.0), (None, 0.0), (None, -0.3)], Bend.UNKNOWN),
    ],
)
def test_one_seed_is_judged_by_bare_signs(diagram, rows, wanted):
    assert judge_bend(diagram(rows), EPSILON).verdict is wanted


def test_one_seed_that_goes_both_ways_is_said_to(diagram):
    rows = [(0.0, 0.0, 0.0), (-0.3, 0.0, -0.3), (-0.3, -0.3, -0.3)]
    assert judge_bend(diagram(rows, densities=(0.1, 0.2, 0.4)), EPSILON).verdict is Bend.BOTH


def test_the_slope_and_its_interval_are_those_of_student():
    found = judge_bend(steps([(0.5, 1.5, 3.5), (1.0, 1.25, 2.0), (0.5, 2.5, 3.5)]), EPSILON)
    slopes = [(3.5 - 0.5) / 2, (2.0 - 1.0) / 2, (3.5 - 0.5) / 2]  # of three columns, the middle one has no weight
    assert found.slope.by_seed == pytest.approx(slopes, abs=0.01)
    reach = 4.303 * np.std(slopes, ddof=1) / sqrt(3)
    assert found.slope.interval == pytest.approx((np.mean(slopes) - reach, np.mean(slopes) + reach), abs=0.03)
    assert [move.mean for move in found.moves] == pytest.approx([(1 + 0.25 + 2) / 3, (2 + 0.75 + 1) / 3], abs=0.01)


def test_a_column_beyond_the_grid_counts_half_a_row_beyond():
    found = judge_bend(steps([(-1, 2.5, 9)]), EPSILON)
    assert found.slope.mean == pytest.approx((5.5 - -0.5) / 2, abs=0.01)
    assert [move.mean for move in found.moves] == pytest.approx([3.0, 3.0], abs=0.01)


def test_a_dip_within_the_noise_does_not_spoil_the_trend():
    noisy = [(1.9, 1.4, 3.6, 9), (1.3, 1.8, 2.9, 9), (1.7, 1.2, 3.3, 9), (1.5, 1.6, 3.8, 9)]
    found = judge_bend(steps(noisy), EPSILON)
    assert found.moves[0].mean < 0
    assert found.verdict is Bend.COLDER


def test_a_dip_beyond_the_noise_does():
    dip = [(1.9, 0.9, 3.6, 9), (1.8, 0.7, 2.9, 9), (1.7, 0.8, 3.3, 9), (1.6, 0.5, 3.8, 9)]
    assert judge_bend(steps(dip), EPSILON).slope.shown == 1
    assert verdict(dip) is Bend.BOTH


@pytest.mark.parametrize("towards", [1, -1])
def test_seeds_that_disagree_resolve_nothing(towards):
    assert verdict([(1.5, 3.5)[::towards], (3.5, 1.5)[::towards], (2.5, 2.5)]) is Bend.UNRESOLVED


def test_a_trend_turned_round_is_the_opposite():
    places = np.array([(0.5, 1.5, 9), (1.2, 1.6, 9), (0.7, 2.5, 9)])
    assert verdict(places) is Bend.COLDER
    assert verdict(places[:, ::-1]) is Bend.HOTTER


def test_noise_alone_is_called_a_trend_about_as_often_as_the_interval_says():
    drawn = np.random.default_rng(0)
    found = [verdict(drawn.uniform(0.6, 4.4, size=(4, 4))) for _ in range(400)]
    assert {Bend.COLDER, Bend.HOTTER, Bend.UNRESOLVED} <= set(found)
    assert sum(one in (Bend.COLDER, Bend.HOTTER) for one in found) / 400 < 0.08  # 5 % by the slope, less what is "both"


def test_what_a_seed_does_not_know_is_left_out():
    found = judge_bend(steps([(0.5, nan, 2.5), (nan, 1.5, nan)]), EPSILON)
    assert found.slope.by_seed == pytest.approx((1.0,), abs=0.01)
    assert found.moves == ()


def test_both_ends_of_epsilon_are_judged():
    #: 0.12 is poor at an epsilon of 0.08 or 0.10, and connected at one of 0.15
    lmc = [(0.0, 0.0), (-0.12, 0.0), (-0.12, 0.0)]
    cells = {
        (value, density): DiagramCell(value=value, density=density, samples=(Sample(seed=0, lmc=(lmc[row][column],)),))
        for row, value in enumerate((10, 20, 40))
        for column, density in enumerate((0.1, 0.2))
    }
    found = judge_bend(
        PhaseDiagram(name="few", knob="epochs", values=(10, 20, 40), densities=(0.1, 0.2), cells=cells), EPSILON
    )
    assert found.verdict is Bend.COLDER
    assert found.at_ends == (Bend.COLDER, Bend.ABSENT)
    assert not found.robust


def test_what_every_seed_says_alike_has_no_noise():
    assert Drift(by_seed=(3.0, 3.0)).interval == (3.0, 3.0)
    assert Drift(by_seed=(3.0, 3.0)).shown == 1
