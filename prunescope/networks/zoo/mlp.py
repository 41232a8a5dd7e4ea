"""A perceptron with two hidden layers of 256 units × width, for images of one fixed size.

It has no convolutions: only linear weights are there to prune.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch import nn
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

from prunescope.networks.zoo.layers import classifier, scaled
from prunescope.networks.zoo.register import register

if TYPE_CHECKING:
    from torch import Tensor


class SmallMlp(nn.Module):
    """Pixels -> 256 -> 256 -> logits, with ReLU between."""

    def __init__(
        self,
        *,
        num_classes: int = 10,
        in_chans: int = 3,
        img_size: int | tuple[int, int] = 32,
        width: float = 1.0,
        drop_rate: float = 0.0,
    ) -> None:
        nn.Module.__init__(self)
        size = (img_size, img_size) if isinstance(img_size, int) else img_size
        self.num_classes = num_classes
        self.num_features = self.head_hidden_size = scaled(256, width)
        self.drop_rate = drop_rate
        self.fc1 = nn.Linear(in_chans * math.prod(size), self.num_features)
        self.fc2 = nn.Linear(self.num_features, self.num_features)
        self.head = classifier(self.num_features, num_classes)

    def get_classifier(self) -> nn.Module:
        """Return the last layer."""
        return self.head

    def reset_classifier(self, num_classes: int) -> None:
        """Replace the last layer by a fresh one."""
        self.num_classes = num_classes
        self.head = classifier(self.num_features, num_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        """Images -> the second hidden layer."""
        return F.relu(self.fc2(F.relu(self.fc1(x.flatten(1)))))

    def forward_head(self, x: Tensor, *, pre_logits: bool = False) -> Tensor:
        """Hidden layer -> logits, or the hidden layer itself."""
        x = F.dropout(x, self.drop_rate, self.training)
        logits: Tensor = x if pre_logits else self.head(x)
        return logits

    def forward(self, x: Tensor) -> Tensor:
        """Images (batch, in_chans, height, width) -> logits (batch, num_classes)."""
        return self.forward_head(self.forward_features(x))


register("small_mlp", SmallMlp, family=__name__, first="fc1", last="head", fixed_input_size=True)
