"""The weights of signals beside each other, fitted to resolved cells of studies; and the same for studies left out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from prunescope.regimes.log_odds import probability

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PRIOR_SPREAD = 0.5
"""Standard deviation of a weight around its prior."""


@dataclass(frozen=True, kw_only=True)
class FittedCase:
    """One resolved cell of a study: the better side is known."""

    study: str
    log_odds: Mapping[str, float]
    """Of every signal that was measured there."""
    hotter: bool


def fit_weights(
    cases: Sequence[FittedCase], *, prior: Mapping[frozenset[str], Mapping[str, float]]
) -> dict[frozenset[str], dict[str, float]]:
    """Return the weights of every set of signals in the prior, from the cases in which all of them are known.

    Formula: minimise Σ v ln(1 + exp(−y w·ℓ)) + Σ (w − w₀)² / (2 · 0.5²), w ≥ 0, y = ±1: logistic regression without an
    intercept, so that hotter and colder are treated alike; and both sides have as much weight v together, 1 for a case
    of the rarer one, since how often a side is the better one is a property of the studies and not of a signal. Sets
    without a case keep their prior. A signal in a set of one is fitted too: its log-odds may be too bold.
    """
    return {names: _fit_weights(cases, names, prior[names]) for names in prior}


def held_out(cases: Sequence[FittedCase], *, prior: Mapping[frozenset[str], Mapping[str, float]]) -> list[float]:
    """Return for every case the probability of hotter by weights fitted to the other studies.

    All signals of a case that the prior has together are used.
    """
    fitted = {
        study: fit_weights([case for case in cases if case.study != study], prior=prior)
        for study in sorted({case.study for case in cases})
    }
    found = []
    for case in cases:
        names = _largest(case, prior)
        weights = fitted[case.study][names]
        found.append(probability(sum(weights[name] * case.log_odds[name] for name in sorted(names))))
    return found


def _largest(case: FittedCase, prior: Mapping[frozenset[str], Mapping[str, float]]) -> frozenset[str]:
    known = sorted(case.log_odds)
    sets = (frozenset(names) for size in range(len(known), 0, -1) for names in combinations(known, size))
    return next(names for names in sets if names in prior)


def _fit_weights(cases: Sequence[FittedCase], names: frozenset[str], prior: Mapping[str, float]) -> dict[str, float]:
    from scipy.optimize import minimize

    order = sorted(names)
    kept = [case for case in cases if names <= case.log_odds.keys()]
    start = np.array([prior[name] for name in order])
    if not kept:
        return dict(zip(order, start.tolist(), strict=True))
    shares = _weigh_sides([case.hotter for case in kept])
    signed = np.array([[case.log_odds[name] * (1 if case.hotter else -1) for name in order] for case in kept])

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margins = signed @ weights
        away = (weights - start) / PRIOR_SPREAD**2
        value = shares @ np.logaddexp(0, -margins) + (away * (weights - start)).sum() / 2
        return float(value), away - signed.T @ (shares / (1 + np.exp(margins)))

    result = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(order))
    return dict(zip(order, np.round(result.x, 4).tolist(), strict=True))


def _weigh_sides(hotter: Sequence[bool]) -> np.ndarray:
    """Return the weight of every case: 1 on the rarer side, as much in all on the other; 1 where there is one side."""
    side = np.array(hotter)
    counts = np.array([(~side).sum(), side.sum()])
    return np.ones(len(side)) if not counts.all() else counts.min() / counts[side.astype(np.int64)]
