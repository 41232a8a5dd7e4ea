from __future__ import annotations

from math import sqrt
from statistics import stdev

import numpy as np
import pytest

from prunescope.studies.phase import transition
from prunescope.studies.phase.diagram import DiagramCell, PhaseDiagram, Sample


def study(errors, *, drops=(), values=(10, 20), densities=(0.1,)):
    """Return a diagram; errors: (value, density) -> replicas of every dense seed."""
    cells = {}
    for value in values:
        for density in densities:
            samples = tuple(
                Sample(seed=seed, test_error=replicas) for seed, replicas in enumerate(errors[value, density])
            )
            cells[value, density] = DiagramCell(value=value, density=density, samples=samples)
    return PhaseDiagram(name="few", knob="epochs", values=values, densities=densities, cells=cells, drops=drops)


TWO_SEEDS = {(10, 0.1): ((0.10, 0.12), (0.11, 0.11)), (20, 0.1): ((0.14, 0.16), (0.15, 0.19))}


def test_z_is_taken_over_dense_seeds():
    (found,) = transition.find_transition(study(TWO_SEEDS)).differences
    assert found.by_seed == pytest.approx((0.04, 0.06))
    assert found.mean == pytest.approx(0.05)
    assert found.stderr == pytest.approx(stdev([0.04, 0.06]) / sqrt(2))
    assert found.z == pytest.approx(0.05 / 0.01)
    assert found.better == "hotter"


def test_the_interval_of_two_dense_seeds_is_wide():
    (found,) = transition.find_transition(study(TWO_SEEDS)).differences
    assert found.interval == pytest.approx((0.05 - 12.706 * 0.01, 0.05 + 12.706 * 0.01), abs=1e-5)


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.706), (2, 4.303), (10, 2.228), (11, 2.201), (12, 2.179), (20, 2.086), (30, 2.042), (120, 1.980)],
)
def test_students_t_is_that_of_printed_tables(freedom, quantile):
    """Two-sided 95 % points: Fisher and Yates, Statistical Tables, table III."""
    assert transition.student_t(freedom) == pytest.approx(quantile, abs=5e-4)


@pytest.mark.parametrize("seeds", [2, 3, 11, 12, 13])
def test_95_percent_intervals_over_seeds_miss_in_5_percent(seeds):
    """Without a difference, 100,000 sets of normal seeds: the share of intervals without 0, ± 4 standard errors."""
    drawn = np.random.default_rng(seeds).normal(size=(100_000, seeds))
    reach = transition.student_t(seeds - 1) * drawn.std(axis=1, ddof=1) / sqrt(seeds)
    false_alarms = np.mean(np.abs(drawn.mean(axis=1)) > reach)
    assert false_alarms == pytest.approx(0.05, abs=4 * sqrt(0.05 * 0.95 / 100_000))


def test_z_of_retraining_alone_takes_the_dense_models_as_given():
    (found,) = transition.find_transition(study(TWO_SEEDS)).differences
    variances = [0.0002, 0.0, 0.0002, 0.0008]
    assert found.replica_stderr == pytest.approx(sqrt(sum(variances) / 2) / 2)
    assert found.replica_z == pytest.approx(0.05 / found.replica_stderr)


def test_one_dense_seed_leaves_the_noise_of_retraining():
    (found,) = transition.find_transition(study({key: seeds[:1] for key, seeds in TWO_SEEDS.items()})).differences
    assert found.stderr is None
    assert found.interval is None
    assert found.z == found.replica_z


def test_only_seeds_on_both_sides_count():
    errors = {**TWO_SEEDS, (20, 0.1): TWO_SEEDS[20, 0.1][:1]}
    (found,) = transition.find_transition(study(errors)).differences
    assert found.by_seed == pytest.approx((0.04,))


def test_equal_replicas_give_no_z():
    same = {(10, 0.1): ((0.1, 0.1),), (20, 0.1): ((0.1, 0.1),)}
    (found,) = transition.find_transition(study(same)).differences
    assert found.z is None
    assert found.better == ""


def test_the_pair_across_the_first_drop_is_taken():
    values, densities = (10, 20, 40), (0.1,)
    errors = {(value, 0.1): ((0.1,),) for value in values}
    found = transition.find_transition(study(errors, values=values, densities=densities, drops=(20, 30)))
    assert (found.hotter, found.colder, found.picked) == (20, 40, "drop")


def test_without_a_drop_the_pair_with_the_largest_flip_is_taken():
    values, densities = (10, 20, 40), (0.1, 0.5)
    means = {(10, 0.1): 0.3, (20, 0.1): 0.2, (40, 0.1): 0.25, (10, 0.5): 0.2, (20, 0.5): 0.15, (40, 0.5): 0.1}
    errors = {key: ((mean,),) for key, mean in means.items()}
    found = transition.find_transition(study(errors, values=values, densities=densities))
    assert (found.hotter, found.colder, found.picked) == (20, 40, "data")


def test_nothing_to_compare_is_none():
    assert transition.find_transition(study({(10, 0.1): (), (20, 0.1): ()})) is None


def test_the_end_of_the_axis_is_compared_with_the_hotter_side():
    values, densities = (10, 20, 40, 80), (0.1,)
    errors = {(value, 0.1): ((0.1 + value / 1000,),) for value in values}
    few = study(errors, values=values, densities=densities, drops=(20,))
    found = transition.to_the_end(few, transition.find_transition(few))
    assert (found.hotter, found.colder, found.picked) == (20, 80, "end")
    assert found.differences[0].mean == pytest.approx(0.06)
    assert (
        transition.to_the_end(
            study(errors, values=(10, 20)), transition.find_transition(study(errors, values=(10, 20)))
        )
        is None
    )


def test_where_the_data_picked_the_pair_the_whole_axis_is_compared():
    values, densities = (10, 20, 40), (0.1, 0.5)
    means = {(10, 0.1): 0.3, (20, 0.1): 0.2, (40, 0.1): 0.25, (10, 0.5): 0.2, (20, 0.5): 0.15, (40, 0.5): 0.1}
    few = study({key: ((mean,),) for key, mean in means.items()}, values=values, densities=densities)
    found = transition.find_transition(few)
    assert (found.hotter, found.colder) == (20, 40)
    end = transition.to_the_end(few, found)
    assert (end.hotter, end.colder, end.picked) == (10, 40, "end")
    assert [one.mean for one in end.differences] == pytest.approx([-0.05, -0.1])
