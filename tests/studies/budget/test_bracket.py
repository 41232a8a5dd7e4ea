"""Bisection over densities: continuous ones, those of a list, and answers that do not exist."""

from __future__ import annotations

import math

import pytest

from prunescope.studies.budget.bracket import Bracket, largest_holding, smallest_holding

FOURTHS = (0.25, 0.5, 0.75, 1.0)


@pytest.mark.parametrize("edge", [0.011, 0.05, 0.3, 0.99])
def test_the_bracket_closes_on_the_edge(edge):
    tried = []

    def holds(density):
        tried.append(density)
        return density >= edge

    found = smallest_holding(holds, least=0.01, most=1.0, tries=10)
    assert found.fails < edge <= found.holds
    assert math.log(found.holds / found.fails) == pytest.approx(math.log(100) / 2**10)
    assert len(tried) == len(set(tried)) == 12
    found = largest_holding(lambda density: density <= edge, least=0.01, most=1.0, tries=10)
    assert found.holds <= edge < found.fails


def test_what_holds_everywhere_or_nowhere():
    assert smallest_holding(lambda _: True, least=0.1, most=1.0, tries=3) == Bracket(holds=0.1, fails=None)
    assert smallest_holding(lambda _: False, least=0.1, most=1.0, tries=3) == Bracket(holds=None, fails=1.0)
    assert largest_holding(lambda _: True, least=0.1, most=1.0, tries=3) == Bracket(holds=1.0, fails=None)
    assert largest_holding(lambda _: False, least=0.1, most=1.0, tries=3) == Bracket(holds=None, fails=0.1)


@pytest.mark.parametrize("edge", [0.25, 0.5, 0.75, 1.0])
def test_only_known_densities_are_tried(edge):
    tried = []

    def holds(density):
        tried.append(density)
        return density >= edge

    found = smallest_holding(holds, least=0.01, most=1.0, tries=9, known=FOURTHS)
    assert found == Bracket(holds=edge, fails=None if edge == 0.25 else edge - 0.25)
    assert set(tried) <= set(FOURTHS)
    found = largest_holding(lambda density: density <= edge, least=0.01, most=1.0, tries=9, known=FOURTHS)
    assert found == Bracket(holds=edge, fails=None if edge == 1 else edge + 0.25)


def test_known_densities_outside_the_range_are_left_out():
    found = smallest_holding(lambda density: density >= 0.6, least=0.3, most=0.5, tries=9, known=FOURTHS)
    assert found == Bracket(holds=None, fails=0.5)
    assert smallest_holding(lambda _: True, least=0.3, most=0.4, tries=9, known=FOURTHS) == Bracket(
        holds=None, fails=None
    )
