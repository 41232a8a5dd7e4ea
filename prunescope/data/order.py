"""The fixed order in which measurements see data sets that list their images class by class.

Batches of one class would spoil what is measured on them: BatchNorm re-estimated from them has too small a variance,
which manufactures barriers, and the first images represent a few classes only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def mixed(n: int) -> Tensor:
    """Return 0 .. n - 1 in a random order that is always the same, int64 (n,).

    >>> mixed(5).tolist() == mixed(5).tolist(), sorted(mixed(5).tolist())
    (True, [0, 1, 2, 3, 4])
    """
    return torch.randperm(n, generator=torch.Generator().manual_seed(0))
