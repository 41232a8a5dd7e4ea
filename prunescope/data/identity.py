"""What data of a person's own are: their fingerprint, what their splits yield, and the code of both and the objective.

A fingerprint is what the author of the data says; where it is a constant, other data would count as the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import torch

from prunescope.api.source_text import class_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from prunescope.api import Data, Split

EXAMPLES = 8
"""Of each split, that are looked at."""

SEED = 20_231


def identify_data(data: Data) -> Data:
    """Return the data with a fingerprint of what was given, of their first examples and of their code."""
    parts = [data.fingerprint, *map(class_text, (type(data.train), type(data.test), type(data.objective)))]
    parts += [text for split in (data.train, data.test) for text in _first(split.batches(EXAMPLES, limit=1))]
    parts += _augmented(data.train)
    return replace(data, fingerprint=hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32])


def _augmented(split: Split) -> list[str]:
    """Return the first examples that training sees, as text; [] where they depend on more than the generator."""
    found = [_first(split.epoch(EXAMPLES, generator=torch.Generator().manual_seed(SEED))) for _ in range(2)]
    return found[0] if found[0] == found[1] else []


def _first(batches: Iterator[tuple[Tensor, Tensor]]) -> list[str]:
    return [_text(tensor) for pair in islice(batches, 1) for tensor in pair]


def _text(tensor: Tensor) -> str:
    """Return a tensor's type, shape and values; numbers to five digits, as other machines round differently."""
    values = tensor.detach().cpu().double().contiguous()
    digest = hashlib.sha256((values * 1e5).round().numpy().tobytes()).hexdigest()
    return f"{tensor.dtype} {tuple(tensor.shape)} {digest}"
