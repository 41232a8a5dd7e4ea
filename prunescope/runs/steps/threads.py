"""How many threads a step is worth: a network too small to be divided runs on one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from prunescope.landscape.flops import layer_flops

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from prunescope.api import Data

DIVISIBLE = 20_000_000
"""Operations per image below which threads wait for each other longer than they work; PreResNet-20 on 32x32 has 82
million. benchmarks/bench_threads.py measures it."""


@contextmanager
def suited_to(model: nn.Module, data: Data | None) -> Iterator[None]:
    """Run the block on one thread when `model` is small on `data`, else on as many as torch has."""
    before = torch.get_num_threads()
    if before == 1 or data is None:
        yield
        return
    image = next(data.train.batches(1, limit=1))[0]
    operations = sum(layer.dense for layer in layer_flops(model, image).values())
    try:
        torch.set_num_threads(1 if operations < DIVISIBLE else before)
        yield
    finally:
        torch.set_num_threads(before)
