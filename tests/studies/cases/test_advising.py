"""Votes, neighbours and expected changes on models whose readings are written down."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prunescope.api import Advice, Reading
from prunescope.regimes.rules import ThreeRegime
from prunescope.studies.cases.advising import advise_model
from prunescope.studies.cases.measured import MeasuredModel, merged_readings
from prunescope.studies.cases.moving import change, neighbour


def model(value, *, lmc, cka=0.9, errors=(0.2, 0.2, 0.2), seed=0, density=0.1):
    readings = {
        "lmc/lmc": Reading(np.full(3, lmc), "fraction", stderr=np.full(3, 0.001), axes=("pair",)),
        "cka/softmax": Reading(np.full(3, cka), "1", axes=("pair",)),
        "errors/test_error": Reading(np.array(errors), "fraction", axes=("replica",)),
    }
    return MeasuredModel(name=f"{value:g}", density=density, value=value, readings=readings, seed=seed)


def test_regime_one_goes_to_the_hotter_neighbour_with_its_change():
    models = [
        model(40, lmc=-0.01, errors=(0.10, 0.12, 0.14)),
        model(80, lmc=-0.5, errors=(0.20, 0.22, 0.24)),
        model(160, lmc=-0.6, errors=(0.3, 0.3, 0.3)),
    ]
    found = advise_model(models, value=80, knob="epochs", rule=ThreeRegime())
    assert (found.advice, found.to, found.regime) == (Advice.RAISE, 40, "I")
    assert found.confidence > 0.95
    assert found.change.mean == pytest.approx(-0.10)
    half = 1.2816 * np.sqrt(2 * 0.02**2 / 3)
    assert found.change.high - found.change.mean == pytest.approx(half, rel=1e-3)
    assert found.change.n == 6


def test_a_seed_that_disagrees_lowers_the_confidence_and_is_counted():
    def models(*seeds):
        return [
            model(value, lmc=lmc, errors=(error,) * 3, seed=seed)
            for seed, (cold, errors) in enumerate(seeds)
            for value, lmc, error in zip((40, 80), (-0.01, cold), errors, strict=True)
        ]

    hotter, colder = (-0.5, (0.1, 0.2)), (-0.01, (0.2, 0.1))
    found, alike = (
        advise_model(models(*seeds), value=80, knob="epochs", rule=ThreeRegime())
        for seeds in ((hotter, hotter, colder), (hotter, hotter, hotter))
    )
    assert found.advice is alike.advice is Advice.RAISE
    assert found.confidence < alike.confidence - 0.05
    assert found.because[-1] == "2 of 3 dense seeds, each judged alone: raise"


def test_a_seed_is_compared_with_its_own_temperatures_only():
    models = [model(40, lmc=0, errors=(0.1,) * 3), model(80, lmc=0), model(80, lmc=0, seed=1)]
    assert advise_model([models[2]], value=80, knob="epochs", rule=ThreeRegime()).hotter < 0.25
    both = advise_model(models[:2], value=80, knob="epochs", rule=ThreeRegime())
    assert (both.advice, both.to) == (Advice.RAISE, 40)
    assert both.hotter > 0.9


def test_cka_never_overrides_a_measured_error():
    """The hotter network is more alike and worse: the example of SCIENCE on which `advise` said raise to 30."""
    models = [
        model(30, lmc=-0.01, cka=0.99, errors=(0.21, 0.22, 0.2)),
        model(45, lmc=-0.01, cka=0.9, errors=(0.2,) * 3),
    ]
    found = advise_model(models, value=45, knob="epochs", rule=ThreeRegime())
    assert found.regime == "II-A"
    assert found.advice is not Advice.RAISE


def test_keep_needs_both_neighbours_measured_and_worse():
    family = [model(40, lmc=0, errors=(0.3,) * 3), model(80, lmc=0, cka=0.8), model(160, lmc=0, errors=(0.3,) * 3)]
    assert advise_model(family, value=80, knob="epochs", rule=ThreeRegime()).advice is Advice.KEEP
    assert advise_model(family[:2], value=80, knob="epochs", rule=ThreeRegime()).advice is not Advice.KEEP


def test_the_step_goes_to_the_best_of_the_next_and_the_wide_one():
    models = [
        model(value, lmc=-0.3, errors=(error,) * 3)
        for value, error in ((20, 0.3), (40, 0.1), (70, 0.18), (80, 0.2), (160, 0.3))
    ]
    assert advise_model(models, value=80, knob="epochs", rule=ThreeRegime()).to == 40
    assert advise_model(models, value=160, knob="epochs", rule=ThreeRegime()).to == 80


def test_position_decides_where_nothing_was_measured_beside_it():
    alone = [model(80, lmc=-0.4)]
    past, before = (
        advise_model(alone, value=80, knob="epochs", rule=ThreeRegime(), first_drop=drop) for drop in (40, 120)
    )
    assert (past.advice, before.advice) == (Advice.RAISE, Advice.LOWER)
    assert before.regime == "I"


ERRORS = st.lists(st.floats(0.0, 0.6), min_size=1, max_size=4).map(tuple)


@settings(max_examples=150)
@given(
    rows=st.lists(st.tuples(st.floats(-0.6, 0.05), st.floats(0.5, 1.0), ERRORS), min_size=1, max_size=6),
    place=st.integers(0, 5),
    drop=st.none() | st.floats(5, 90),
    certainty=st.floats(0.5, 1.0),
)
def test_no_step_is_advised_that_its_own_change_shows_to_be_worse(rows, place, drop, certainty):
    values = [10.0 * 2**number for number in range(len(rows))]
    models = [
        model(value, lmc=lmc, cka=cka, errors=errors) for value, (lmc, cka, errors) in zip(values, rows, strict=True)
    ]
    value = values[place % len(values)]
    given_ = {"knob": "epochs", "rule": ThreeRegime(), "first_drop": drop, "certainty": certainty}
    found = advise_model(models, value=value, **given_)
    if found.to is not None:
        assert found.advice in (Advice.RAISE, Advice.LOWER)
        assert found.change.mean <= 0
        assert found.change.low <= 0
        assert (found.to < value) is (found.advice is Advice.RAISE)
    if found.advice is Advice.KEEP:
        assert value not in (values[0], values[-1])
    if found.advice is Advice.NONE:
        said = {f"a {side} dense training gives a better network to prune" for side in ("hotter", "colder")}
        assert not said & set(found.because)


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
    both = merged_readings(
        [model(40, lmc=-0.2, errors=(0.1, 0.1, 0.1)), model(40, lmc=0.0, errors=(0.3, 0.3, 0.3), seed=1)]
    )
    assert both.lmc == pytest.approx(-0.1)
    assert both.test_error == pytest.approx(0.2)
    assert both.array("errors/test_error").size == 6


def test_a_value_nobody_measured_is_named():
    with pytest.raises(ValueError, match="epochs 20"):
        advise_model([model(40, lmc=0)], value=20, knob="epochs", rule=ThreeRegime())
