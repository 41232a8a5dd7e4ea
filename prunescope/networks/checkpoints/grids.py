"""Sizes of patches and windows of attention, read off the shapes of a file's tensors: the name may say others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prunescope.networks.checkpoints.fingerprints import Shapes

PATCHES = "patch_embed.proj.weight"
"""(width, channels, patch, patch): the convolution that makes a token of every patch."""

BIASES = "relative_position_bias_table"
"""((2 window - 1)², heads): a bias for every pair of places in a window."""


GRID_OPTIONS = ("patch_size", "window_size")
"""Options of timm's transformers; SwinV2 has no tensor of the size of its window."""


def infer_grid(have: Shapes) -> dict[str, int]:
    """Return the options `patch_size` and `window_size` that the shapes of a file tell, in the names of timm.

    >>> infer_grid({"patch_embed.proj.weight": (192, 3, 8, 8), "blocks.0.relative_position_bias_table": (49, 3)})
    {'patch_size': 8, 'window_size': 4}
    """
    patches = {shape[2] for name, shape in have.items() if name.endswith(PATCHES) and len(shape) == 4}
    places = [shape[0] for name, shape in have.items() if name.endswith(BIASES) and len(shape) == 2]
    found = {"patch_size": patches.pop()} if len(patches) == 1 else {}
    side = math.isqrt(max(places, default=0))
    return found | ({"window_size": (side + 1) // 2} if side % 2 and side**2 == max(places) else {})
