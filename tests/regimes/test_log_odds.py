"""P(direction): each signal, their combination, what is advised on it, and that stated probabilities come true."""

from __future__ import annotations

import json
import math
from importlib import resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prunescope.api import Advice
from prunescope.api.errors import EvidenceError, InputError
from prunescope.regimes.fitted_weights import FittedCase, fit_weights, held_out
from prunescope.regimes.log_odds import (
    SHIPPED,
    combine_signals,
    decide_step,
    family_log_odds,
    lmc_log_odds,
    load_calibration,
    log_odds,
    mapped_log_odds,
    position_log_odds,
    probability,
)
from prunescope.regimes.monotone_curve import Bin, fit_falling_curve
from prunescope.regimes.reliability import measure_reliability
from prunescope.regimes.siblings import Sibling, compare_siblings

EARLIER = resources.files("prunescope.regimes.packs").joinpath("direction-1.json").read_text(encoding="utf-8")
"""A pack whose numbers are known."""

CALIBRATION = load_calibration(EARLIER)

COUNTS = st.integers(1, 60).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@settings(max_examples=100)
@given(st.lists(COUNTS, min_size=1, max_size=8))
def test_the_curve_never_rises_and_is_the_isotonic_fit(counts):
    from sklearn.isotonic import IsotonicRegression

    bins = [Bin(low=float(n), high=n + 1.0, hits=hits, of=of) for n, (hits, of) in enumerate(counts)]
    curve = fit_falling_curve(bins)
    assert all(a >= b - 1e-12 for a, b in zip(curve.log_odds, curve.log_odds[1:], strict=False))
    assert np.isfinite(curve.log_odds).all()
    exact = IsotonicRegression(increasing=False).fit_transform(
        range(len(counts)), [hits / of for hits, of in counts], sample_weight=[of for _, of in counts]
    )
    large = fit_falling_curve([Bin(low=b.low, high=b.high, hits=b.hits * 10**6, of=b.of * 10**6) for b in bins])
    assert large.probability(np.arange(len(counts)) + 0.5) == pytest.approx(exact, abs=2e-3)


def test_a_curve_has_the_rates_of_its_bins():
    pack = json.loads(EARLIER)
    assert sum(one["of"] for one in pack["lmc"]) == 381
    for one, at in zip(pack["lmc"], (-0.12, -0.08, -0.05, -0.025, 0.005), strict=True):
        share = (one["hotter"] + 0.5) / (one["of"] + 1)
        assert probability(lmc_log_odds([at], CALIBRATION)) == pytest.approx(share)
    assert lmc_log_odds([-0.9], CALIBRATION) == lmc_log_odds([-0.12], CALIBRATION)


def test_an_uncertain_lmc_is_averaged_over():
    sure, unsure = (lmc_log_odds(draws, CALIBRATION) for draws in ([-0.12], [-0.12, 0.005]))
    assert probability(unsure) == pytest.approx((probability(sure) + 2.5 / 85) / 2)


def test_replicas_that_the_path_between_them_improves_on_say_nothing():
    assert lmc_log_odds([0.03, 0.2], CALIBRATION) == 0
    assert lmc_log_odds([0.0], CALIBRATION) < lmc_log_odds([0.0, 0.03], CALIBRATION) < 0


def test_position_outweighs_connectivity_where_they_disagree():
    for epochs, lmc, hotter in ((40, -0.4, False), (160, 0.0, True)):
        signals = {
            "position": position_log_odds(epochs, 80, CALIBRATION),
            "lmc": lmc_log_odds([lmc], CALIBRATION),
        }
        found = combine_signals(signals, CALIBRATION)
        assert (found.hotter > 0.9) is hotter
        assert (found.hotter < 0.1) is not hotter
    together = combine_signals({"position": 3.4, "lmc": 2.1}, CALIBRATION).hotter
    assert combine_signals({"position": 3.4}, CALIBRATION).hotter < together <= CALIBRATION.most


