"""SGD with a learning rate that restarts in cycles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Option
from prunescope.training.trainers import fitting
from prunescope.training.trainers.options import ScheduleShape
from prunescope.training.trainers.sgd_options import SgdOptions

if TYPE_CHECKING:
    from prunescope.api import Mask
    from prunescope.training.trainers.step_gradients import StepGradients


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

    def gradients(self, mask: Mask | None) -> StepGradients:  # noqa: ARG002 - see SgdOptions
        """Return those of the loss."""
        from prunescope.training.trainers.step_gradients import plain_gradients

        return plain_gradients()

    def passes(self, *, train: int) -> float:
        """Every step goes forward and backward once."""
        return fitting.images_sent(self, train=train, per_image=3.0)
