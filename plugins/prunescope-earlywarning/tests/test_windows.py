from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from prunescope_earlywarning import early_warning, spread_of_replicas
from prunescope_earlywarning.indicators import fluctuations, kendall, rolling
from prunescope_earlywarning.surrogates import surrogates

from prunescope.api.errors import EvidenceError, UsageError


def fold(count, *, places=500):
    """Simulate dx = (p − x²) dt + σ dW while p falls to the fold at 0: the rate of recovery is 2 √p."""
    draw, state, found = np.random.default_rng(0), np.ones(count), []
    for p in np.linspace(1.0, 0.03, places):
        for _ in range(5):
            state = np.maximum(state + 0.1 * (p - state**2) + 0.03 * 0.1**0.5 * draw.standard_normal(count), -1)
        found.append(state.copy())
    return np.array(found).T


def autoregressive(count, phi, *, places, seed=1):
    draw, state, found = np.random.default_rng(seed), np.zeros(count), []
    for _ in range(places):
        state = phi * state + draw.standard_normal(count)
        found.append(state.copy())
    return np.array(found).T


def judged(series, **options):
    return [early_warning(each, count=60, seed=number, **options) for number, each in enumerate(series)]


def share(found, verdict):
    return np.mean([each.verdict == verdict for each in found])


def test_a_fold_is_detected_in_a_good_share_of_series():
    found = judged(fold(20))
    assert share(found, "slowing down") >= 0.2  # 0.42 of 24 series with 100 surrogates each
    assert np.mean([each.variance.tau for each in found]) > 0.4
    assert np.mean([each.autocorrelation.tau for each in found]) > 0.3


@pytest.mark.parametrize("null", ["ar1", "phase"])
@pytest.mark.parametrize("phi", [0.0, 0.6])
def test_noise_gives_about_as_many_false_alarms_as_the_level_says(null, phi):
    found = judged(autoregressive(60, phi, places=80), null=null)
    assert share(found, "slowing down") <= 0.05
    for p_values in ([e.variance.p_value for e in found], [e.autocorrelation.p_value for e in found]):
        assert np.mean(np.array(p_values) <= 0.05) <= 0.15  # nominal 0.05; P(> 9 of 60) < 0.001
        assert 0.3 < np.mean(p_values) < 0.7


@pytest.mark.parametrize("at", [0.5, 0.7, 0.95])
def test_a_step_without_slowing_down_is_no_warning(at):
    places = 150
    series = autoregressive(25, 0.3, places=places) + 8.0 * (np.arange(places) > at * places)
    assert share(judged(series), "slowing down") <= 0.08


def test_noise_that_grows_is_told_from_slowing_down():
    found = judged(autoregressive(20, 0.3, places=200) * np.linspace(1, 3, 200))
    assert share(found, "variance alone") >= 0.7
    assert share(found, "slowing down") <= 0.1


def test_kendalls_tau_is_that_of_all_pairs():
    draw = np.random.default_rng(0)
    rows = draw.integers(0, 6, (5, 12)).astype(float)
    wanted = [sum(np.sign(b - a) for a, b in combinations(row, 2)) / 66 for row in rows]
    assert kendall(rows).tolist() == pytest.approx(wanted)
    with pytest.raises(EvidenceError, match="no trend"):
        kendall(np.zeros((1, 1)))


def test_rolling_statistics_are_those_of_every_window():
    rows = np.random.default_rng(0).standard_normal((3, 40)) + 5
    variance, correlation = rolling(rows, window=15)
    for row, (found, along) in zip(rows, zip(variance, correlation, strict=True), strict=True):
        for start in range(26):
            part = row[start : start + 15]
            away = part - part.mean()
            assert found[start] == pytest.approx(part.var(ddof=1))
            assert along[start] == pytest.approx((away[1:] * away[:-1]).sum() / (away**2).sum())
    assert rolling(np.ones((1, 10)), window=4)[1].tolist() == [[0.0] * 7]


def test_the_running_median_is_that_of_every_window_and_follows_a_jump():
    row = np.random.default_rng(0).standard_normal(20)
    found = fluctuations(row[None], bandwidth=5)[0]
    wanted = [row[i] - np.median(row[max(0, i - 2) : i + 3]) for i in range(20)]
    assert found.tolist() == pytest.approx(wanted)
    with pytest.raises(UsageError, match="bandwidth"):
        fluctuations(np.zeros((1, 3)), bandwidth=5)


def test_surrogates_keep_what_they_promise():
    series = autoregressive(1, 0.7, places=400)[0]
    made = surrogates(series, count=200, null="ar1", seed=0)
    away = made - made.mean(1, keepdims=True)
    correlation = (away[:, 1:] * away[:, :-1]).sum(1) / (away**2).sum(1)
    own = series - series.mean()
    assert correlation.mean() == pytest.approx((own[1:] * own[:-1]).sum() / (own**2).sum(), abs=0.03)
    assert made.var(1).mean() == pytest.approx(series.var(), rel=0.15)
    turned = surrogates(series[:-1], count=3, null="phase", seed=0)
    wanted = np.abs(np.fft.rfft(series[:-1] - series[:-1].mean()))
    assert np.allclose(np.abs(np.fft.rfft(turned)), wanted)
    assert not np.allclose(turned[0], turned[1])
    assert np.array_equal(turned, surrogates(series[:-1], count=3, null="phase", seed=0))


def test_the_spread_of_replicas_rises_or_does_not():
    draw = np.random.default_rng(0)
    growing = [[(draw.standard_normal(6) * scale).tolist() for scale in (1, 1.7, 2.9, 4.9, 8.4)] for _ in range(20)]
    level = [[draw.standard_normal(6).tolist() for _ in range(5)] for _ in range(40)]
    assert np.mean([spread_of_replicas(each, count=300).rises for each in growing]) > 0.6
    assert np.mean([spread_of_replicas(each, count=300).rises for each in level]) < 0.15


def test_too_little_and_wrong_input_is_refused():
    with pytest.raises(EvidenceError, match="19 points"):
        early_warning(range(19))
    with pytest.raises(EvidenceError, match="does not fluctuate"):
        early_warning([1.0] * 30)
    with pytest.raises(UsageError, match="not finite"):
        early_warning([*range(30), float("nan")])
    with pytest.raises(UsageError, match="window"):
        early_warning(range(30), window=1.0)
    with pytest.raises(UsageError, match="surrogates"):
        early_warning(range(30), count=0)
    with pytest.raises(EvidenceError, match="3 points have two values or more, wanted 4"):
        spread_of_replicas([[1.0, 2.0]] * 3 + [[1.0]])
