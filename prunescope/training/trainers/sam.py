"""Sharpness-aware minimisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Option
from prunescope.training.trainers import fitting
from prunescope.training.trainers.sgd_options import SgdOptions

if TYPE_CHECKING:
    from prunescope.api import Mask
    from prunescope.training.trainers.step_gradients import StepGradients


@dataclass(frozen=True, kw_only=True)
class Sam(SgdOptions):
    """Sharpness-aware minimisation. SGD with the gradient at the worst nearby point (Foret 2021)."""

    rho: Annotated[float, Option("radius of the neighbourhood", minimum=0)] = 0.05
    adaptive: Annotated[bool, Option("scale the neighbourhood with each weight (Kwon 2021)")] = False

    citations = ("foret2021sharpness", "kwon2021asam")

    def gradients(self, mask: Mask | None) -> StepGradients:
        """Return those at the worst nearby point."""
        from functools import partial

        from prunescope.training.gradient import sharpness_aware
        from prunescope.training.gradient_together import sharpness_aware_group
        from prunescope.training.trainers.step_gradients import StepGradients

        return StepGradients(
            alone=partial(sharpness_aware, rho=self.rho, adaptive=self.adaptive, mask=mask),
            grouped=partial(sharpness_aware_group, rho=self.rho, adaptive=self.adaptive),
        )

    def passes(self, *, train: int) -> float:
        """Every step goes forward and backward twice."""
        return fitting.images_sent(self, train=train, per_image=6.0)
