"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.training.trainers import fitting
from prunescope.training.trainers.sgd_options import SgdOptions

if TYPE_CHECKING:
    from prunescope.api import Mask
    from prunescope.training.trainers.step_gradients import StepGradients


@dataclass(frozen=True, kw_only=True)
class Sgd(SgdOptions):
    """SGD with momentum. The defaults are the paper's recipe at half its epochs."""

    citations = ("sutskever2013importance",)

    def gradients(self, mask: Mask | None) -> StepGradients:  # noqa: ARG002 - see SgdOptions
        """Return those of the loss."""
        from prunescope.training.trainers.step_gradients import plain_gradients

        return plain_gradients()

    def passes(self, *, train: int) -> float:
        """Every step goes forward and backward once."""
        return fitting.images_sent(self, train=train, per_image=3.0)
