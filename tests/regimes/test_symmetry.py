"""What must not change a verdict: the order of replicas, dense seeds and other networks, and names."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prunescope.api import Evidence, Reading
from prunescope.regimes.log_odds import load_calibration
from prunescope.regimes.probable_direction import state_direction
from prunescope.regimes.rules import ThreeRegime
from prunescope.regimes.siblings import Sibling, compare_siblings
from prunescope.regimes.three_regime import bootstrap_means
from prunescope.studies.cases.advising import advise_model
from prunescope.studies.cases.measured import MeasuredModel

REPLICAS = 3

ERRORS = st.lists(st.floats(0.01, 0.45), min_size=REPLICAS, max_size=REPLICAS, unique=True)

BARRIERS = st.lists(st.floats(-0.4, 0.02), min_size=REPLICAS, max_size=REPLICAS, unique=True)


def read_replicas(errors, barriers, order):
    """Return the readings of three replicas in an order; barriers: LMC of the pair that leaves each replica out."""
    pairs = [tuple(sorted((order[one], order[other]))) for one, other in combinations(range(REPLICAS), 2)]
    lmc = [barriers[3 - sum(pair)] for pair in pairs]
    ends = [[errors[order[one]], errors[order[other]]] for one, other in combinations(range(REPLICAS), 2)]
    return {
        "errors/train_error": Reading(np.array([errors[one] for one in order]), "fraction", axes=("replica",)),
        "lmc/lmc": Reading(np.array(lmc), "fraction", stderr=np.abs(lmc) / 50, axes=("pair",)),
        "lmc/train_error_path": Reading(np.array(ends), "fraction", axes=("pair", "t")),
        "lmc/train_loss_path": Reading(np.array(ends), "nats", axes=("pair", "t")),
        "dense/train_loss": Reading(0.05, "nats"),
    }


def state_verdict(readings, siblings=(), neighbours=()):
    given = Evidence(
        density=0.1,
        readings=readings,
        knobs={"batch_size": 32.0},
        siblings=siblings,
        neighbours=neighbours,
        progress=0.4,
    )
    return state_direction(ThreeRegime().classify(given), given, calibration=load_calibration())


def same_verdict(one, other):
    assert (one.regime, one.advice, one.rests_on) == (other.regime, other.advice, other.rests_on)
    for name in ("hotter", "confidence", "regime_probability", "gain"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-9), name


@settings(max_examples=15)
@given(ERRORS, BARRIERS, st.permutations(range(REPLICAS)))
def test_the_order_of_replicas_changes_neither_probability(errors, barriers, order):
    first = read_replicas(errors, barriers, range(REPLICAS))
    same_verdict(state_verdict(first), state_verdict(read_replicas(errors, barriers, order)))


@settings(max_examples=15)
@given(st.lists(st.floats(-0.4, 0.02), min_size=6, max_size=6, unique=True), st.permutations(range(4)))
def test_the_bootstrap_does_not_depend_on_which_of_four_replicas_is_the_first(values, order):
    pairs = list(combinations(range(4), 2))
    moved = [values[pairs.index((min(order[i], order[j]), max(order[i], order[j])))] for i, j in pairs]
    found, again = (
        bootstrap_means(some, stderr=np.abs(some), pair_spread=0.02, draws=50, seed=0) for some in (values, moved)
    )
    assert found == pytest.approx(again, abs=1e-12)


@given(ERRORS, ERRORS)
def test_a_replica_that_shows_nothing_new_turns_no_direction_and_makes_none_less_sure(here, other):
    found, again = (_compare(here, other, more=more) for more in (0, 1))
    assert (found - 1 / 2) * (again - 1 / 2) >= 0
    assert abs(again - 1 / 2) >= abs(found - 1 / 2) - 1e-6


@settings(max_examples=15)
@given(ERRORS, st.lists(ERRORS, min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_siblings_and_of_their_replicas_does_not_matter(here, others, random):
    readings = read_replicas(here, (-0.1, -0.08, -0.12), range(REPLICAS))
    own = Evidence(density=0.1, readings=readings, knobs={"batch_size": 32.0})
    sizes = (8.0, 16.0, 64.0, 128.0)
    named = [_sibling(errors, batch=size) for size, errors in zip(sizes, others, strict=False)]
    mixed = [_sibling(random.sample(errors, REPLICAS), batch=size) for size, errors in zip(sizes, others, strict=False)]
    random.shuffle(mixed)
    same_verdict(state_verdict(readings, (own, *named)), state_verdict(readings, (own, *mixed)))
    same_verdict(state_verdict(readings, neighbours=tuple(named)), state_verdict(readings, neighbours=tuple(mixed)))


def _compare(here, other, *, more):
    """Return the direction; more: so many replicas at the mean of each network."""
    first, second = ((*errors, *[float(np.mean(errors))] * more) for errors in (here, other))
    found = compare_siblings(Sibling(value=1.0, errors=first), [Sibling(value=2.0, errors=second)], knob="batch_size")
    return found.direction


def _sibling(errors, *, batch):
    found = {"errors/train_error": Reading(np.array(errors), "fraction", axes=("replica",))}
    return Evidence(density=0.1, readings=found, knobs={"batch_size": batch})


@settings(max_examples=6)
@given(st.data())
def test_the_order_of_dense_seeds_and_values_changes_no_advice(data):
    models = [
        _model(value, seed, data.draw(ERRORS), data.draw(BARRIERS)) for value in (16, 32, 64) for seed in range(3)
    ]
    names = data.draw(st.permutations(range(3)))
    renamed = [replace(model, seed=names[model.seed]) for model in data.draw(st.permutations(models))]
    first, again = (advise_model(some, value=32, knob="batch_size", rule=ThreeRegime()) for some in (models, renamed))
    assert (first.advice, first.regime, first.to) == (again.advice, again.regime, again.to)
    assert first.hotter == pytest.approx(again.hotter, abs=1e-9)
    assert first.confidence == pytest.approx(again.confidence, abs=1e-9)
    assert first.regime_probability == pytest.approx(again.regime_probability, abs=1e-9)


def _model(value, seed, errors, barriers):
    readings = read_replicas(errors, barriers, range(REPLICAS))
    readings["errors/test_error"] = readings["errors/train_error"]
    return MeasuredModel(name="", density=0.1, value=value, seed=seed, readings=readings)
