"""Means, spread and who is level with the best, on numbers made by hand."""

from __future__ import annotations

import math

from prunescope.studies.comparison.measured import ComparedPoint, MeasuredComparison, best, summarize


def points(*values):
    return tuple(ComparedPoint(seed=seed, top1=value) for seed, value in enumerate(values))


def measured(**pruned):
    found = {label: {0.1: points(*values)} for label, values in pruned.items()}
    return MeasuredComparison(densities=(0.1,), seeds=(0, 1, 2), dense=points(0.9, 0.9, 0.9), pruned=found)


def test_mean_and_deviation_are_over_seeds():
    found = summarize(points(0.5, 0.6, 0.7), "top1")
    assert (found.mean, found.n) == (0.6, 3)
    assert math.isclose(found.deviation, 0.1)
    assert summarize(points(0.5), "top1").deviation is None
    assert summarize(points(0.5), "speedup") is None
    assert summarize((), "top1") is None


def test_a_difference_that_every_seed_repeats_is_one_and_one_within_the_spread_is_not():
    """Paired: b trails a by 0.02 in every seed, though the seeds differ by 0.3; c trails by as much on average."""
    found = measured(a=(0.40, 0.70, 0.55), b=(0.38, 0.68, 0.531), c=(0.50, 0.52, 0.57))
    assert best(found, 0.1) == ("a", ("c",))


def test_one_seed_tells_nothing_apart():
    assert best(measured(a=(0.9,), b=(0.1,)), 0.1) == ("a", ("b",))


def test_equal_differences_without_any_spread_are_told_apart():
    assert best(measured(a=(0.5, 0.5, 0.5), b=(0.25, 0.25, 0.25), c=(0.5, 0.5, 0.5)), 0.1) == ("a", ("c",))


def test_nothing_measured_has_no_best_and_is_missing():
    found = measured(a=(), b=(0.2, 0.3))
    assert best(measured(a=()), 0.1) is None
    assert best(found, 0.1) == ("b", ())
    assert found.missing == [("a", 0.1), ("b", 0.1)]
