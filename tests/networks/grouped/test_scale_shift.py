from __future__ import annotations

import pytest
import torch
from torch import nn

from prunescope.networks.grouped.scale_shift import ScaleShift, merge, moments

SHAPES = [(5, 16, 8, 8), (5, 88, 4, 4), (3, 3, 5, 5), (7, 5), (2, 1, 4, 4), (4, 8, 1, 1)]


def features(shape, *, channels_last: bool) -> torch.Tensor:
    x = 3 * torch.randn(shape, generator=torch.Generator().manual_seed(1)) + 1
    return x.contiguous(memory_format=torch.channels_last) if channels_last and x.dim() == 4 else x


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_moments_of_pieces_merge_into_those_of_all(shape, channels_last):
    x = features(shape, channels_last=channels_last)
    variance, mean = torch.var_mean(x.double(), [0, *range(2, x.dim())], correction=0)
    for pieces in ([x], x.split(1), x.split(2)):
        found = merge([moments(piece) for piece in pieces], [len(piece) for piece in pieces])
        torch.testing.assert_close(found[0].double(), mean, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(found[1].double(), variance, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_does_what_batchnorm_does(shape, channels_last, affine):
    x = features(shape, channels_last=channels_last)
    norm = (nn.BatchNorm2d if x.dim() == 4 else nn.BatchNorm1d)(shape[1], affine=affine).eval()
    for tensor in norm.state_dict().values():
        if tensor.dim():
            tensor.uniform_(0.5, 2)
    wanted, before = norm(x), x.clone()
    for relu in (False, True):
        new, over = (ScaleShift(norm, in_place=in_place, relu=relu) for in_place in (False, True))
        for layer in (new, over):
            layer.follow(norm.running_mean, norm.running_var)
        with torch.inference_mode():
            torch.testing.assert_close(new(x), wanted.relu() if relu else wanted)
            assert torch.equal(x, before)
            torch.testing.assert_close(over(x.clone()), wanted.relu() if relu else wanted)


def test_statistics_must_be_given_first():
    with pytest.raises(ValueError, match="call follow first"):
        ScaleShift(nn.BatchNorm1d(2), in_place=False, relu=False)(torch.zeros(1, 2))
