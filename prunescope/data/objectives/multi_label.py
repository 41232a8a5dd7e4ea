"""Several labels for each example, each there or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch.nn import functional

from prunescope.api import Objective
from prunescope.data.objectives.checks import check_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class MultiLabel(Objective):
    """Any number of labels for each example: binary cross-entropy, and the share of labels that are wrong.

    Formula: loss mean_l −(y_l ln σ(z_l) + (1 − y_l) ln(1 − σ(z_l))); error mean_l [z_l > 0] ≠ [y_l > ½].
    Shapes: outputs (batch, labels), targets 0 or 1 (batch, labels), of any dtype. Unit: nat; fraction in [0, 1], its
    smallest step 1 / labels. With rare labels a network that predicts none errs little: see `chance`. NaN: the loss of
    an example with a NaN output.

    >>> outputs, targets = torch.tensor([[0.0, 3.0]]), torch.tensor([[1, 1]])
    >>> MultiLabel().losses(outputs, targets), MultiLabel().errors(outputs, targets)
    (tensor([0.3709]), tensor([0.5000]))
    """

    loss_name = "binary cross-entropy"
    error_names: ClassVar[Mapping[str, str]] = {"error": "mean label error"}
    representation_name = "sigmoid outputs"
    prediction_name = "labels of positive outputs"

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean binary cross-entropy over the labels of each example."""
        check_shape(outputs, tuple(targets.shape), what="one for each label")
        wanted = targets.to(outputs.dtype)
        return functional.binary_cross_entropy_with_logits(outputs, wanted, reduction="none").mean(1)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the share of labels that are wrong."""
        return ((outputs > 0) != (targets > 1 / 2)).float().mean(1)

    def predictions(self, outputs: Tensor) -> Tensor:
        """Return 1 for the labels that the network finds more likely than not."""
        return (outputs > 0).float()

    def representation(self, outputs: Tensor) -> Tensor:
        """Return the probability of each label."""
        return Objective.representation(self, outputs).sigmoid()

    def distributions(self, outputs: Tensor) -> Tensor:
        """Return the probabilities that each label is there and that it is not, (batch, labels, 2)."""
        there = self.representation(outputs)
        return torch.stack([there, 1 - there], dim=-1)

    def chance(self, targets: Tensor) -> float:
        """Return the error of giving each label where most examples have it.

        >>> MultiLabel().chance(torch.tensor([[1, 0], [1, 0], [0, 0], [1, 1]]))
        0.25
        """
        share = (targets > 1 / 2).double().mean(0)
        return float(torch.minimum(share, 1 - share).mean())

    def num_outputs(self, targets: Tensor) -> int:
        """Return the number of labels."""
        return targets.shape[1]
