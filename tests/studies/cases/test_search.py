"""The search against trying every position."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prunescope.studies.cases.search import Look, search_values

MOST = {1: 1, 2: 2, 3: 3, 4: 3, 5: 4, 6: 4, 7: 4, 12: 5, 20: 6}
"""Positions -> most looks: F(k + 1) > n positions take k - 1."""


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=12), st.integers(0, 12), st.integers(0, 12))
def test_one_peak_is_found(steps, rising, poor_from):
    scores, level = [], 0.0
    for place, step in enumerate(steps):
        level += step if place < rising else -step
        scores.append(level)
    looks = [Look(place < poor_from, score if place < poor_from else -place) for place, score in enumerate(scores)]
    found = search_values(len(looks), looks.__getitem__)
    best = max(found, key=lambda place: found[place])
    assert looks[best] == max(looks)


@pytest.mark.parametrize(("count", "most"), MOST.items())
def test_few_looks_are_enough_and_none_is_repeated(count, most):
    for peak in range(count):
        asked = []

        def look(place, peak=peak, asked=asked):
            asked.append(place)
            return Look(connected=True, score=-abs(place - peak))

        search_values(count, look)
        assert len(asked) == len(set(asked)) <= most
        assert peak in asked


def test_nothing_colder_than_a_poorly_connected_model_is_looked_at():
    asked = []

    def look(place):
        asked.append(place)
        return Look(connected=place < 2, score=place)

    found = search_values(7, look)
    assert max(found, key=found.get) == 1
    assert not any(place > min(p for p in asked if p >= 2) for place in asked)


def test_where_all_are_poorly_connected_the_hottest_is_found():
    found = search_values(7, lambda place: Look(connected=False, score=-0.1 * place))
    assert max(found, key=found.get) == 0
    assert len(found) == 3


def test_an_empty_axis_is_refused():
    with pytest.raises(ValueError, match="no values"):
        search_values(0, lambda _: Look(connected=True, score=math.nan))
