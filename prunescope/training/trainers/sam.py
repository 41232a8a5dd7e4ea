"""Sharpness-aware minimisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Option
from prunescope.training.trainers import fitting, together
from prunescope.training.trainers.sgd_options import SgdOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import nn

    from prunescope.api import Data, Epoch, Mask, StateKeeper


@dataclass(frozen=True, kw_only=True)
class Sam(SgdOptions):
    """Sharpness-aware minimisation. SGD with the gradient at the worst nearby point (Foret 2021)."""

    rho: Annotated[float, Option("radius of the neighbourhood", minimum=0)] = 0.05
    adaptive: Annotated[bool, Option("scale the neighbourhood with each weight (Kwon 2021)")] = False

    citations = ("foret2021sharpness", "kwon2021asam")

    def fit(self, model: nn.Module, data: Data, *, mask: Mask | None = None, seed: int) -> Iterator[Epoch]:
        """Train or retrain with SAM."""
        return self.fit_resumable(model, data, mask=mask, seed=seed, keeper=None)

    def fit_resumable(
        self, model: nn.Module, data: Data, *, mask: Mask | None = None, seed: int, keeper: StateKeeper | None
    ) -> Iterator[Epoch]:
        """Save the state and resume from it."""
        from functools import partial

        from prunescope.training.gradient import sharpness_aware

        gradient = partial(sharpness_aware, rho=self.rho, adaptive=self.adaptive, mask=mask)
        return fitting.fit_by_options(
            self,
            model,
            data,
            optimizer=fitting.sgd_of(self, model),
            gradient=gradient,
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
        from functools import partial

        from prunescope.training.gradient_together import sharpness_aware_group

        gradient = partial(sharpness_aware_group, rho=self.rho, adaptive=self.adaptive)
        return together.fit_group(self, models, data, gradient=gradient, masks=masks, seeds=seeds, keeper=keeper)

    def passes(self, *, train: int) -> float:
        """Every step goes forward and backward twice."""
        return fitting.images_sent(self, train=train, per_image=6.0)
