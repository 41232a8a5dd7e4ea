"""AlphaPruning's layer budgets: layers with heavy tails are well trained and keep more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prunescope.networks import masks

if TYPE_CHECKING:
    from collections.abc import Mapping

HALVINGS = 100
"""Of the interval that holds the common factor: more than float64 can tell apart."""


LEAST = 1e-6
"""Of w: with spread 1 the layer of the heaviest tail is pruned last, but it is pruned where all others are empty."""


def layer_budgets(
    alphas: Mapping[str, float], sizes: Mapping[str, int], density: float, *, spread: float, floor: float
) -> dict[str, int]:
    """Return how many weights each layer keeps, round(density * n) in all.

    Each layer is pruned by a share s_l = eta * w_l, with w_l linear in alpha_l from 1 - spread for the smallest alpha
    to 1 + spread for the largest, and eta such that sum s_l n_l = (1 - density) n (Lu et al. 2024, section 3.3 and
    equation 4, in the form of the authors' code). The paper stays where no s_l exceeds 1; here s_l ends at
    1 - floor * density, and eta makes up for it. All alphas alike: the same density everywhere.

    spread: in [0, 1]; floor: least density of a layer over the density of all, in [0, 1].

    >>> layer_budgets({"a": 2.0, "b": 6.0}, {"a": 100, "b": 100}, 0.5, spread=0.4, floor=0.1)
    {'a': 70, 'b': 30}
    """
    names = list(alphas)
    alpha, size = np.array([alphas[name] for name in names]), np.array([sizes[name] for name in names])
    span = alpha.max() - alpha.min()
    place = (alpha - alpha.min()) / span if span else np.full(len(alpha), 0.5)
    weight = np.maximum(1 - spread + 2 * spread * place, LEAST)
    wanted = masks.total(sizes, density)
    kept = 1 - _pruned(weight, size, float(size.sum() - wanted), highest=1 - floor * density)
    shares = kept * size
    return masks.apportion({name: float(share) for name, share in zip(names, shares, strict=True)}, wanted)


def _pruned(weight: np.ndarray, size: np.ndarray, wanted: float, *, highest: float) -> np.ndarray:
    """Return min(eta * weight, highest) with the eta for which it prunes `wanted` weights."""
    low, high = 0.0, 1 / weight.min()
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if (np.minimum(middle * weight, highest) * size).sum() < wanted:
            low = middle
        else:
            high = middle
    return np.asarray(np.minimum(high * weight, highest))
