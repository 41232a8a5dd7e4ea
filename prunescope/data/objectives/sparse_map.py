"""A distribution over all positions of an output map, of which few are labelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from prunescope.api import Objective
from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class SparseMap(Objective):
    """A few labelled positions of a map: their negative log-likelihood under one softmax over all positions.

    Formula: loss −(1 / |Y|) Σ_{p ∈ Y} ln softmax(z)[p], the softmax over every position (and channel) of the map, Y the
    labelled positions; error: the share of Y outside the `top` most likely positions. The labels are taken as draws
    from the distribution that the network predicts: a position without a label is not taken for a bad one, which is why
    two labels for each image can do. Source: Zhu et al. 2022 (Maximum Likelihood Grasp Sampling Loss, arXiv
    2110.01379): grasps that succeeded are the labels of a fully convolutional network's map.
    Shapes: outputs (batch, ...), targets int64 (batch, labels): positions of the map flattened in row-major order,
    −1 where an image has fewer. An image without labels has loss and error 0. Unit: nat, ln(positions) for a uniform
    map; fraction in [0, 1]. NaN: the loss of an image with a NaN output.

    >>> import torch
    >>> outputs, targets = torch.tensor([[[0.0, 9.0], [8.0, 0.0]]]), torch.tensor([[1, 3]])
    >>> SparseMap(top=2).losses(outputs, targets), SparseMap(top=2).errors(outputs, targets)
    (tensor([4.8134]), tensor([0.5000]))
    """

    top: int = 10
    """How many positions may be taken for good: about as many as are, around the labels of one image."""

    loss_name = "negative log-likelihood of the labelled positions"
    representation_name = "softmax outputs over all positions"
    prediction_name = "most likely positions"
    error_names: ClassVar[Mapping[str, str]] = {"error": "labelled positions outside the most likely ones"}

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean negative log-likelihood of the labelled positions of each image."""
        _check(outputs, targets)
        found = outputs.flatten(1).log_softmax(1).gather(1, targets.clamp(min=0))
        return _mean(-found, targets)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the share of the labelled positions that are not among the most likely ones."""
        likely = self.predictions(outputs)
        missed = (targets[:, :, None] != likely[:, None, :]).all(2)
        return _mean(missed.float(), targets)

    def predictions(self, outputs: Tensor) -> Tensor:
        """Return the most likely positions, (batch, top)."""
        flat = outputs.flatten(1)
        return flat.topk(min(self.top, flat.shape[1]), dim=1).indices

    def representation(self, outputs: Tensor) -> Tensor:
        """Return the probability of each position."""
        return Objective.representation(self, outputs).softmax(1)

    def distributions(self, outputs: Tensor) -> Tensor:
        """Return the probability of each position."""
        return self.representation(outputs)

    def chance(self, targets: Tensor) -> float:
        """Return the error of the positions that are labelled most often in all images.

        >>> import torch
        >>> round(SparseMap(top=1).chance(torch.tensor([[5, 7], [5, -1], [5, 2]])), 4)
        0.3333
        """
        there = targets >= 0
        weights = there.double() / there.sum(1, keepdim=True).clamp(min=1)
        shares = targets.clamp(min=0).flatten().bincount(weights.flatten()).double() / len(targets)
        return float(shares.sum() - shares.topk(min(self.top, len(shares))).values.sum())

    def num_outputs(self, targets: Tensor) -> int:
        """Return 1: one map."""
        del targets
        return 1


def _check(outputs: Tensor, targets: Tensor) -> None:
    """Raise UsageError where the targets are no positions; whether they lie inside the map, gather checks."""
    if targets.dim() != 2 or targets.is_floating_point() or len(targets) != len(outputs):
        raise UsageError(
            f"the targets are {targets.dtype} of shape {tuple(targets.shape)}, wanted whole numbers (batch, labels)",
            fix="give the labelled positions of each map, flattened in row-major order, -1 where there are fewer",
        )


def _mean(values: Tensor, targets: Tensor) -> Tensor:
    """Return the mean over the labels of each image."""
    there = targets >= 0
    return (values * there).sum(1) / there.sum(1).clamp(min=1)