@pytest.mark.parametrize("calibration", [CALIBRATION, load_calibration()], ids=["earlier", "shipped"])
def test_every_set_of_signals_has_weights_and_hotter_and_colder_are_treated_alike(calibration):
    for names in calibration.weights:
        signals = {name: 1.3 - 0.5 * place for place, name in enumerate(sorted(names))}
        opposite = {name: -value for name, value in signals.items()}
        both = [combine_signals(each, calibration).hotter for each in (signals, opposite)]
        assert sum(both) == pytest.approx(1)
        assert set(calibration.weights[names]) == names
    for some in ({}, {"cka": 1.0}):
        with pytest.raises(EvidenceError, match="has no weights for"):
            combine_signals(some, CALIBRATION)


def test_nothing_is_more_certain_than_the_studies_can_know():
    assert combine_signals({"family": 90.0}, CALIBRATION).hotter == CALIBRATION.most == pytest.approx(89.5 / 90)
    here, there = Sibling(value=160.0, errors=(0.5, 0.5)), Sibling(value=80.0, errors=(0.1, 0.1))
    comparison = compare_siblings(here, [there], knob="epochs")
    assert probability(family_log_odds(comparison, CALIBRATION)) == pytest.approx(CALIBRATION.most)


@given(st.floats(0, 1), st.lists(st.floats(0, 1), max_size=2), st.lists(st.floats(0, 1), max_size=2))
def test_errors_right_after_pruning_point_to_the_lower_ones_whatever_the_side_is_called(here, hotter, colder):
    found = mapped_log_odds(here, hotter, colder, CALIBRATION)
    assert found == pytest.approx(-mapped_log_odds(here, colder, hotter, CALIBRATION))
    assert abs(found) <= log_odds(CALIBRATION.most)
    best = {side: min(errors, default=here) for side, errors in (("hotter", hotter), ("colder", colder))}
    assert found <= 0 or best["hotter"] < best["colder"]


ERRORS = st.tuples(st.floats(0.0, 0.5), st.floats(0.0, 0.5))


@settings(max_examples=150)
@given(
    here=ERRORS,
    hotter=st.none() | ERRORS,
    colder=st.none() | ERRORS,
    other=st.floats(-6, 6),
    certainty=st.floats(0.5, 0.95),
)
def test_no_step_is_advised_that_its_own_interval_shows_to_be_worse(here, hotter, colder, other, certainty):
    others = [Sibling(value=v, errors=e) for v, e in ((40.0, hotter), (160.0, colder)) if e is not None]
    comparison = compare_siblings(Sibling(value=80.0, errors=here), others, knob="epochs") if others else None
    signals = {"lmc": other} | ({} if comparison is None else {"family": family_log_odds(comparison, CALIBRATION)})
    found = decide_step(combine_signals(signals, CALIBRATION), comparison, certainty=certainty)
    assert 0.5 <= found.probability <= 1 or found.advice is Advice.KEEP
    if found.advice is Advice.KEEP:
        assert hotter is not None
        assert colder is not None
        assert found.probability >= certainty
    if found.advice in (Advice.RAISE, Advice.LOWER):
        assert found.probability >= certainty
        assert found.gain is None or found.gain.high >= 0


@pytest.mark.parametrize(
    ("hotter", "colder", "advice"),
    [
        (0.1, 0.3, Advice.RAISE),
        (0.3, 0.1, Advice.LOWER),
        (0.3, 0.3, Advice.KEEP),
        (0.2, 0.2, Advice.NONE),
        (0.1, None, Advice.RAISE),
        (None, 0.1, Advice.LOWER),
    ],
)
def test_what_is_advised_on_siblings(hotter, colder, advice):
    known = [(value, error) for value, error in ((40.0, hotter), (160.0, colder)) if error is not None]
    others = [Sibling(value=value, errors=(error, error)) for value, error in known]
    comparison = compare_siblings(Sibling(value=80.0, errors=(0.2, 0.2)), others, knob="epochs")
    signals = {"family": family_log_odds(comparison, CALIBRATION)}
    assert decide_step(combine_signals(signals, CALIBRATION), comparison).advice is advice


