"""Erdős–Rényi–Kernel: an allocation that keeps small layers denser than large ones."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from prunescope.networks.masks import apportion, total

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def erdos_renyi_kernel(shapes: Mapping[str, Sequence[int]], density: float) -> dict[str, int]:
    """Return how many weights every tensor keeps: round(density · n) in all.

    Formula: density_l = min(1, ε · Σ_i d_i / Π_i d_i) for a tensor of the shape d: (outputs, inputs, height, width) of
    a convolution, (outputs, inputs) of a linear layer. ε is such that the kept weights sum to density · n: layers that
    would be more than dense are dense, and the others share what is left. Counts are rounded by largest remainders.
    Source: Mocanu et al. 2018 (SET, linear layers); Evci et al. 2020 (RigL), section 3 (1), for kernels.
    Unit: weights.

    Raises:
        UsageError: `density` lies outside [0, 1].

    >>> erdos_renyi_kernel({"a": (4, 2, 3, 3), "b": (8, 4, 3, 3)}, 0.25)
    {'a': 36, 'b': 54}
    """
    sizes = {name: prod(shape) for name, shape in shapes.items()}
    wanted = total(sizes, density)
    dense: set[str] = set()
    while True:
        open_weights = sum(sum(shape) for name, shape in shapes.items() if name not in dense)
        left = density * sum(sizes.values()) - sum(sizes[name] for name in dense)
        scale = left / open_weights if open_weights else 0.0
        full = {name for name, shape in shapes.items() if name not in dense and scale * sum(shape) >= sizes[name]}
        if not full:
            break
        dense |= full
    shares = {name: sizes[name] if name in dense else max(0.0, scale * sum(shape)) for name, shape in shapes.items()}
    return apportion(shares, wanted)
