"""MixUp by timm, with random numbers of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from timm.data.mixup import Mixup

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def mixer(
    *, alpha: float, num_classes: int, label_smoothing: float, seed: int
) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return a function that mixes a batch with its reverse: (images, labels) -> (images, soft targets).

    x = lam * x + (1 - lam) * reverse(x), the targets alike, with lam ~ Beta(alpha, alpha) drawn once per batch (Zhang
    et al. 2018, equation 1). Label smoothing is part of the soft targets. timm mixes even batches only: the last image
    of an odd one is left out. timm draws from numpy's global generator: that one is lent our state for the moment of
    the draw, and gets its own back.
    """
    mix = Mixup(mixup_alpha=alpha, num_classes=num_classes, label_smoothing=label_smoothing)  # type: ignore[no-untyped-call]
    ours = np.random.RandomState(seed % 2**32).get_state()

    def mixed(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal ours
        if not images.is_floating_point():
            raise UsageError(f"MixUp averages inputs, got {images.dtype}: token ids have no average", fix="use mixup 0")
        even = len(images) // 2 * 2
        theirs = np.random.get_state()  # noqa: NPY002 - what timm draws from
        np.random.set_state(ours)  # noqa: NPY002
        try:
            soft: tuple[Tensor, Tensor] = mix(images[:even].clone(), labels[:even])
            ours = np.random.get_state()  # noqa: NPY002
        finally:
            np.random.set_state(theirs)  # noqa: NPY002
        return soft

    return mixed
