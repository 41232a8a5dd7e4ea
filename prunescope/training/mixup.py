"""MixUp by timm, with random numbers of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from timm.data.mixup import Mixup

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def mixer(*, alpha: float, num_classes: int, label_smoothing: float, seed: int) -> Mixer:
    """Return what mixes a batch with its reverse: (images, labels) -> (images, soft targets).

    x = lam * x + (1 - lam) * reverse(x), the targets alike, with lam ~ Beta(alpha, alpha) drawn once per batch (Zhang
    et al. 2018, equation 1). Label smoothing is part of the soft targets. timm mixes even batches only: the last image
    of an odd one is left out. timm draws from numpy's global generator: that one is lent our state for the moment of
    the draw, and gets its own back.
    """
    mix = Mixup(mixup_alpha=alpha, num_classes=num_classes, label_smoothing=label_smoothing)  # type: ignore[no-untyped-call]
    return Mixer(mix=mix, random=np.random.RandomState(seed % 2**32).get_state())


@dataclass(kw_only=True)
class Mixer:
    """Mixes batches, one after the other."""

    mix: Mixup
    random: Any
    """The state of its random numbers, as numpy has it."""

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mixed images of the next batch and their soft targets."""
        if not images.is_floating_point():
            raise UsageError(f"MixUp averages inputs, got {images.dtype}: token ids have no average", fix="use mixup 0")
        even = len(images) // 2 * 2
        theirs = np.random.get_state()  # noqa: NPY002 - what timm draws from
        np.random.set_state(self.random)  # noqa: NPY002
        try:
            soft: tuple[Tensor, Tensor] = self.mix(images[:even].clone(), labels[:even])
            self.random = np.random.get_state()  # noqa: NPY002
        finally:
            np.random.set_state(theirs)  # noqa: NPY002
        return soft


def list_state(state: Any) -> list[Any]:  # noqa: ANN401 - numpy's
    """Return the state of numpy's random numbers as a list of a tensor, numbers and a text."""
    name, keys, *rest = state
    return [name, torch.from_numpy(keys.astype(np.int64)), *rest]


def numpy_state(saved: Sequence[Any]) -> tuple[Any, ...]:
    """Return what `list_state` was made of."""
    name, keys, *rest = saved
    return (name, keys.numpy().astype(np.uint32), *rest)


@dataclass(frozen=True, kw_only=True)
class Mixing:
    """The same for K models at once, where the images are: the random numbers of an epoch are drawn before it."""

    draws: Sequence[np.random.RandomState]
    """Of each model, as the seed of its mixer makes it."""
    alpha: float
    classes: int
    smoothing: float
    weights: Tensor
    """float32 (2, steps, K): lam, and 1 - lam."""

    def draw(self) -> Tensor:
        """Draw the weights of every batch of the next epoch, as timm does for each, on the host."""
        _, steps, models = self.weights.shape
        drawn = np.array([[self._lam(draw) for draw in self.draws] for _ in range(steps)]).reshape(steps, models)
        return torch.from_numpy(np.stack([drawn, 1.0 - drawn]))

    def _lam(self, draw: np.random.RandomState) -> float:
        draw.random_sample()  # timm's: whether this batch is mixed, which every batch is
        return float(draw.beta(self.alpha, self.alpha))

    def state(self) -> list[Any]:
        """Return the state of the random numbers of each model."""
        return [list_state(draw.get_state()) for draw in self.draws]

    def restore(self, saved: Sequence[Any]) -> None:
        """Go on with the random numbers that `state` returned."""
        for draw, one in zip(self.draws, saved, strict=True):
            draw.set_state(numpy_state(one))

    def mix(self, images: Tensor, labels: Tensor, position: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mixed images and their soft targets, (batch, K, classes).

        images: (batch, height, width, K, channels), overwritten; labels: (batch, K); position: int64 (1,), the batch.
        """
        mine, other = self.weights.index_select(1, position)[:, 0, :, None]
        mixed = images.flip(0).mul_(other)
        return images.mul_(mine).add_(mixed), self._soft(labels) * mine + self._soft(labels.flip(0)) * other

    def _soft(self, labels: Tensor) -> Tensor:
        off = self.smoothing / self.classes
        soft = torch.full((*labels.shape, self.classes), off, device=labels.device)
        return soft.scatter_(2, labels[..., None], 1.0 - self.smoothing + off)
