"""The three-regime rule and the md-tree against hand-made evidence and the published grid."""

from __future__ import annotations

import runpy
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from prunescope.api import Advice, Evidence, Reading, Regime
from prunescope.regimes import md_tree, three_regime
from prunescope.regimes.rules import MdTree, ThreeRegime


def evidence(
    lmc: list[float],
    *,
    cka: float | None = None,
    stderr: float = 0.003,
    neighbours: tuple[Evidence, ...] = (),
    ends: float = 0.05,
    **knobs: float,
) -> Evidence:
    """Return what a retrained family would have shown."""
    path = np.full((len(lmc), 11), ends)
    readings = {
        "lmc/lmc": Reading(np.array(lmc), unit="fraction", stderr=np.full(len(lmc), stderr), axes=("pair",)),
        "lmc/train_error_path": Reading(path, unit="fraction", axes=("pair", "t")),
    }
    if cka is not None:
        readings["cka/softmax"] = Reading(np.full(len(lmc), cka), unit="1", axes=("pair",))
    return Evidence(density=0.1, readings=readings, knobs=knobs, neighbours=neighbours)


def test_a_clear_barrier_is_regime_one_and_asks_for_more_temperature() -> None:
    verdict = ThreeRegime().classify(evidence([-0.5, -0.42, -0.61]))
    assert (verdict.regime, verdict.advice) == (Regime.I, Advice.RAISE)
    assert verdict.confidence is not None
    assert verdict.confidence > 0.99


def test_connected_replicas_of_one_temperature_are_regime_two_unresolved() -> None:
    verdict = ThreeRegime().classify(evidence([-0.01, 0.0, -0.015], cka=0.95))
    assert (verdict.regime, verdict.advice) == (Regime.II, Advice.LOWER)
    assert "cannot separate II-A from II-B" in verdict.because[0]


@pytest.mark.parametrize("lmc", [[-0.10, -0.12, -0.11], [-0.3, 0.0, -0.02], [-0.11]])
def test_an_interval_across_the_threshold_abstains(lmc: list[float]) -> None:
    verdict = ThreeRegime().classify(evidence(lmc))
    assert (verdict.regime, verdict.advice) == (Regime.UNRESOLVED, Advice.NONE)
    assert verdict.confidence is not None
    assert verdict.confidence < ThreeRegime().certainty


def test_replicas_that_learned_nothing_show_no_barrier_and_are_not_called_connected() -> None:
    verdict = ThreeRegime().classify(evidence([0.0, 0.001, 0.0], ends=0.88))
    assert verdict.regime is Regime.UNRESOLVED
    assert "have not learned" in verdict.because[0]


@pytest.mark.parametrize(
    ("lmc", "ends", "reason"),
    [
        ([-0.005, 0.0, -0.004], 0.31, "training error of 31.00 %"),
        ([0.02, 0.025, 0.03], 0.05, "the training error falls between replicas"),
    ],
)
def test_replicas_that_still_learn_are_connected_with_no_more_than_a_regime_needs(lmc, ends, reason) -> None:
    verdict = ThreeRegime().classify(evidence(lmc, ends=ends))
    assert (verdict.regime, verdict.confidence) == (Regime.II, ThreeRegime().certainty)
    assert any(f"{reason}: longer retraining can part them" in because for because in verdict.because)


@pytest.mark.parametrize(
    ("lmc", "ends", "options"),
    [
        ([-0.005, 0.0, -0.004], 0.2, {}),
        ([0.008, 0.009, 0.009], 0.05, {}),
        ([-0.6, -0.55, -0.61], 0.31, {}),
        ([-0.005, 0.0, -0.004], 0.31, {"learned": 1.0}),
    ],
)
def test_others_are_as_sure_as_their_barrier_is(lmc, ends, options) -> None:
    verdict = ThreeRegime(**options).classify(evidence(lmc, ends=ends))
    assert verdict.confidence is not None
    assert verdict.confidence > 0.98
    assert not any("still" in because or "part them" in because for because in verdict.because)


