"""What an optimiser step does to a network under training: one model, or K of them as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn
    from torch.optim import Optimizer

    from prunescope.training.averaging import Average


@dataclass(frozen=True, kw_only=True)
class StepWork:
    """A network under training."""

    net: nn.Module
    gradient: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    """(images, targets) -> each model's mean loss and its sum of errors, (K,); fills `.grad`."""
    optimizer: Optimizer
    hold: Callable[[], None]
    """Zeroes the masked weights."""
    average: Average | None = None

    def step(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step; return each model's mean loss and its sum of errors, (K,)."""
        found = self.gradient(images, targets)
        self.optimizer.step()
        if self.average is not None:
            self.average.update()
        self.hold()
        return found
