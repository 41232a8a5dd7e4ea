from __future__ import annotations

import pytest
from prunescope_spectrum.budgets import layer_budgets

SIZES = {"a": 1000, "b": 3000, "c": 6000}
ALPHAS = {"a": 2.0, "b": 3.0, "c": 4.0}


def budgets(density, *, alphas=ALPHAS, spread=0.3, floor=0.1):
    return layer_budgets(alphas, SIZES, density, spread=spread, floor=floor)


@pytest.mark.parametrize("density", [0.0, 0.002, 0.05, 0.3, 0.7, 0.999, 1.0])
@pytest.mark.parametrize("spread", [0.0, 0.3, 1.0])
def test_the_total_is_exact_and_no_layer_is_overdrawn(density, spread):
    kept = budgets(density, spread=spread)
    assert sum(kept.values()) == round(density * 10_000)
    assert all(0 <= kept[name] <= SIZES[name] for name in SIZES)


def test_by_hand():
    # w = 0.7, 1, 1.3; eta = 0.5 * 10000 / (700 + 3000 + 7800); pruned shares eta * w
    eta = 5000 / 11500
    wanted = {name: round(SIZES[name] * (1 - eta * w)) for name, w in zip("abc", (0.7, 1.0, 1.3), strict=True)}
    assert budgets(0.5) == pytest.approx(wanted, abs=1)  # the remainders go where they are largest


def test_heavier_tails_keep_more():
    kept = {name: count / SIZES[name] for name, count in budgets(0.1).items()}
    assert kept["a"] > kept["b"] > kept["c"] > 0


@pytest.mark.parametrize("alphas", [dict.fromkeys("abc", 3.0), {"a": 3.0, "b": 3.0, "c": 3.0}])
def test_equal_tails_share_alike(alphas):
    assert budgets(0.2, alphas=alphas) == {"a": 200, "b": 600, "c": 1200}


def test_no_spread_shares_alike():
    assert budgets(0.2, spread=0.0) == {"a": 200, "b": 600, "c": 1200}


def test_no_layer_falls_below_the_floor():
    kept = budgets(0.05, spread=0.5, floor=0.4)
    assert min(kept[name] / SIZES[name] for name in SIZES) == pytest.approx(0.4 * 0.05, abs=1e-3)
    assert sum(kept.values()) == 500
