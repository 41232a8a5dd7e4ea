"""What one checkpoint shows by itself: closed forms and bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from prunescope.api import Reading
from prunescope.regimes.log_odds import curve_log_odds, load_calibration, log_odds
from prunescope.regimes.monotone_curve import Bin, fit_falling_curve, fit_rising_curve
from prunescope.regimes.one_checkpoint import DENSE, RETRAINED, damage_of, measure_damage, measure_progress


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.1])
@pytest.mark.parametrize("epochs", [8, 16, 40])
def test_the_progress_of_an_exponential_fall_is_its_rate_times_half_the_phase(rate, epochs):
    losses = [3.0 * math.exp(-rate * epoch) for epoch in range(epochs + 20)]
    assert measure_progress(losses, drop=epochs) == pytest.approx(rate * epochs / 2)


def test_the_progress_does_not_depend_on_the_unit_of_the_loss_nor_on_what_comes_after_the_drop():
    losses = list(np.random.default_rng(0).uniform(0.2, 2.0, 30))
    found = measure_progress(losses, drop=20)
    assert measure_progress([7.5 * loss for loss in losses], drop=20) == pytest.approx(found)
    assert measure_progress([*losses[:20], *([1e-6] * 10)], drop=20) == found
    assert measure_progress([9.0] * 5 + losses[5:], drop=20) == found


@pytest.mark.parametrize("losses", [[1.0] * 7, [1.0] * 9 + [0.0], [1.0] * 9 + [math.nan], []])
def test_no_progress_is_measured_where_it_is_not_known(losses):
    assert measure_progress(losses, drop=min(10, max(len(losses), 7))) is None


def test_a_training_that_ended_before_the_drop_has_no_progress():
    assert measure_progress([1.0] * 15, drop=16) is None
    assert measure_progress([1.0] * 16, drop=16) == 0


def test_the_damage_is_antisymmetric():
    assert measure_damage(0.7, 0.1) == pytest.approx(-measure_damage(0.1, 0.7))


def test_the_damage_is_that_of_the_replicas_and_not_of_the_path_between_them():
    path = np.full((2, 11), 9.0)
    path[:, [0, -1]] = [[0.2, 0.4], [0.6, 0.8]]
    readings = {RETRAINED: Reading(path, "nats", axes=("pair", "t")), DENSE: Reading(0.25, "nats")}
    assert damage_of(readings) == pytest.approx(math.log(0.51 / 0.26))
    assert damage_of({DENSE: readings[DENSE]}) is None
    assert damage_of({**readings, DENSE: Reading(math.nan, "nats")}) is None


def test_a_rising_curve_is_the_mirror_of_a_falling_one():
    bins = [Bin(low=float(n), high=n + 1.0, hits=hits, of=10) for n, hits in enumerate((1, 4, 3, 9))]
    mirrored = [Bin(low=-n - 1.0, high=float(-n), hits=hits, of=10) for n, hits in enumerate((1, 4, 3, 9))][::-1]
    places = np.linspace(-1, 5, 25)
    rising = fit_rising_curve(bins).probability(places)
    assert (np.diff(rising) >= -1e-12).all()
    assert rising == pytest.approx(fit_falling_curve(mirrored).probability(-places))


@pytest.mark.parametrize("signal", ["progress", "damage"])
def test_one_checkpoint_alone_states_no_more_than_so_many_studies_support(signal):
    shipped = load_calibration()
    found = [curve_log_odds(signal, value, shipped) for value in np.linspace(-5, 5, 101)]
    assert found == sorted(found)
    assert max(map(abs, found)) <= log_odds(shipped.limits[signal]) < 3.5
