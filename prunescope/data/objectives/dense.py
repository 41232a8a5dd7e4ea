"""A class for every pixel."""

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
class DenseClassification(Objective):
    """A class for every pixel: the mean cross-entropy, and the share of pixels of another class.

    Formula: loss (1 / |P|) Σ_{p ∈ P} −ln softmax(z_p)[y_p], error (1 / |P|) Σ_{p ∈ P} [argmax z_p ≠ y_p], P the pixels
    of the image that have a label. Images weigh alike, however many pixels have one; an image without any has loss and
    error 0. Shapes: outputs (batch, classes, ...), targets int64 (batch, ...), `ignore_index` where there is no label.
    Unit: nat; fraction. NaN: the loss of an image with a NaN output at a labelled pixel.

    >>> outputs = torch.tensor([[[0.0, 5.0, 0.0], [1.0, 0.0, 9.0]]])
    >>> targets = torch.tensor([[1, 1, -100]])
    >>> DenseClassification().losses(outputs, targets), DenseClassification().errors(outputs, targets)
    (tensor([2.6600]), tensor([0.5000]))
    """

    ignore_index: int = -100

    loss_name = "mean cross-entropy of the pixels"
    error_names: ClassVar[Mapping[str, str]] = {"error": "pixel error"}
    representation_name = "softmax outputs of the pixels"
    prediction_name = "classes of the largest logit of each pixel"

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy over the labelled pixels of each image."""
        check_shape(outputs, (len(targets), outputs.shape[1], *targets.shape[1:]), what="scores for every pixel")
        each = functional.cross_entropy(outputs, targets, ignore_index=self.ignore_index, reduction="none")
        return self._mean(each, targets)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the share of the labelled pixels whose largest logit is of another class."""
        return self._mean((outputs.argmax(1) != targets).float(), targets)

    def predictions(self, outputs: Tensor) -> Tensor:
        """Return the class of the largest logit of each pixel."""
        return outputs.argmax(1)

    def representation(self, outputs: Tensor) -> Tensor:
        """Return the class probabilities of all pixels side by side."""
        return self.distributions(outputs).flatten(1)

    def distributions(self, outputs: Tensor) -> Tensor:
        """Return the class probabilities of each pixel, (batch, ..., classes)."""
        flat = Objective.representation(self, outputs)
        return flat.view(outputs.shape).softmax(1).movedim(1, -1)

    def chance(self, targets: Tensor) -> float:
        """Return the error of giving every pixel the class that is best for all images.

        >>> round(DenseClassification().chance(torch.tensor([[0, 0, 1, -100], [1, 0, 0, 0]])), 4)
        0.2917
        """
        labelled = targets != self.ignore_index
        classes = targets.where(labelled, 0).flatten(1)
        shares = torch.zeros(len(targets), int(classes.max()) + 1, dtype=torch.float64)
        shares.scatter_add_(1, classes, labelled.flatten(1).double())
        shares /= labelled.flatten(1).sum(1, keepdim=True).clamp(min=1)
        some = labelled.flatten(1).any(1).double().mean()
        return float(some - shares.mean(0).max())

    def num_outputs(self, targets: Tensor) -> int:
        """Return the number of classes: the largest label and one."""
        return int(targets[targets != self.ignore_index].max()) + 1

    def _mean(self, values: Tensor, targets: Tensor) -> Tensor:
        """Return the mean over the labelled pixels of each image."""
        labelled = (targets != self.ignore_index).flatten(1)
        return (values.flatten(1) * labelled).sum(1) / labelled.sum(1).clamp(min=1)
