"""The direction without replicas: which signals it takes, and what it says where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from prunescope.api import Advice, Evidence, Reading, Regime
from prunescope.regimes.direction_alone import NO_SIGNAL, NOT_MEASURED, DirectionAlone


def sibling(*errors: float, pruned: float, epochs: float) -> Evidence:
    """Return a network of the family, retrained briefly."""
    readings = {
        "errors/train_error": Reading(np.array(errors), "fraction", axes=("replica",)),
        "pruned/train_error": Reading(np.array([pruned]), "fraction", axes=("replica",)),
    }
    return Evidence(density=0.1, readings=readings, knobs={"epochs": epochs})


def family(here: float, other: float, *, epochs: float) -> tuple[Evidence, ...]:
    """Return a network of 80 epochs and another one."""
    return (
        sibling(here, here + 0.004, pruned=here + 0.2, epochs=80),
        sibling(other, other + 0.004, pruned=other + 0.2, epochs=epochs),
    )


@pytest.mark.parametrize(
    ("siblings", "advice"),
    [
        (family(0.30, 0.20, epochs=40), Advice.RAISE),
        (family(0.20, 0.30, epochs=40), Advice.LOWER),
        (family(0.30, 0.20, epochs=160), Advice.LOWER),
    ],
)
def test_siblings_give_a_direction_and_no_regime(siblings, advice):
    found = DirectionAlone().classify(
        Evidence(density=0.1, readings={}, knobs={"epochs": 80.0}, siblings=siblings, knob="epochs")
    )
    assert (found.regime, found.advice) == (None, advice)
    assert found.confidence == max(found.hotter, 1 - found.hotter) > 0.9
    assert set(found.rests_on) == {"family", "mapped"}
    assert found.regime_probability is None
    assert found.because[-1] == NOT_MEASURED


@pytest.mark.parametrize(("progress", "advice"), [(0.0, Advice.LOWER), (0.9, Advice.RAISE)])
def test_the_recorded_course_of_one_training_is_enough(progress, advice):
    found = DirectionAlone().classify(Evidence(density=0.1, readings={}, progress=progress, knob="batch_size"))
    assert (found.regime, found.advice, found.rests_on) == (None, advice, ("progress",))


def test_the_place_in_the_schedule_is_enough_too():
    found = DirectionAlone().classify(Evidence(density=0.1, readings={}, knobs={"epochs": 160.0}, first_drop=80.0))
    assert (found.advice, found.rests_on) == (Advice.RAISE, ("position",))


def test_without_any_signal_it_abstains_and_says_what_would_give_one():
    found = DirectionAlone().classify(Evidence(density=0.1, readings={}, knobs={"epochs": 80.0}))
    assert (found.regime, found.advice, found.confidence) == (Regime.UNRESOLVED, Advice.NONE, None)
    assert found.because[0] == NO_SIGNAL
    assert "--family" in found.next_buys


def test_a_direction_that_is_not_sure_enough_is_unresolved():
    given = Evidence(density=0.1, readings={}, knobs={"epochs": 80.0}, siblings=family(0.25, 0.24, epochs=40))
    found = DirectionAlone(direction=1.0).classify(given)
    assert (found.regime, found.advice) == (Regime.UNRESOLVED, Advice.NONE)
    assert found.hotter > 0.5
    assert DirectionAlone(direction=0.5).classify(given).advice is Advice.RAISE
