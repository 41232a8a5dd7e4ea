"""Fitted thresholds on columns whose transition is known, and on the published grid."""

from __future__ import annotations

from dataclasses import replace

import pytest
from published_grid import columns

from prunescope.api.errors import EvidenceError
from prunescope.regimes.direction import Point
from prunescope.studies.cases.calibrating import CalibrationColumn, fit_thresholds

PLAIN = (0.10, 0.002)


def column(transition, density, *, scale=1.0):
    """Return a column whose error falls as it gets colder until LMC, -0.02 times the place, passes -transition."""
    points = []
    for place in range(1, 9):
        poor = 0.02 * place * scale > transition
        error = 0.3 - 0.01 * place if not poor else 0.4 + 0.01 * place
        cka = 0.9 + 0.01 * place if not poor else 0.5
        points.append(Point(value=10.0 * place, lmc=-0.02 * place * scale, cka=cka, test_error=error))
    return CalibrationColumn(study="made", knob="epochs", density=density, points=tuple(points))


def fitted(made, **given):
    return fit_thresholds(made, **{"tolerance": 0.004, "plain": PLAIN, "draws": 200, "seed": 0, **given})


def test_epsilon_lies_between_the_regimes_whatever_their_scale():
    for scale in (0.2, 1.0, 4.0):
        found = fitted([column(0.07 * scale, density, scale=scale) for density in (0.1, 0.2)])
        assert 0.04 * scale < found.epsilon.value < 0.08 * scale
        assert found.epsilon.low <= found.epsilon.value <= found.epsilon.high
        assert found.gate == found.accuracy == found.held_out == 1.0


def test_thresholds_of_another_scale_do_worse():
    made = column(0.014, 0.1, scale=0.2)
    alike = tuple(replace(point, cka=0.95) for point in made.points)
    found = fitted([replace(made, points=alike), column(0.014, 0.2, scale=0.2)])
    assert found.plain < found.accuracy
    assert found.raised == 10


def test_the_published_grid_gives_the_paper_s_interval():
    made = [
        CalibrationColumn(study="published", knob="epochs", density=density / 100, points=tuple(points))
        for density, points in columns().items()
    ]
    found = fitted(made)
    assert found.cells == 16
    assert found.accuracy >= 0.9
    assert found.held_out >= 0.85
    assert 0.08 < found.epsilon.value < 0.15
    assert found.epsilon.low <= 0.13


def test_cells_that_disagree_widen_the_interval():
    agreeing = fitted([column(0.07, 0.1), column(0.07, 0.2)])
    disagreeing = fitted([column(0.03, 0.1), column(0.13, 0.2)])
    assert disagreeing.epsilon.high - disagreeing.epsilon.low > agreeing.epsilon.high - agreeing.epsilon.low
    assert disagreeing.gate < 1


def test_the_same_seed_gives_the_same_interval():
    made = [column(0.05, 0.1), column(0.09, 0.2)]
    assert fitted(made) == fitted(made)


def test_too_few_cells_are_refused():
    flat = CalibrationColumn(
        study="flat",
        knob="epochs",
        density=0.1,
        points=tuple(Point(value=v, lmc=0, cka=1, test_error=0.1) for v in (1, 2)),
    )
    with pytest.raises(EvidenceError, match="0 cells"):
        fitted([flat])
