"""Re-estimation of BatchNorm's running statistics, as weight averaging and mode connectivity need it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from prunescope.api.errors import UsageError
from prunescope.api.progress import add_passes
from prunescope.landscape.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from prunescope.api import Split


def layers(model: nn.Module) -> list[_BatchNorm]:
    """Return the BatchNorm layers that keep running statistics, in model order.

    >>> from torch import nn
    >>> len(layers(nn.Sequential(nn.BatchNorm1d(2), nn.GroupNorm(1, 2), nn.BatchNorm1d(2, track_running_stats=False))))
    1
    """
    return [m for m in model.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]


@contextmanager
def _reset(norms: list[_BatchNorm]) -> Iterator[None]:
    """Reset `norms` and let them follow the batches they get; momentum and mode come back at the end."""
    before = [(norm, norm.momentum, norm.training) for norm in norms]
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.training = True
        yield
    finally:
        for norm, momentum, mode in before:
            norm.momentum = momentum
            norm.training = mode


def re_estimate(model: nn.Module, split: Split, *, batch_size: int, limit: int | None = None) -> None:
    """Replace the running statistics of every BatchNorm layer of `model` by those of `split`, in place.

    Formula: running mean = Σ_b n_b μ_b / Σ_b n_b and running variance = Σ_b n_b σ²_b / Σ_b n_b over the batches, where
    σ²_b is unbiased and n_b is the number of images: a short last batch weighs less than the others. One pass over the
    un-augmented images in fixed order. The batch size is part of the definition.
    Source: Izmailov et al. 2018 (SWA), section 3.2, and the public code (`bn_update`: momentum n_b / Σ n); Zhou et al.
    2023, appendix, for linear mode connectivity.

    BatchNorm layers alone are in train mode: dropout and stochastic depth stay off, so that the result is repeatable.
    A last batch of one image is left out: BatchNorm has no variance for it. A model without BatchNorm is left alone at
    no cost.

    Raises UsageError when no batch of two images or more remains.
    """
    norms = layers(model)
    if not norms:
        return
    seen = 0
    with guarded([model]), _reset(norms):
        for images, _ in split.batches(batch_size, limit=limit):
            if len(images) > 1:
                seen += len(images)
                for norm in norms:
                    norm.momentum = len(images) / seen
                with torch.inference_mode():
                    model(images)
                add_passes(len(images))
    if not seen:
        raise UsageError(
            f"BatchNorm cannot be re-estimated from batches of one image (batch size {batch_size})",
            fix="use a batch size of 2 or more and at least two images",
        )
