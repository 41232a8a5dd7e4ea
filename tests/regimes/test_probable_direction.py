"""The direction stated beside a regime: which signals it takes, and what it says where they disagree."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources

import numpy as np
import pytest

from prunescope.api import Advice, Diagnosis, Evidence, Reading, Regime
from prunescope.regimes.log_odds import load_calibration
from prunescope.regimes.probable_direction import state_direction
from prunescope.regimes.rules import MdTree, ThreeRegime

EARLIER = resources.files("prunescope.regimes.packs").joinpath("direction-1.json").read_text(encoding="utf-8")

CALIBRATION = load_calibration(EARLIER)
"""Of a pack whose numbers are known."""


def evidence(lmc=-0.3, *, ends=0.05, drop=None, **knobs: float) -> Evidence:
    """Return what replicas at one density read; a pair of them."""
    readings = {
        "lmc/lmc": Reading(np.array([lmc]), "fraction", stderr=np.array([0.002]), axes=("pair",)),
        "lmc/train_error_path": Reading(np.full((1, 11), ends), "fraction", axes=("pair", "t")),
    }
    return Evidence(density=0.1, readings=readings, knobs=knobs, first_drop=drop)


def sibling(*errors: float, name: str = "errors/train_error", **knobs: float) -> Evidence:
    """Return a network of the family, retrained briefly."""
    return Evidence(density=0.1, readings={name: Reading(np.array(errors), "fraction", axes=("replica",))}, knobs=knobs)


def stated(given: Evidence, *siblings: Evidence, **options) -> Diagnosis:
    """Return the verdict on a network."""
    given = replace(given, siblings=siblings)
    return state_direction(ThreeRegime().classify(given), given, calibration=CALIBRATION, **options)


@pytest.mark.parametrize(
    ("lmc", "advice", "hotter"),
    [(-0.4, Advice.RAISE, 0.89), (-0.08, Advice.NONE, 0.76), (-0.05, Advice.NONE, 0.35), (0.0, Advice.LOWER, 0.04)],
)
def test_connectivity_alone_states_the_probability_of_the_direction(lmc, advice, hotter):
    found = stated(evidence(lmc))
    assert found.advice is advice
    assert found.hotter == pytest.approx(hotter, abs=0.01)
    assert found.confidence == pytest.approx(max(found.hotter, 1 - found.hotter))
    assert found.rests_on == ("lmc",)
    assert found.regime_probability == ThreeRegime().classify(evidence(lmc)).confidence
    assert found.gain is None


def test_regime_one_before_the_drop_is_not_raised():
    found = stated(evidence(-0.4, epochs=40.0, drop=80.0))
    assert (found.regime, found.advice) == (Regime.I, Advice.LOWER)
    assert found.confidence > 0.9
    assert "the advice of the regime alone: raise" in found.because
    assert found.rests_on[0] == "position"
    past = stated(evidence(-0.4, epochs=160.0, drop=80.0))
    assert past.advice is Advice.RAISE
    assert past.confidence > 0.97


def test_measured_siblings_decide_against_the_regime():
    here = sibling(0.2, 0.21, epochs=80.0)
    found = stated(evidence(-0.4, epochs=80.0), here, sibling(0.3, 0.31, epochs=40.0), sibling(0.1, 0.11, epochs=160.0))
    assert (found.regime, found.advice) == (Regime.I, Advice.LOWER)
    assert found.gain == pytest.approx(0.1)
    assert found.gain_interval[0] < 0.1 < found.gain_interval[1]
    assert found.rests_on == ("family", "lmc")
    assert any("+10.00 points" in reason for reason in found.because)


def test_keep_needs_both_sides_measured_and_neither_better():
    here, hot, cold = sibling(0.1, 0.1, epochs=80.0), sibling(0.3, 0.3, epochs=40.0), sibling(0.3, 0.3, epochs=160.0)
    assert stated(evidence(0.0, epochs=80.0), here, hot, cold).advice is Advice.KEEP
    one = stated(evidence(0.0, epochs=80.0), here, hot)
    assert one.advice is Advice.LOWER
    assert one.next_buys == "a sibling on the colder side would show whether to keep the temperature"


def test_neighbours_count_as_siblings_and_their_test_errors_where_no_training_errors_are_known():
    for name in ("errors/train_error", "errors/test_error"):
        own = evidence(-0.01, batch_size=64.0)
        own = replace(own, readings={**own.readings, **sibling(0.3, 0.3, name=name).readings})
        beside = tuple(sibling(e, e, name=name, batch_size=b) for e, b in ((0.1, 32.0), (0.4, 128.0)))
        own = replace(own, neighbours=beside)
        found = state_direction(ThreeRegime().classify(own), own, calibration=CALIBRATION)
        assert found.advice is Advice.RAISE
        assert any(("training error" if "train" in name else "test error") in reason for reason in found.because)


def test_cka_alone_never_says_keep():
    def near(cka: float, epochs: float) -> Evidence:
        found = evidence(-0.01, epochs=epochs)
        return replace(found, readings={**found.readings, "cka/softmax": Reading(np.array([cka]), "1", axes=("pair",))})

    own = replace(near(0.966, 70.0), neighbours=(near(0.95, 80.0), near(0.96, 40.0)))
    plain = ThreeRegime().classify(own)
    assert (plain.regime, plain.advice) == (Regime.II_B, Advice.KEEP)
    found = state_direction(plain, own, calibration=CALIBRATION)
    assert found.regime is Regime.II_B
    assert found.advice is not Advice.KEEP


def test_replicas_that_have_not_learned_are_judged_by_siblings_alone():
    blank = evidence(0.0, ends=0.88, epochs=160.0, drop=80.0)
    assert stated(blank) == ThreeRegime().classify(blank)
    found = stated(blank, sibling(0.88, 0.88, epochs=160.0), sibling(0.3, 0.3, epochs=80.0))
    assert found.advice is Advice.RAISE
    assert found.rests_on == ("family",)
    assert found.regime is Regime.UNRESOLVED


def test_the_certainty_decides_where_it_abstains():
    given = evidence(-0.4)
    assert stated(given, certainty=0.95).advice is Advice.NONE
    assert stated(given, certainty=0.5).advice is Advice.RAISE


def test_the_last_snapshot_before_the_drop_is_compared_too():
    given = evidence(-0.4, epochs=160.0, drop=30.0)
    here = sibling(0.2, 0.2, epochs=160.0)
    others = [sibling(0.25, 0.25, epochs=80.0), sibling(0.1, 0.1, epochs=30.0), sibling(0.01, 0.01, epochs=60.0)]
    found = stated(given, here, *others)
    assert found.gain == pytest.approx(0.1)
    assert any("epochs 30" in reason for reason in found.because)


def test_siblings_that_differ_in_two_knobs_are_not_compared():
    given = evidence(-0.4, epochs=80.0)
    mixed = stated(given, sibling(0.2, epochs=80.0, rho=0.1), sibling(0.1, epochs=40.0, rho=0.2))
    assert mixed.rests_on == ("lmc",)


def test_without_a_signal_and_for_a_vote_without_a_regime_the_diagnosis_stays():
    nothing = Diagnosis(regime=Regime.UNRESOLVED, advice=Advice.NONE, confidence=None, because=("nothing",))
    assert state_direction(nothing, Evidence(density=0.1, readings={}), calibration=CALIBRATION) == nothing
    dense = Evidence(
        density=1.0,
        readings={"errors/train_error": Reading(0.1, "fraction"), "hessian/trace": Reading(9.0, "1")},
        knobs={"epochs": 160.0},
        first_drop=80.0,
    )
    vote = MdTree().classify(dense)
    assert state_direction(vote, dense, calibration=CALIBRATION) == vote


def test_few_images_make_the_direction_less_certain():
    sure, unsure = (
        replace(
            evidence(),
            readings={"lmc/lmc": Reading(np.array([-0.11]), "fraction", stderr=np.array([error]), axes=("pair",))},
        )
        for error in (0.0, 0.08)
    )
    assert stated(unsure).hotter < stated(sure).hotter - 0.05


def unretrained(error: float, pruned: float, **knobs: float) -> Evidence:
    """Return a network of the family whose error right after pruning is known too."""
    found = sibling(error, error, **knobs)
    return replace(found, readings={**found.readings, "pruned/train_error": Reading(pruned, "fraction")})


def test_errors_right_after_pruning_are_a_signal_where_all_that_are_compared_have_them():
    family = [
        unretrained(0.2, 0.6, epochs=80.0),
        unretrained(0.2, 0.2, epochs=40.0),
        unretrained(0.2, 0.8, epochs=160.0),
    ]
    given = replace(evidence(0.0, epochs=80.0), siblings=family)
    found = state_direction(ThreeRegime().classify(given), given, calibration=load_calibration())
    assert "mapped" in found.rests_on
    assert any("right after pruning" in reason for reason in found.because)
    without = replace(given, siblings=[*family[:2], sibling(0.2, 0.2, epochs=160.0)])
    plain = state_direction(ThreeRegime().classify(without), without, calibration=load_calibration())
    assert "mapped" not in plain.rests_on
    assert found.hotter > plain.hotter


def course(progress, *, knob=None, dense=0.1, **known) -> Diagnosis:
    """Return the verdict of the shipped pack on one checkpoint past its drop, whose training is recorded."""
    given = replace(evidence(-0.03, epochs=160.0, drop=80.0, **known), progress=progress, knob=knob)
    errors = {"dense/train_error": Reading(dense, "fraction"), "dense/train_chance": Reading(0.9, "fraction")}
    given = replace(given, readings={**given.readings, **errors})
    return state_direction(ThreeRegime().classify(given), given, calibration=load_calibration())


def test_a_training_that_still_fell_points_hotter_and_one_that_had_stopped_colder():
    still, stopped = course(0.8), course(0.0)
    assert (still.advice, stopped.advice) == (Advice.RAISE, Advice.LOWER)
    assert "progress" in still.rests_on
    assert "position" not in still.rests_on
    assert any("course of its training" in reason for reason in still.because)


def test_over_snapshots_of_one_run_the_place_counts_and_not_the_course():
    found = course(0.0, knob="epochs")
    assert "position" in found.rests_on
    assert "progress" not in found.rests_on
    assert any("is as good" in reason for reason in found.because)
    assert found.advice is Advice.RAISE


def test_the_course_of_a_network_that_answers_at_random_is_no_signal():
    assert "progress" in course(0.8, dense=0.8).rests_on
    found = course(0.8, dense=0.84)
    assert "progress" not in found.rests_on
    assert not any("course of its training" in reason for reason in found.because)


def test_along_the_radius_of_sam_neither_the_course_nor_the_place_is_a_signal():
    for knob in ("rho", None):
        assert course(0.8, knob=knob, rho=0.05).rests_on == ("lmc",)
    assert "progress" in course(0.8, knob="batch_size", rho=0.05).rests_on
    assert "position" in course(0.8, knob="epochs", rho=0.05).rests_on


def test_packs_before_the_course_was_measured_use_the_place():
    given = replace(evidence(-0.03, epochs=160.0, drop=80.0), progress=0.0)
    found = state_direction(ThreeRegime().classify(given), given, calibration=CALIBRATION)
    assert set(found.rests_on) == {"lmc", "position"}