@pytest.mark.parametrize("change", [{"kind": "other"}, {"schema_version": 2}, {"position": {}}, {"lmc": []}])
def test_other_packs_are_refused(change):
    pack = json.loads(resources.files("prunescope.regimes.packs").joinpath(SHIPPED).read_text(encoding="utf-8"))
    with pytest.raises(InputError, match="not a pack of kind"):
        load_calibration(json.dumps(pack | change))


@given(st.floats(-40, 40))
def test_log_odds_and_probability_are_inverse(value):
    if abs(value) < 30:
        rounding = 2**-51 * math.exp(abs(value))  # of the probability, divided by p (1 − p)
        assert log_odds(probability(value)) == pytest.approx(value, abs=1e-9 + rounding)
    assert log_odds(1.0) == math.inf == -log_odds(0.0)


def cases(count: int, *, studies: int = 5, seed: int = 0) -> list[FittedCase]:
    """Cells with two signals: one calibrated, one that repeats it with noise and boasts."""
    generator = np.random.default_rng(seed)
    found = []
    for number in range(count):
        true = generator.normal(0, 2)
        hotter = bool(generator.random() < probability(true))
        signals = {"position": true, "lmc": 2 * true + generator.normal(0, 1)}
        found.append(FittedCase(study=f"study {number % studies}", log_odds=signals, hotter=hotter))
    return found


PRIOR = {names: weights for names, weights in CALIBRATION.weights.items() if "family" not in names}


def test_fitted_weights_count_nothing_twice():
    fitted = fit_weights(cases(4000), prior=PRIOR)
    assert fitted[frozenset({"position"})]["position"] == pytest.approx(1.0, abs=0.1)
    assert fitted[frozenset({"lmc"})]["lmc"] == pytest.approx(0.46, abs=0.06)
    both = fitted[frozenset({"position", "lmc"})]
    assert both["position"] + 2 * both["lmc"] == pytest.approx(1.0, abs=0.15)


def test_no_weight_is_negative_and_without_cases_the_prior_stays():
    against = [FittedCase(study="a", log_odds={"lmc": 3.0}, hotter=False) for _ in range(50)]
    fitted = fit_weights(against, prior=PRIOR)
    assert fitted[frozenset({"lmc"})]["lmc"] == 0.0
    assert fitted[frozenset({"position"})] == PRIOR[frozenset({"position"})]


def test_weights_do_not_depend_on_how_often_a_side_is_the_better_one():
    some = cases(600)
    often = some + 4 * [case for case in some if not case.hotter]
    one, other = (fit_weights(each, prior=PRIOR)[frozenset({"position"})]["position"] for each in (some, often))
    assert one == pytest.approx(other, abs=0.02)


def test_probabilities_of_studies_left_out_come_true():
    some = cases(3000, seed=1)
    stated = held_out(some, prior=PRIOR)
    found = measure_reliability(stated, [case.hotter for case in some])
    assert found.of == 3000
    assert found.calibration_error < 0.03
    boasting = [probability(sum(case.log_odds.values())) for case in some]
    worse = measure_reliability(boasting, [case.hotter for case in some])
    assert worse.calibration_error > 2 * found.calibration_error
    assert worse.brier > found.brier


def test_a_study_is_judged_by_weights_of_the_others_alone():
    some = cases(60, studies=2)
    changed = [
        FittedCase(study=case.study, log_odds=case.log_odds, hotter=case.hotter ^ (case.study == "study 0"))
        for case in some
    ]
    first, second = (held_out(each, prior=PRIOR) for each in (some, changed))
    for case, before, after in zip(some, first, second, strict=True):
        assert (before == after) is (case.study == "study 0")


def test_reliability_needs_a_case():
    with pytest.raises(ValueError, match="no case"):
        measure_reliability([], [])
