"""What an optimiser step does to a network under training: one model, or K of them as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from prunescope.training.optimizers import restore_optimizer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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

    def state(self) -> dict[str, Any]:
        """Return everything that the steps so far have changed, on the CPU."""
        return {
            "net": {name: tensor.detach().cpu().clone() for name, tensor in self.net.state_dict().items()},
            "optimizer": self.optimizer.state_dict(),
            "average": None if self.average is None else [tensor.cpu().clone() for tensor in self.average.average],
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on from what `state` returned; every tensor of the network keeps its place."""
        self.net.load_state_dict(saved["net"])
        restore_optimizer(self.optimizer, saved["optimizer"])
        if self.average is not None:
            torch._foreach_copy_(self.average.average, saved["average"])

    def step(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step; return each model's mean loss and its sum of errors, (K,)."""
        found = self.gradient(images, targets)
        self.optimizer.step()
        if self.average is not None:
            self.average.update()
        self.hold()
        return found
