"""Tensors as the bytes of a safetensors file, without copying them.

The format (huggingface.co/docs/safetensors): the header's length in 8 bytes, the header as JSON, the tensors one after
the other. The library copies every tensor and looks for shared memory first, and writes the metadata in the random
order of a hash map; here equal tensors give equal bytes. Larger elements come first, so that all are aligned.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import safetensors.torch
import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

TYPE_NAMES = {
    torch.bool: "BOOL",
    torch.uint8: "U8",
    torch.int8: "I8",
    torch.int16: "I16",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int32: "I32",
    torch.float32: "F32",
    torch.float64: "F64",
    torch.int64: "I64",
}
"""What the format calls a type, in the order in which the library sorts them; others are left to it."""


def safetensors_parts(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> list[bytes | memoryview]:
    """Return the parts of a safetensors file, one after the other; the tensors among them are not copied.

    >>> [bytes(part) for part in safetensors_parts({"a": torch.tensor([65], dtype=torch.uint8)}, {})][1:]
    [b'{"__metadata__":{},"a":{"data_offsets":[0,1],"dtype":"U8","shape":[1]}}  ', b'A']
    """
    if sys.byteorder == "big" or any(tensor.dtype not in TYPE_NAMES for tensor in tensors.values()):
        return _by_the_library(tensors, metadata)
    ranks = {kind: rank for rank, kind in enumerate(TYPE_NAMES)}
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    data: list[bytes | memoryview] = []
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (-ranks[item[1].dtype], item[0])):
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        begin, end = end, end + flat.nbytes
        header[name] = {"dtype": TYPE_NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
        data.append(flat.view(torch.uint8).numpy().data)
    return [*_opening(header), *data]


def _opening(header: Mapping[str, object]) -> tuple[bytes, bytes]:
    """Return the header and, before it, its length."""
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the tensors after it stay aligned
    return len(text).to_bytes(8, "little"), text


def _by_the_library(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> list[bytes | memoryview]:
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    found = safetensors.torch.save(whole, metadata=dict(metadata))
    end = 8 + int.from_bytes(found[:8], "little")
    return [*_opening(json.loads(found[8:end])), memoryview(found)[end:]]
