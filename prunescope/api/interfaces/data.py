"""A data set ready for use: two splits, and what a network must fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from prunescope.api.objective import CLASSIFICATION, Objective

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from torch import Tensor


class Split(Protocol):
    """The labelled examples of one side (training or test) of a data set, on one device: images, or any tensors."""

    def __len__(self) -> int:
        """Return the number of examples."""

    def batches(self, size: int, *, limit: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (inputs, targets) in fixed order, never augmented: what measurements use.

        inputs: what the network takes, (batch, ...). Images are float32 (batch, channels, height, width), normalised,
        channels_last. targets: what the objective of the data takes; of classification int64 (batch,).
        The last batch may be short. `limit` stops after that many batches.
        """

    def epoch(self, size: int, *, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one pass in random order, augmented as the data set asks: what training uses.

        Shuffling and augmentation draw from `generator` (on the CPU) alone. A last batch of one example is left out:
        BatchNorm has no variance for it.
        """


@dataclass(frozen=True, kw_only=True)
class Data:
    """A data set ready for use: both splits, and what a model must fit."""

    name: str
    train: Split
    test: Split
    num_classes: int
    """Classes, or outputs of the network where there are none; `models.create` gives it to the network."""
    in_chans: int
    """First dimension of an example: channels of an image, numbers or token ids of a row."""
    image_size: tuple[int, ...]
    """Its other dimensions: (height, width) of an image, () of a row."""
    fingerprint: str
    """Digest of the content; equal fingerprints mean equal inputs and targets."""
    objective: Objective = CLASSIFICATION
    """What a network is trained for on these data."""
