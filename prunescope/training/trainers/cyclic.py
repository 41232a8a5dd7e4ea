"""SGD with a learning rate that restarts in cycles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Option
from prunescope.training.trainers import fitting, together
from prunescope.training.trainers.options import ScheduleShape
from prunescope.training.trainers.sgd_options import SgdOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import nn

    from prunescope.api import Data, Epoch, Mask, StateKeeper


@dataclass(frozen=True, kw_only=True)
class Cyclic(SgdOptions):
    """SGD in cycles, each ending at another temperature. One run gives all of them (Portes 2022)."""

    schedule: ScheduleShape = "cosine"
    cycles: Annotated[int, Option("number of cycles", minimum=1)] = 4
    factor: Annotated[float, Option("ratio of the end of a cycle to the end of the one before", minimum=1)] = 2.0

    citations = ("portes2022fast", "loshchilov2017sgdr")

    def stages(self) -> tuple[int, ...]:
        """Return the ends of the cycles."""
        from prunescope.training.cycles import cycle_ends

        return cycle_ends(self.epochs, cycles=self.cycles, factor=self.factor)

    def fit(self, model: nn.Module, data: Data, *, mask: Mask | None = None, seed: int) -> Iterator[Epoch]:
        """Train or retrain in cycles."""
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
