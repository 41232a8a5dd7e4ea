"""The three-regime rule and the md-tree against hand-made evidence and the published grid."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from prunescope.api import Advice, Evidence, Reading, Regime
from prunescope.builtin.rules import MdTree, ThreeRegime
from prunescope.regime import md_tree, three_regime


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


@pytest.mark.parametrize("pairs", [2, 4, 5, 7])
def test_a_count_of_pairs_no_replicas_can_have_is_refused(pairs: int) -> None:
    with pytest.raises(ValueError, match=str(pairs)):
        three_regime.pair_replicas(pairs)


def measured(value: float, stderr: float = 0.0) -> md_tree.Measured:
    """Return a value with its error."""
    return md_tree.Measured(value=value, stderr=stderr)


@pytest.mark.parametrize(
    ("train_error", "trace", "lmc", "too_low", "said"),
    [
        (0.001, 5000.0, None, True, "interpolates"),
        (0.05, 100.0, None, False, "flat"),
        (0.05, 5000.0, None, True, "sharp"),
        (0.05, 5000.0, -0.01, False, "connected"),
        (0.05, 5000.0, -0.2, True, "sharp"),
        (0.05, 100.0, -0.2, False, "flat"),
        (0.05, -3.0, None, False, "not at a minimum"),
    ],
)
def test_every_leaf_of_the_tree(train_error, trace, lmc, too_low, said) -> None:
    leaf = md_tree.decide(
        train_error=measured(train_error), trace=measured(trace), lmc=None if lmc is None else measured(lmc)
    )
    assert leaf.too_low is too_low
    assert said in leaf.because
    assert leaf.probability == (md_tree.ACCURACY_WITHOUT if lmc is None else md_tree.ACCURACY_WITH_CONNECTIVITY)


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
