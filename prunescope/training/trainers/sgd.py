"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.training.trainers import fitting, together
from prunescope.training.trainers.sgd_options import SgdOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import nn

    from prunescope.api import Data, Epoch, Mask, StateKeeper


@dataclass(frozen=True, kw_only=True)
class Sgd(SgdOptions):
    """SGD with momentum. The defaults are the paper's recipe at half its epochs."""

    citations = ("sutskever2013importance",)

    def fit(self, model: nn.Module, data: Data, *, mask: Mask | None = None, seed: int) -> Iterator[Epoch]:
        """Train or retrain with SGD."""
        return self.fit_resumable(model, data, mask=mask, seed=seed, keeper=None)

    def fit_resumable(
        self, model: nn.Module, data: Data, *, mask: Mask | None = None, seed: int, keeper: StateKeeper | None
    ) -> Iterator[Epoch]:
        """Save the state and resume from it."""
        from prunescope.training.gradient import plain

        return fitting.fit_by_options(
            self,
            model,
            data,
            optimizer=fitting.sgd_of(self, model),
            gradient=plain,
            mask=mask,
            seed=seed,
            keeper=keeper,
        )

    def fit_together(
        self, models: Sequence[nn.Module], data: Data, *, masks: Sequence[Mask | None], seeds: Sequence[int]
    ) -> Iterator[tuple[Epoch, ...]]:
        """Train all as one grouped network."""
        return self.fit_together_resumable(models, data, masks=masks, seeds=seeds, keeper=None)

    def fit_together_resumable(
        self,
        models: Sequence[nn.Module],
        data: Data,
        *,
        masks: Sequence[Mask | None],
        seeds: Sequence[int],
        keeper: StateKeeper | None,
    ) -> Iterator[tuple[Epoch, ...]]:
        """Save the state of all and resume from it."""
        from prunescope.training.gradient_together import plain_group

        return together.fit_group(self, models, data, gradient=plain_group, masks=masks, seeds=seeds, keeper=keeper)

    def passes(self, *, train: int) -> float:
        """Every step goes forward and backward once."""
        return fitting.images_sent(self, train=train, per_image=3.0)
