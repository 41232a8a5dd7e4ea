"""The comparison of a family against draws of its posterior, and its calibration in families that are drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prunescope.api.errors import EvidenceError
from prunescope.regimes.siblings import Comparison, Sibling, choose_siblings, compare_siblings


def drawn(members: list[Sibling], *, draws: int = 200_000) -> np.ndarray:
    """How often each member is the least in draws of the posterior, written from its formula."""
    generator = np.random.default_rng(0)
    means = [sum(one.errors) / len(one.errors) for one in members]
    squares = sum((e - mean) ** 2 for one, mean in zip(members, means, strict=True) for e in one.errors)
    freedom = 2 + sum(len(one.errors) - 1 for one in members)
    scale = max(0.002, ((2 * (0.05 * sum(means) / len(means)) ** 2 + squares) / freedom) ** 0.5)
    sigma = scale * np.sqrt(freedom / generator.chisquare(freedom, size=draws))
    values = [
        mean + sigma * generator.normal(size=draws) / len(one.errors) ** 0.5
        for one, mean in zip(members, means, strict=True)
    ]
    return np.bincount(np.argmin(values, axis=0), minlength=len(members)) / draws


FAMILIES = st.lists(st.lists(st.floats(0.0, 0.4), min_size=1, max_size=4).map(tuple), min_size=2, max_size=6).map(
    lambda rows: [Sibling(value=float(10 * (place + 1)), errors=row) for place, row in enumerate(rows)]
)


@settings(max_examples=25)
@given(FAMILIES, st.integers(0, 5))
def test_the_probabilities_are_those_of_draws(members, place):
    here = members[place % len(members)]
    found = compare_siblings(here, [one for one in members if one is not here], knob="epochs")
    wanted = drawn(members)
    at = members.index(here)
    assert found.here == pytest.approx(wanted[at], abs=0.006)
    assert found.hotter == pytest.approx(wanted[:at].sum(), abs=0.006)  # fewer epochs are hotter
    assert found.colder == pytest.approx(wanted[at + 1 :].sum(), abs=0.006)
    assert found.here + found.hotter + found.colder == pytest.approx(1)


@settings(max_examples=40)
@given(FAMILIES, st.randoms(use_true_random=False))
def test_the_order_of_members_and_replicas_does_not_matter(members, random):
    here, others = members[0], members[1:]
    mixed = [Sibling(value=one.value, errors=tuple(random.sample(one.errors, len(one.errors)))) for one in others]
    random.shuffle(mixed)
    found, again = (compare_siblings(here, some, knob="batch_size") for some in (others, mixed))
    assert found.hotter == pytest.approx(again.hotter, abs=1e-9)
    assert found.here == pytest.approx(again.here, abs=1e-9)


@pytest.mark.parametrize(("knob", "hotter"), [("epochs", False), ("batch_size", False), ("learning_rate", True)])
def test_the_better_side_is_named_by_the_knob(knob, hotter):
    better, worse = Sibling(value=2.0, errors=(0.1, 0.1)), Sibling(value=0.5, errors=(0.3, 0.3))
    found = compare_siblings(Sibling(value=1.0, errors=(0.2, 0.2)), [better, worse], knob=knob)
    assert (found.direction > 0.99) is hotter
    assert (found.direction < 0.01) is not hotter
    gain = found.gain_hotter if hotter else found.gain_colder
    assert gain.towards == 2.0
    assert gain.mean == pytest.approx(0.1)
    assert gain.low < gain.mean < gain.high
    assert found.both_sides


def test_equal_members_are_equally_probable_and_give_no_direction():
    found = compare_siblings(
        Sibling(value=2.0, errors=(0.2, 0.2)), [Sibling(value=v, errors=(0.2, 0.2)) for v in (1.0, 4.0)], knob="epochs"
    )
    assert (found.here, found.hotter, found.colder) == pytest.approx((1 / 3,) * 3, abs=1e-6)
    assert found.direction == pytest.approx(0.5)
    assert found.gain_hotter.low < 0 < found.gain_hotter.high


def test_one_side_that_is_worse_speaks_for_the_other():
    worse = Sibling(value=80.0, errors=(0.3, 0.31))
    here = Sibling(value=160.0, errors=(0.2, 0.21))
    found = compare_siblings(here, [worse], knob="epochs")
    assert not found.both_sides
    assert found.direction == pytest.approx(found.hotter)
    assert found.direction < 0.05
    assert compare_siblings(here, [Sibling(value=320.0, errors=worse.errors)], knob="epochs").direction > 0.95


def test_replicas_that_happen_to_agree_do_not_look_certain():
    found = compare_siblings(
        Sibling(value=2.0, errors=(0.2001, 0.2001)), [Sibling(value=1.0, errors=(0.2, 0.2))], knob="epochs"
    )
    assert found.spread == pytest.approx(0.05 * 0.20005 * (2 / 4) ** 0.5)
    assert 0.49 < found.hotter < 0.53
    tiny = compare_siblings(
        Sibling(value=2.0, errors=(0.0, 0.0)), [Sibling(value=1.0, errors=(0.0, 0.0))], knob="epochs"
    )
    assert tiny.spread == 0.002


def test_the_stated_probabilities_come_true():
    """Families are drawn, replicas of every member too; the truth is the members' own error."""
    generator = np.random.default_rng(1)
    stated, right = [], []
    for _ in range(1000):
        truth = 0.2 + generator.normal(0, 0.02, size=4)
        sigma = 0.01 * (2 / generator.chisquare(2)) ** 0.5
        members = [
            Sibling(value=float(2**place), errors=tuple(np.clip(one + sigma * generator.normal(size=2), 0, 1)))
            for place, one in enumerate(truth)
        ]
        here = int(generator.integers(1, 3))
        if truth.argmin() == here:
            continue
        found = compare_siblings(members[here], [one for one in members if one is not members[here]], knob="batch_size")
        stated.append(max(found.direction, 1 - found.direction))
        right.append((found.direction > 0.5) == (truth.argmin() < here))
    stated, right = np.array(stated), np.array(right)
    sure = stated >= 0.9
    assert sure.sum() > 150
    assert right[sure].mean() > 0.94
    bins = np.digitize(stated, [0.6, 0.7, 0.8, 0.9])
    error = sum(abs(stated[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in set(bins))
    assert error < 0.05


def test_the_interval_of_a_gain_covers_as_often_as_it_says():
    generator = np.random.default_rng(2)
    covered = []
    for _ in range(1000):
        sigma = 0.01 * (2 / generator.chisquare(2)) ** 0.5
        errors = [tuple(0.2 - shift + sigma * generator.normal(size=3)) for shift in (0.0, 0.015)]
        found = compare_siblings(
            Sibling(value=2.0, errors=errors[0]), [Sibling(value=1.0, errors=errors[1])], knob="epochs"
        )
        covered.append(found.gain_hotter.low <= 0.015 <= found.gain_hotter.high)
    assert np.mean(covered) == pytest.approx(0.8, abs=0.04)


def test_there_must_be_something_to_compare():
    with pytest.raises(EvidenceError, match="two members"):
        compare_siblings(Sibling(value=1.0, errors=(0.1,)), [], knob="epochs")
    with pytest.raises(EvidenceError, match="two members"):
        compare_siblings(Sibling(value=1.0, errors=()), [Sibling(value=2.0, errors=(0.1,))], knob="epochs")


@pytest.mark.parametrize(
    ("values", "here", "knob", "drop", "wanted"),
    [
        ((10, 20, 30, 40, 50, 60, 70, 80), 40, "epochs", None, (20, 40, 80)),
        ((10, 20, 30, 40, 50, 60, 70, 80), 80, "epochs", 50, (40, 50, 80)),
        ((40, 45, 50), 45, "epochs", None, (40, 45, 50)),
        ((16, 64, 256), 64, "batch_size", None, (16, 64, 256)),
        ((0.05, 0.1, 0.2), 0.1, "learning_rate", None, (0.2, 0.1, 0.05)),
        ((0.0, 0.1, 0.2, 0.4), 0.0, "rho", None, (0.1, 0.0)),
        ((80,), 80, "epochs", None, (80,)),
        ((30, 80), 20, "epochs", 30, (20, 30)),
    ],
)
def test_the_members_that_are_compared(values, here, knob, drop, wanted):
    assert choose_siblings(values, here, knob=knob, drop=drop) == wanted


def test_a_comparison_without_a_side_keeps_its_shares():
    found = Comparison(here=1.0, hotter=0.0, colder=0.0, gain_hotter=None, gain_colder=None, spread=0.01, freedom=2.0)
    assert found.direction == 0.0
