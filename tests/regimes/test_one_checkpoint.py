"""What one checkpoint shows by itself: closed forms and bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from prunescope.api import Reading
from prunescope.regimes.log_odds import curve_log_odds, load_calibration, log_odds
from prunescope.regimes.monotone_curve import Bin, fit_falling_curve, fit_rising_curve
from prunescope.regimes.one_checkpoint import DENSE_CHANCE, DENSE_ERROR, has_fallen, measure_progress


@pytest.mark.parametrize("slope", [0.01, 0.1])
@pytest.mark.parametrize("epochs", [8, 16, 40])
def test_of_a_loss_that_falls_by_the_same_every_epoch_a_third_falls_before_a_drop_in_the_middle(slope, epochs):
    losses = [30.0 - slope * epoch for epoch in range(2 * epochs)]
    assert measure_progress(losses, drop=epochs) == pytest.approx(1 / 3)


def test_a_loss_that_falls_with_the_rate_alone_had_stopped_and_one_that_stays_then_had_not():
    assert measure_progress([2.0] * 16 + [1.0] * 16, drop=16) == 0
    falling = [2.0 - epoch / 16 for epoch in range(16)]
    assert measure_progress(falling + [sum(falling[12:]) / 4] * 16, drop=16) == pytest.approx(1)
    assert measure_progress([1.0] * 8 + [1.5] * 8 + [1.0] * 16, drop=16) == pytest.approx(-0.5)


def test_the_progress_depends_on_neither_the_unit_nor_the_floor_of_the_loss_nor_on_its_first_quarter():
    losses = list(np.random.default_rng(0).uniform(0.2, 2.0, 30))
    found = measure_progress(losses, drop=20)
    assert -1 <= found <= 1
    assert measure_progress([7.5 * loss for loss in losses], drop=20) == pytest.approx(found)
    assert measure_progress([loss + 1.1 for loss in losses], drop=20) == pytest.approx(found)
    assert measure_progress([9.0] * 5 + losses[5:], drop=20) == found


@pytest.mark.parametrize("losses", [[1.0] * 7, [1.0] * 13 + [math.inf], [1.0] * 13 + [math.nan], []])
def test_no_progress_is_measured_where_it_is_not_known(losses):
    assert measure_progress(losses, drop=min(10, max(len(losses), 7))) is None


def test_a_training_that_ended_soon_after_the_drop_has_no_progress():
    assert measure_progress([1.0] * 19, drop=16) is None
    assert measure_progress([1.0] * 20, drop=16) == 0


@pytest.mark.parametrize(("error", "chance", "counts"), [(0.8, 0.9, True), (0.84, 0.9, False), (0.1, 0.1, False)])
def test_the_course_of_a_network_that_has_not_learned_does_not_count(error, chance, counts):
    readings = {DENSE_ERROR: Reading(error, "fraction"), DENSE_CHANCE: Reading(chance, "fraction")}
    assert has_fallen(readings) is counts
    assert has_fallen(readings, learned=1.0)
    assert has_fallen({DENSE_ERROR: readings[DENSE_ERROR]})
    assert has_fallen({})


def test_a_rising_curve_is_the_mirror_of_a_falling_one():
    bins = [Bin(low=float(n), high=n + 1.0, hits=hits, of=10) for n, hits in enumerate((1, 4, 3, 9))]
    mirrored = [Bin(low=-n - 1.0, high=float(-n), hits=hits, of=10) for n, hits in enumerate((1, 4, 3, 9))][::-1]
    places = np.linspace(-1, 5, 25)
    rising = fit_rising_curve(bins).probability(places)
    assert (np.diff(rising) >= -1e-12).all()
    assert rising == pytest.approx(fit_falling_curve(mirrored).probability(-places))


def test_one_checkpoint_alone_states_no_more_than_so_many_studies_support():
    shipped = load_calibration()
    found = [curve_log_odds("progress", value, shipped) for value in np.linspace(-5, 5, 101)]
    assert found == sorted(found)
    assert max(map(abs, found)) <= log_odds(shipped.limits["progress"]) < 3.5
