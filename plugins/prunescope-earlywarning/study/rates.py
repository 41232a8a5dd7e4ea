"""How often early warnings are right: simulated folds, noise, steps and growing noise, 24 series of 500 places each."""

from __future__ import annotations

import numpy as np
from prunescope_earlywarning import early_warning

SERIES, PLACES, SURROGATES = 24, 500, 100


def fold() -> np.ndarray:
    """Simulate dx = (p − x²) dt + σ dW while p falls from 1 to 0.03: the rate of recovery is 2 √p."""
    draw, state, found = np.random.default_rng(0), np.ones(SERIES), []
    for p in np.linspace(1.0, 0.03, PLACES):
        for _ in range(5):
            state = np.maximum(state + 0.1 * (p - state**2) + 0.03 * 0.1**0.5 * draw.standard_normal(SERIES), -1)
        found.append(state.copy())
    return np.array(found).T


def autoregressive(phi: float) -> np.ndarray:
    """Simulate x ← φ x + ε."""
    draw, state, found = np.random.default_rng(1), np.zeros(SERIES), []
    for _ in range(PLACES):
        state = phi * state + draw.standard_normal(SERIES)
        found.append(state.copy())
    return np.array(found).T


def main() -> None:
    """Print the table of docs/plugins/earlywarning.md."""
    ramp = np.arange(PLACES) / PLACES
    cases = {
        "a fold, approached linearly": fold(),
        "autoregressive noise (0.7)": autoregressive(0.7),
        "noise with a step": autoregressive(0.3) + 8 * (ramp > 0.7),
        "noise that grows threefold": autoregressive(0.3) * (1 + 2 * ramp),
    }
    print(f"| {PLACES} places | variance rises | autocorrelation rises | slowing down |\n| --- | --- | --- | --- |")
    for name, series in cases.items():
        found = [early_warning(each, count=SURROGATES, seed=number) for number, each in enumerate(series)]
        rates = [
            np.mean([one.variance.p_value <= 0.05 for one in found]),
            np.mean([one.autocorrelation.p_value <= 0.05 for one in found]),
            np.mean([one.verdict == "slowing down" for one in found]),
        ]
        print(f"| {name} | {' | '.join(f'{rate:.0%}' for rate in rates)} |", flush=True)


if __name__ == "__main__":
    main()
