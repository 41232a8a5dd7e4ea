"""Votes, neighbours and expected changes on models whose readings are written down."""

from __future__ import annotations

import numpy as np
import pytest

from prunescope.api import Advice, Reading
from prunescope.regimes.rules import ThreeRegime
from prunescope.studies.cases.advising import advise, change, neighbour
from prunescope.studies.cases.measured import Measured, merged


def model(value, *, lmc, cka=0.9, errors=(0.2, 0.2, 0.2), seed=0, density=0.1):
    readings = {
        "lmc/lmc": Reading(np.full(3, lmc), "fraction", stderr=np.full(3, 0.001), axes=("pair",)),
        "cka/softmax": Reading(np.full(3, cka), "1", axes=("pair",)),
        "errors/test_error": Reading(np.array(errors), "fraction", axes=("replica",)),
    }
    return Measured(name=f"{value:g}", density=density, value=value, readings=readings, seed=seed)


def test_regime_one_goes_to_the_hotter_neighbour_with_its_change():
    models = [
        model(40, lmc=-0.01, errors=(0.10, 0.12, 0.14)),
        model(80, lmc=-0.5, errors=(0.20, 0.22, 0.24)),
        model(160, lmc=-0.6, errors=(0.3, 0.3, 0.3)),
    ]
    found = advise(models, value=80, knob="epochs", rule=ThreeRegime())
    assert (found.advice, found.to, found.regime) == (Advice.RAISE, 40, "I")
    assert found.confidence > 0.95
    assert found.change.mean == pytest.approx(-0.10)
    half = 1.2816 * np.sqrt(2 * 0.02**2 / 3)
    assert found.change.high - found.change.mean == pytest.approx(half, rel=1e-3)
    assert found.change.n == 6


def test_seeds_vote_and_those_who_disagree_lower_the_confidence():
    models = [
        model(value, lmc=lmc, seed=seed)
        for seed, cold in ((0, -0.5), (1, -0.5), (2, -0.01))
        for value, lmc in ((40, -0.01), (80, cold))
    ]
    found = advise(models, value=80, knob="epochs", rule=ThreeRegime())
    assert found.advice is Advice.RAISE
    assert found.confidence == pytest.approx(2 / 3, abs=0.02)
    assert "2 of 3 dense seeds say raise" in found.because


def test_a_seed_is_compared_with_its_own_temperatures_only():
    models = [model(40, lmc=0, cka=0.99, seed=0), model(80, lmc=0, cka=0.9, seed=0), model(80, lmc=0, cka=0.9, seed=1)]
    alone = advise([models[2]], value=80, knob="epochs", rule=ThreeRegime())
    assert alone.regime == "II"
    assert advise(models[:2], value=80, knob="epochs", rule=ThreeRegime()).advice is Advice.RAISE


def test_the_spread_over_dense_seeds_widens_the_interval():
    models = [
        model(value, lmc=0, errors=(error,) * 3, seed=seed)
        for seed, errors in ((0, (0.2, 0.1)), (1, (0.2, 0.3)))
        for value, error in zip((40, 80), errors, strict=True)
    ]
    found = change(models, 40, 80)
    assert found.mean == pytest.approx(0.0)
    assert found.high == pytest.approx(1.2816 * 0.1, rel=1e-3)


def test_no_neighbour_where_the_family_ends_or_nothing_is_to_change():
    assert neighbour([16, 32, 64], 16, Advice.RAISE, knob="batch_size") is None
    assert neighbour([16, 32, 64], 16, Advice.LOWER, knob="batch_size") == 32
    assert neighbour([0.1, 0.2], 0.1, Advice.RAISE, knob="rho") == 0.2
    assert neighbour([16, 32], 16, Advice.KEEP, knob="batch_size") is None
    assert change([model(40, lmc=0)], 40, 80) is None


def test_merged_models_have_all_replicas():
    both = merged([model(40, lmc=-0.2, errors=(0.1, 0.1, 0.1)), model(40, lmc=0.0, errors=(0.3, 0.3, 0.3), seed=1)])
    assert both.lmc == pytest.approx(-0.1)
    assert both.test_error == pytest.approx(0.2)
    assert both.array("errors/test_error").size == 6


def test_a_value_nobody_measured_is_named():
    with pytest.raises(ValueError, match="epochs 20"):
        advise([model(40, lmc=0)], value=20, knob="epochs", rule=ThreeRegime())
