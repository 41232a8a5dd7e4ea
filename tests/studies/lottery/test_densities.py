from __future__ import annotations

from itertools import pairwise

import pytest

from prunescope.api.errors import UsageError
from prunescope.studies.lottery.densities import SHAPES, cubic, geometric, levels, linear, prune_steps


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("initial", "final"), [(1.0, 0.05), (0.5, 0.1)])
def test_schedules_fall_from_the_initial_to_the_final_density(shape, initial, final):
    found = [SHAPES[shape](number / 50, final=final, initial=initial) for number in range(51)]
    assert found[0] == pytest.approx(initial)
    assert found[-1] == pytest.approx(final)
    assert all(before > after for before, after in pairwise(found))


def test_cubic_is_the_equation_of_the_paper_in_sparsity():
    """Zhu and Gupta 2018, equation 1: s_t = s_f + (s_i - s_f) (1 - (t - t0) / (n dt))^3."""
    s_i, s_f, t0, n, dt = 0.1, 0.9, 100, 20, 50
    for t in range(t0, t0 + n * dt + 1, dt):
        sparsity = s_f + (s_i - s_f) * (1 - (t - t0) / (n * dt)) ** 3
        assert cubic((t - t0) / (n * dt), final=1 - s_f, initial=1 - s_i) == pytest.approx(1 - sparsity)


def test_geometric_keeps_the_same_share_in_every_round():
    """Frankle and Carbin 2019: each round prunes p^(1/n) of what is left."""
    found = levels("geometric", final=0.8**7, count=7)
    assert found == pytest.approx([0.8**number for number in range(1, 8)])


def test_linear_takes_the_same_number_in_every_round():
    assert levels("linear", final=0.2, count=4) == pytest.approx((0.8, 0.6, 0.4, 0.2))
    assert linear(0.25, final=0.2) == pytest.approx(0.8)


def test_one_round_is_one_shot():
    assert {levels(shape, final=0.1, count=1) for shape in SHAPES} == {(0.1,)}
    assert geometric(1, final=0.1) == pytest.approx(0.1)


@pytest.mark.parametrize(("final", "count"), [(0.0, 2), (1.0, 2), (-0.1, 2), (0.1, 0)])
def test_what_is_no_schedule_is_refused(final, count):
    with pytest.raises(UsageError):
        levels("geometric", final=final, count=count)


def test_gradual_pruning_takes_place_evenly():
    assert prune_steps(first=10, last=20, count=3) == (10, 15, 20)
    assert prune_steps(first=10, last=20, count=1) == (10,)
    with pytest.raises(UsageError, match="do not fit between step 10 and step 12"):
        prune_steps(first=10, last=12, count=4)
