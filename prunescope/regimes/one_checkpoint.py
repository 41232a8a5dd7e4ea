"""What one checkpoint shows of its temperature, without another to compare with.

Two measurements. How much of what the loss of training fell came before the learning rate first dropped: where it had
long stopped by then, and fell with the rate, the noise of the steps was what kept it up, and a colder training gets
below it; where it fell before as after, the steps were too small or too few, and a hotter one gets further. And how
much more the pruned and retrained network loses than the dense one: where that is little, training is the bottleneck,
and not pruning.
"""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.api import Reading

LEAST_EPOCHS = 8
"""A first phase of fewer epochs is too short to be divided into quarters."""

LEAST_LOSS = 0.01
"""Nats that are added to both losses of the damage: a ratio of smaller ones is that of a few images."""

RETRAINED, DENSE = "lmc/train_loss_path", "dense/train_loss"
"""Training loss along the path between replicas, whose ends they are; and of the dense network."""


def measure_progress(losses: Sequence[float], drop: float) -> float | None:
    """Return the share of the fall of the training loss that came before the first drop of its learning rate.

    Formula: b / (|b| + |a|), b = L₂ − L₄, a = L₄ − L_end: mean losses of the second and of the last quarter of the
    epochs before the drop, and of as many epochs at the end of the training; in [−1, 1], 0: it had stopped. The first
    quarter, where every training falls, does not count. The share depends on neither the unit of the loss nor its
    floor: labels that are wrong add the same to all three.
    losses: of every epoch in order. drop: epochs after which the rate first fell. None is returned where these are
    fewer than 8, the training ended less than a quarter of them after the drop, or a loss that counts is not finite.

    >>> measure_progress([1.0] * 12, drop=8), measure_progress([8, 7, 6, 5, 4, 3, 2, 1, 0.5, 0.5], drop=8)
    (0.0, 0.8)
    >>> measure_progress([1.0] * 8, drop=8) is None
    True
    """
    epochs = int(drop)
    quarter = epochs // 4
    if epochs < LEAST_EPOCHS or len(losses) < epochs + quarter:
        return None
    second, last, end = losses[quarter : epochs // 2], losses[epochs - quarter : epochs], losses[-quarter:]
    if not all(math.isfinite(loss) for loss in (*second, *last, *end)):
        return None
    before, after = fmean(second) - fmean(last), fmean(last) - fmean(end)
    return before / (abs(before) + abs(after)) if before or after else 0.0


def measure_damage(retrained: float, dense: float) -> float:
    """Return how much more a pruned and retrained network loses than the dense one, in nats: 0: no more.

    Formula: ln((retrained + 0.01) / (dense + 0.01)); both are losses on the training images, not augmented, in nats.

    >>> round(measure_damage(0.19, 0.09), 2), measure_damage(0.0, 0.0)
    (0.69, 0.0)
    """
    return math.log((retrained + LEAST_LOSS) / (dense + LEAST_LOSS))


def damage_of(readings: Mapping[str, Reading]) -> float | None:
    """Return the damage that readings show; None where a loss of it was not measured or is not finite."""
    if RETRAINED not in readings or DENSE not in readings:
        return None
    path = np.asarray(readings[RETRAINED].value, dtype=np.float64)
    losses = float(path[..., [0, -1]].mean()), float(np.asarray(readings[DENSE].value, dtype=np.float64).mean())
    return measure_damage(*losses) if all(math.isfinite(loss) for loss in losses) else None