def test_cka_relative_to_the_neighbours_separates_two_a_from_two_b() -> None:
    best = evidence([-0.01] * 3, cka=0.966, epochs=80.0)
    poor = evidence([-0.6] * 3, cka=0.99, epochs=160.0)
    here = evidence([-0.01] * 3, cka=0.965, epochs=70.0, neighbours=(best, poor))
    assert ThreeRegime().classify(here).regime is Regime.II_B
    hotter = evidence([-0.01] * 3, cka=0.944, epochs=10.0, neighbours=(best, poor))
    verdict = ThreeRegime().classify(hotter)
    assert (verdict.regime, verdict.advice) == (Regime.II_A, Advice.LOWER)
    colder = evidence([-0.02] * 3, cka=0.956, epochs=100.0, neighbours=(best, poor))
    assert ThreeRegime().classify(colder).advice is Advice.RAISE


def test_learning_is_judged_against_answering_alike_for_all() -> None:
    """90 % of one class: replicas that err on 10 % have learned nothing, and no barrier of 10 % can exist."""
    given = evidence([0.0, 0.001, 0.0], ends=0.1)
    chance = {"errors/train_chance": Reading(0.1, unit="fraction")}
    constant = ThreeRegime().classify(replace(given, readings={**given.readings, **chance}))
    assert (constant.regime, constant.confidence) == (Regime.UNRESOLVED, None)
    assert "have not learned" in constant.because[0]
    better = evidence([0.0, 0.001, 0.0], ends=0.02)
    learned = ThreeRegime().classify(replace(better, readings={**better.readings, **chance}))
    assert learned.regime is Regime.UNRESOLVED
    assert "no barrier of 10 % can exist" in learned.because[0]
    finer = ThreeRegime(epsilon=0.04, epsilon_low=0.03, epsilon_high=0.05)
    assert finer.classify(replace(better, readings={**better.readings, **chance})).regime is Regime.II


def test_pairs_that_share_a_replica_are_not_counted_as_independent() -> None:
    """One odd replica spoils two of three pairs: the bootstrap must be wider than that of independent pairs."""
    values = [-0.3, -0.3, 0.0]
    means = three_regime.bootstrap_means(values, stderr=[0.0] * 3, pair_spread=0.0, draws=20000, seed=0)
    weights = np.random.Generator(np.random.PCG64(1)).dirichlet(np.ones(3), size=20000)
    assert means.std() > 1.1 * (weights @ np.array(values)).std()


def test_the_bootstrap_equals_a_plain_loop_over_replicas() -> None:
    values = [-0.1, -0.3, 0.05, -0.2, 0.0, -0.15]
    means = three_regime.bootstrap_means(values, stderr=[0.0] * 6, pair_spread=0.0, draws=40000, seed=3)
    generator = np.random.Generator(np.random.PCG64(4))
    slow = []
    for _ in range(40000):
        weight = generator.exponential(size=4)
        pairs = [weight[i] * weight[j] for i, j in combinations(range(4), 2)]
        slow.append(np.dot(pairs, values) / sum(pairs))
    assert np.quantile(means, [0.1, 0.5, 0.9]) == pytest.approx(np.quantile(slow, [0.1, 0.5, 0.9]), abs=0.004)


def test_the_standard_error_of_the_pairs_widens_the_interval() -> None:
    means = three_regime.bootstrap_means([-0.1], stderr=[0.03], pair_spread=0.0, draws=50000, seed=0)
    assert means.std() == pytest.approx(0.03, rel=0.02)
    assert means.mean() == pytest.approx(-0.1, abs=0.001)


@pytest.mark.parametrize(("pairs", "quantile"), [(1, 1.8856), (3, 1.8856 / 3**0.5), (6, 1.6377 / 6**0.5)])
def test_the_spread_between_pairs_follows_students_t(pairs: int, quantile: float) -> None:
    """The 90 % quantiles of Student's t with 2 and 3 degrees of freedom are 1.8856 and 1.6377."""
    means = three_regime.bootstrap_means([0.0] * pairs, stderr=[0.0] * pairs, pair_spread=1.0, draws=200_000, seed=0)
    assert np.quantile(means, [0.1, 0.9]) == pytest.approx([-quantile, quantile], rel=0.02)


def test_replicas_that_have_not_learned_are_not_called_connected_but_a_barrier_counts() -> None:
    unlearned = {"errors/train_error": Reading(np.array([0.61, 0.62]), unit="fraction", axes=("replica",))}
    connected, parted = evidence([-0.01] * 3), evidence([-0.4] * 3)
    for found, regime in ((connected, Regime.UNRESOLVED), (parted, Regime.I)):
        both = replace(found, readings={**found.readings, **unlearned})
        assert ThreeRegime().classify(both).regime is regime


