"""Token sequences whose class is an order, and a transformer small enough for a minute on a laptop.

PYTHONPATH=docs/objectives prunescope train timm --model tokens:transformer --data tokens:sequences
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from prunescope.data.tensors import from_tensors

if TYPE_CHECKING:
    from prunescope.api import Data

VOCABULARY, LENGTH = 12, 16


def sequences(*, train: int = 2000, test: int = 1000) -> Data:
    """Return sequences of 16 tokens; their class says which of the tokens 0, 1 and 2, once each in it, comes first."""
    generator = torch.Generator().manual_seed(0)
    return from_tensors("sequences", _drawn(train, generator), _drawn(test, generator))


def _drawn(count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    tokens = torch.randint(3, VOCABULARY, (count, LENGTH), generator=generator)
    places = torch.rand(count, LENGTH, generator=generator).argsort(1)[:, :3]
    tokens.scatter_(1, places, torch.arange(3).expand(count, 3))
    return tokens, places.argmin(1)


class Block(nn.Module):
    """Self-attention and a perceptron, each after a norm and beside a shortcut."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape, (batch, length, width)."""
        batch, length, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2])
        x = x + self.proj(mixed.transpose(1, 2).reshape(batch, length, width))
        made: torch.Tensor = x + self.fc2(functional.gelu(self.fc1(self.norm2(x))))
        return made


class Transformer(nn.Module):
    """Token ids (batch, length) -> logits (batch, classes)."""

    def __init__(self, *, classes: int, length: int, width: int, depth: int) -> None:
        super().__init__()
        self.embed, self.position = nn.Embedding(VOCABULARY, width), nn.Parameter(0.02 * torch.randn(length, width))
        self.blocks = nn.Sequential(*(Block(width, heads=2) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        logits: torch.Tensor = self.head(self.norm(self.blocks(self.embed(tokens) + self.position)).mean(1))
        return logits


def transformer(*, num_classes: int, in_chans: int, width: int = 24, depth: int = 2) -> nn.Module:
    """Return the network; `num_classes` and `in_chans` (of rows their length) come from the data."""
    return Transformer(classes=num_classes, length=in_chans, width=width, depth=depth)
