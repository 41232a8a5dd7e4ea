from __future__ import annotations

import pytest

from prunescope.api.errors import UsageError
from prunescope.studies.lottery.stability import step_of_stability

STEPS = [0, 10, 20, 40, 80]


def test_a_seed_is_stable_once_every_later_barrier_is_low():
    rows = [[0.5, 0.01, 0.3, 0.01, 0.0]]
    found = step_of_stability(STEPS, rows)
    assert (found.by_seed, found.middle, found.before) == ((40,), 40, 20)


def test_stable_from_the_first_step_has_no_step_before():
    found = step_of_stability(STEPS, [[0.0] * 5] * 2)
    assert (found.middle, found.low, found.high, found.before, found.reached) == (0, 0, 0, None, 2)


def test_never_stable_is_later_than_every_step():
    found = step_of_stability(STEPS, [[0.5] * 5, [0.5, 0.5, 0.0, 0.0, 0.0], [0.5] * 5])
    assert (found.by_seed, found.middle, found.low, found.high) == ((None, 20, None), None, 20, None)
    assert (found.before, found.reached) == (80, 1)


def test_a_barrier_at_the_threshold_is_not_below_it():
    assert step_of_stability([0, 1], [[0.02, 0.0199]], threshold=0.02).middle == 1
    assert step_of_stability([0, 1], [[float("nan"), 0.0]]).middle == 1


@pytest.mark.parametrize("late", range(6))
def test_the_middle_of_three_seeds_is_their_median(late):
    def row(first):
        return [0.5 if number < first else 0.0 for number in range(5)]

    found = step_of_stability(STEPS, [row(1), row(late), row(3)])
    order = sorted([1, late, 3])
    assert [found.low, found.middle, found.high] == [STEPS[n] if n < 5 else None for n in order]


@pytest.mark.parametrize(
    ("steps", "rows"), [([0, 1], []), ([0, 1], [[0.1]]), ([1, 0], [[0.1, 0.1]]), ([0, 0], [[0.1, 0.1]])]
)
def test_tables_that_do_not_fit_are_refused(steps, rows):
    with pytest.raises(UsageError, match="give rising steps"):
        step_of_stability(steps, rows)