def test_replicas_that_are_no_better_than_one_answer_for_all_have_not_learned() -> None:
    rare = {
        "errors/train_error": Reading(np.array([0.095, 0.1]), unit="fraction", axes=("replica",)),
        "errors/train_chance": Reading(np.array([0.1, 0.1]), unit="fraction", axes=("replica",)),
    }
    connected = evidence([-0.01] * 3)
    known = replace(connected, readings={**connected.readings, **rare})
    assert ThreeRegime().classify(known).regime is Regime.UNRESOLVED
    rare["errors/train_chance"] = Reading(np.array([0.5, 0.5]), unit="fraction", axes=("replica",))
    better = replace(connected, readings={**connected.readings, **rare})
    assert ThreeRegime().classify(better).regime is Regime.II


@pytest.mark.parametrize("pairs", [2, 4, 5, 7])
def test_a_count_of_pairs_no_replicas_can_have_is_refused(pairs: int) -> None:
    with pytest.raises(ValueError, match=str(pairs)):
        three_regime.pair_replicas(pairs)


def measured(value: float, stderr: float = 0.0) -> md_tree.TreeReadings:
    """Return a value with its error."""
    return md_tree.TreeReadings(value=value, stderr=stderr)


@pytest.mark.parametrize(
    ("train_error", "trace", "lmc", "too_low", "said", "share"),
    [
        (0.001, 5000.0, None, True, "interpolates", 567 / 581),
        (0.05, 100.0, None, False, "flat", 433 / 468),
        (0.05, 5000.0, None, True, "sharp", 244 / 511),
        (0.001, 5000.0, -0.01, True, "interpolates", 567 / 581),
        (0.05, 5000.0, -0.01, False, "connected", 670 / 707),
        (0.05, 5000.0, -0.2, True, "sharp", 220 / 239),
        (0.05, 100.0, -0.2, False, "flat", 11 / 33),
        (0.05, -3.0, None, False, "not at a minimum", 433 / 468),
    ],
)
def test_every_leaf_of_the_tree_has_its_own_rate(train_error, trace, lmc, too_low, said, share) -> None:
    leaf = md_tree.decide(
        train_error=measured(train_error), trace=measured(trace), lmc=None if lmc is None else measured(lmc)
    )
    assert leaf.too_low is too_low
    assert said in leaf.because
    assert leaf.probability == pytest.approx(share, abs=0.001)
    assert leaf.rate.interval[0] < share < leaf.rate.interval[1]


def test_the_public_rates_are_those_of_the_public_table() -> None:
    namespace = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "md_tree_table.py"))
    basic, noisy = namespace["read_table"]("basic"), namespace["read_table"]("noisy")
    assert len(basic.too_low) == len(noisy.too_low) == 1560
    for level in md_tree.Level:
        for place, rate in namespace["leaf_rates"](basic, level).items():
            assert md_tree.PUBLIC_RATES[level, place] == rate
    published = [namespace["evaluate"](basic, noisy, families=8, seed=seed) for seed in namespace["SEEDS"]]
    assert np.mean(published) == pytest.approx(0.877, abs=0.0005)


@pytest.mark.parametrize("right", range(0, 41, 8))
def test_the_interval_of_a_rate_is_the_set_of_shares_that_are_not_rejected(right: int) -> None:
    low, high = md_tree.Rate(right, 40).interval
    shares = np.linspace(0, 1, 20_001)[1:-1]
    kept = shares[np.abs(right / 40 - shares) <= 1.959964 * np.sqrt(shares * (1 - shares) / 40)]
    assert (low, high) == pytest.approx((kept.min(), kept.max()), abs=2e-4)


def test_a_leaf_that_nobody_reached_has_no_rate() -> None:
    assert np.isnan(md_tree.Rate(0, 0).share)
    assert md_tree.Rate(0, 0).interval == (0.0, 1.0)


def dense_readings(**more: Reading) -> dict[str, Reading]:
    """Return the readings of a sharp dense network that does not interpolate."""
    known = {
        "errors/train_error": Reading(np.array([0.05]), unit="fraction", axes=("replica",)),
        "hessian/trace": Reading(np.array([5000.0]), unit="nat", axes=("replica",)),
    }
    return known | {name.replace("__", "/"): reading for name, reading in more.items()}


def judged(readings: dict[str, Reading], **options: object):
    """Return the verdict of the tree."""
    return MdTree(**options).classify(Evidence(density=1.0, readings=readings))


