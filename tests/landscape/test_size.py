from __future__ import annotations

import pytest
import torch
from torch import nn

from prunescope.api.errors import UsageError
from prunescope.landscape.size import compression, dense_bytes, sparse_bytes


def pruned():
    model = nn.Sequential(nn.Conv2d(2, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 3))
    with torch.no_grad():
        for tensor in model.parameters():
            tensor.fill_(1.0)
        model[0].weight[:6] = 0.0
    return model


def test_compression_counts_every_parameter():
    total = 144 + 8 + 8 + 8 + 24 + 3
    assert compression(pruned()) == pytest.approx(total / (total - 108))


def test_dense_bytes_are_those_of_the_float32_state():
    model = pruned()
    wanted = sum(t.numel() * t.element_size() for t in model.state_dict().values() if t.is_floating_point())
    assert dense_bytes(model) == wanted
    assert dense_bytes(model.half()) == wanted


def test_sparse_bytes_are_a_bitmask_and_the_values_where_that_is_smaller():
    dense_tensors = 4 * (8 + 8 + 8 + 24 + 3) + 4 * 16  # the others, and the running statistics
    assert sparse_bytes(pruned()) == 144 // 8 + 4 * 36 + dense_tensors
    model = nn.Linear(3, 3)
    assert sparse_bytes(model) == dense_bytes(model)


def test_odd_sizes_round_the_bitmask_up_to_bytes():
    model = nn.Linear(9, 1, bias=False)
    nn.init.zeros_(model.weight)
    assert sparse_bytes(model) == 2


def test_a_model_of_zeros_is_refused():
    model = nn.Linear(2, 2, bias=False)
    nn.init.zeros_(model.weight)
    with pytest.raises(UsageError, match="every parameter"):
        compression(model)
