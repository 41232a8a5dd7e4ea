"""A mask as text for the metadata of a safetensors file, where other programs do not look for weights.

Pruned weights are zeros, so the zeros of the weights are almost the mask. What is stored is where the two differ,
packed eight to a byte and compressed: a few bytes for most tensors, n/8 at worst.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import TYPE_CHECKING

import numpy as np
import torch

from prunescope.api import Mask
from prunescope.api.wording import count_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


def encode_mask(mask: Mask, state: Mapping[str, Tensor]) -> str:
    """Return a mask of some weights as text.

    >>> weight = torch.tensor([0.0, 2.0, 0.0])
    >>> text = encode_mask(Mask({"weight": torch.tensor([False, True, True])}), {"weight": weight})
    >>> decode_mask(text, {"weight": weight}).kept["weight"]
    tensor([False,  True,  True])
    """
    return json.dumps({name: _encode(kept, state[name]) for name, kept in mask.kept.items()})


def decode_mask(text: str, state: Mapping[str, Tensor]) -> Mask:
    """Return the mask that `encode_mask` wrote; ValueError, KeyError, TypeError or AttributeError for other text."""
    return Mask({name: _decode(packed, state[name]) for name, packed in json.loads(text).items()})


def _encode(kept: Tensor, weight: Tensor) -> str:
    differs = (kept.cpu() != (weight.detach().cpu() != 0)).reshape(-1)
    return base64.b64encode(zlib.compress(np.packbits(differs.numpy()).tobytes())).decode()


def _decode(packed: str, weight: Tensor) -> Tensor:
    size = weight.numel()
    wanted = -(-size // 8)
    unpacking = zlib.decompressobj()
    try:
        found = unpacking.decompress(base64.b64decode(packed, validate=True), wanted + 1)
    except zlib.error as error:
        raise ValueError(f"no compressed bits: {error}") from error
    if len(found) != wanted:
        raise ValueError(f"{count_text(len(found), 'byte')} of bits, wanted {wanted} for {count_text(size, 'weight')}")
    differs = np.unpackbits(np.frombuffer(found, dtype=np.uint8), count=size).astype(bool)
    return (weight != 0) != torch.from_numpy(differs).reshape(weight.shape)
