"""How large a pruned model is: compression ratio and stored bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from torch import nn


def compression(model: nn.Module) -> float:
    """Compression ratio: all parameters / non-zero parameters.

    Source: Blalock et al. 2020 (ShrinkBench), section 6. Every parameter counts, biases and norms too.
    Unit: pure number ≥ 1.

    Raises UsageError when every parameter is zero.

    >>> from torch import nn
    >>> model = nn.Linear(3, 1)
    >>> _ = nn.init.constant_(model.weight, 0.0), nn.init.constant_(model.bias, 1.0)
    >>> compression(model)
    4.0
    """
    parameters = list(model.parameters())
    kept = sum(int(torch.count_nonzero(tensor)) for tensor in parameters)
    if not kept:
        raise UsageError("every parameter of the model is zero", fix="give a model with weights")
    return sum(tensor.numel() for tensor in parameters) / kept


def dense_bytes(model: nn.Module) -> int:
    """Bytes of all parameters and floating-point buffers as float32: 4 each.

    >>> from torch import nn
    >>> dense_bytes(nn.BatchNorm1d(2))
    32
    """
    return 4 * (sum(tensor.numel() for tensor in model.parameters()) + _buffers(model))


def sparse_bytes(model: nn.Module) -> int:
    """Bytes with each parameter tensor as a bitmask and its non-zero float32 values, where that is smaller.

    Formula: Σ min(4 n, ⌈n / 8⌉ + 4 n_nonzero) over the parameter tensors, plus 4 per element of the floating-point
    buffers.

    >>> from torch import nn
    >>> model = nn.Linear(64, 1)
    >>> _ = nn.init.constant_(model.weight, 0.0), nn.init.constant_(model.bias, 1.0)
    >>> sparse_bytes(model), dense_bytes(model)
    (12, 260)
    """
    sizes = [(tensor.numel(), int(torch.count_nonzero(tensor))) for tensor in model.parameters()]
    return sum(min(4 * n, -(-n // 8) + 4 * nonzero) for n, nonzero in sizes) + 4 * _buffers(model)


def _buffers(model: nn.Module) -> int:
    return sum(tensor.numel() for tensor in model.buffers() if tensor.is_floating_point())