def test_with_a_straight_line_the_tree_is_the_one_without_connectivity() -> None:
    line = Reading(np.array([-0.01]), unit="fraction", axes=("pair",))
    found, alone = judged(dense_readings(lmc__lmc=line)), judged(dense_readings())
    assert (found.advice, found.confidence) == (alone.advice, alone.confidence) == (Advice.RAISE, 0.477)
    assert any("the straight line always lies below b = -0.0442" in reason for reason in found.because)
    assert any("right in 244 of 511 (48 %, 95 % interval 43 % to 52 %)" in reason for reason in found.because)


def test_b_is_compared_with_the_highest_error_on_the_curve_as_published() -> None:
    ends = Reading(np.array([-0.01]), unit="fraction", axes=("pair",))
    low = Reading(np.array([[0.03, 0.04, 0.03]]), unit="fraction", axes=("pair", "t"))
    high = Reading(np.array([[0.05, 0.06, 0.05]]), unit="fraction", axes=("pair", "t"))
    ends_high = Reading(np.array([[0.06, 0.04, 0.06]]), unit="fraction", axes=("pair", "t"))
    found = [
        judged(dense_readings(bezier__connectivity=ends, bezier__train_error_path=path))
        for path in (low, high, ends_high)
    ]
    assert [one.advice for one in found] == [Advice.LOWER, Advice.RAISE, Advice.LOWER]
    assert [one.confidence for one in found] == [1.0, 0.856, 1.0]
    assert any("highest training error along a trained curve" in reason for reason in found[0].because)


@pytest.mark.parametrize(("error", "majority", "speaks"), [(0.51, None, False), (0.49, None, True), (0.1, 0.1, False)])
def test_the_tree_says_nothing_of_a_network_that_has_not_learned(error, majority, speaks) -> None:
    readings = dense_readings(errors__train_error=Reading(error, unit="fraction"))
    if majority is not None:
        readings["errors/train_chance"] = Reading(majority, unit="fraction")
    found = judged(readings)
    assert (found.advice is not Advice.NONE) is speaks
    assert (found.confidence is not None) is speaks
    assert any("has not learned" in reason for reason in found.because) is not speaks


def test_other_thresholds_have_no_confidence_unless_their_leaves_have_one() -> None:
    assert judged(dense_readings(), log_trace=5.0).confidence is None
    assert judged(dense_readings(), log_trace=5.0, leaves=("alone:sharp:3:4",)).confidence == 0.75
    assert judged(dense_readings(), log_trace=5.0, leaves=("alone:flat:3:4",)).confidence is None
    assert judged(dense_readings(), log_trace=5.0).advice is Advice.RAISE


def test_a_noisy_trace_at_the_threshold_leaves_the_tree_at_a_coin_toss() -> None:
    at_threshold = measured(float(np.exp(md_tree.LOG_TRACE)), stderr=200.0)
    leaf = md_tree.decide(train_error=measured(0.05), trace=at_threshold, lmc=None)
    assert leaf.probability == pytest.approx(0.5, abs=0.01)


def test_the_md_tree_says_which_level_it_used() -> None:
    readings = {
        "errors/train_error": Reading(np.array([0.05]), unit="fraction", stderr=np.array([0.001]), axes=("replica",)),
        "hessian/trace": Reading(np.array([5000.0]), unit="nat", stderr=np.array([50.0]), axes=("replica",)),
    }
    verdict = MdTree().classify(Evidence(density=1.0, readings=readings))
    assert (verdict.regime, verdict.advice) == (None, Advice.RAISE)
    assert any("without connectivity" in reason for reason in verdict.because)


def test_the_md_tree_prefers_the_trained_curve_to_the_straight_line() -> None:
    readings = {
        "errors/train_error": Reading(np.array([0.05]), unit="fraction", stderr=np.array([0.001]), axes=("replica",)),
        "hessian/trace": Reading(np.array([5000.0]), unit="nat", stderr=np.array([50.0]), axes=("replica",)),
        "lmc/lmc": Reading(np.array([-0.3]), unit="fraction", axes=("pair",)),
    }
    straight = MdTree().classify(Evidence(density=1.0, readings=readings))
    readings["bezier/connectivity"] = Reading(np.array([-0.01]), unit="fraction", axes=("pair",))
    bent = MdTree().classify(Evidence(density=1.0, readings=readings))
    assert (straight.advice, bent.advice) == (Advice.RAISE, Advice.LOWER)
    assert any("straight line" in reason for reason in straight.because)
    assert any("trained curve" in reason for reason in bent.because)
