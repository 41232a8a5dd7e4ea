"""Numbers for each example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from prunescope.api import Objective
from prunescope.api.errors import UsageError
from prunescope.data.objectives.checks import check_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Regression(Objective):
    """Numbers for each example: squared error, and the share of the targets' variance that is left, at most 1.

    Formula: loss mean_d (ŷ_d − y_d)²; error min(1, mean_d (ŷ_d − y_d)² / σ²_d) with the variance σ²_d of the training
    targets. Without the limit the mean error over examples is the fraction of variance that is not explained, 1 − R²;
    the limit holds every error in [0, 1], so that an outlier counts as one wrong example and no more. A network that
    always returns the mean has an error of 0.52 on normal targets, not 1 (`chance` computes it).
    Shapes: outputs and targets (batch, ...) of equal numbers for each example, (batch,) and (batch, 1) alike.
    Unit: that of the targets, squared; fraction. NaN: where an output is.

    >>> import torch
    >>> objective = Regression.of(torch.tensor([0.0, 2.0]))
    >>> outputs, targets = torch.tensor([[0.5], [7.0]]), torch.tensor([0.0, 2.0])
    >>> objective.losses(outputs, targets), objective.errors(outputs, targets)
    (tensor([ 0.2500, 25.0000]), tensor([0.2500, 1.0000]))
    """

    variance: tuple[float, ...]
    """Of the training targets: one for each number of an example, or one for all."""

    loss_name = "squared error"
    loss_unit = "target^2"
    error_names: ClassVar[Mapping[str, str]] = {"error": "squared error / variance of the targets, at most 1"}

    @staticmethod
    def of(targets: Tensor) -> Regression:
        """Return the objective for these training targets, (n,) or (n, numbers); UsageError where one is constant."""
        found = tuple(targets.double().reshape(len(targets), -1).var(0, correction=0).tolist())
        if not all(value > 0 for value in found):
            raise UsageError(
                f"target {found.index(min(found))} has the variance {min(found):g}: an error is a share of it",
                fix="leave out targets that are the same for all examples",
            )
        return Regression(variance=found)

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean squared error of each example."""
        return _squares(outputs, targets).mean(1)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the squared error as a share of the targets' variance, at most 1."""
        squares = _squares(outputs, targets)
        scale = self.variance[0] if len(self.variance) == 1 else squares.new_tensor(self.variance)
        return (squares / scale).mean(1).clamp(max=1)

    def chance(self, targets: Tensor) -> float:
        """Return the error of always returning the mean of the targets.

        >>> import torch
        >>> Regression(variance=(4.0,)).chance(torch.tensor([-1.0, 1.0, 0.0, 0.0]))
        0.125
        """
        exact = targets.double()
        return float(self.errors(exact.mean(0, keepdim=True).expand_as(exact), exact).mean())

    def num_outputs(self, targets: Tensor) -> int:
        """Return how many numbers an example has."""
        return targets[0].numel()


def _squares(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the squared errors, (batch, numbers)."""
    got, wanted = (each.reshape(len(each), -1) for each in (outputs, targets))
    check_shape(got, tuple(wanted.shape), what="one for each number of the targets")
    return (got - wanted.to(got.dtype)).square()
