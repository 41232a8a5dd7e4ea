"""The weight gradient of merged groups is that of the groups."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from prunescope.networks.grouped import layers, weight_gradient
from prunescope.networks.grouped.weight_gradient import MergedConvolution, merged, merged_gradient, pays

CASES = [(6, 2, 4, 3, 1), (6, 3, 2, 2, 2), (4, 1, 3, 4, 1), (4, 5, 1, 2, 1)]


@pytest.mark.parametrize(("groups", "inputs", "outputs", "factor", "stride"), CASES)
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_it_is_the_gradient_of_the_groups(groups, inputs, outputs, factor, stride, layout):
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(3, groups * inputs, 7, 6, generator=draw, dtype=torch.float64).contiguous(memory_format=layout)
    weight = torch.randn(groups * outputs, inputs, 3, 3, generator=draw, dtype=torch.float64)
    weight = weight.contiguous(memory_format=layout)
    how = ((stride, stride), (1, 1), (1, 1))
    found = [one.clone(memory_format=torch.preserve_format).requires_grad_() for one in (x, weight)]
    wanted = [one.clone(memory_format=torch.preserve_format).requires_grad_() for one in (x, weight)]
    output = MergedConvolution.apply(*found, how, groups, factor)
    plain = functional.conv2d(*wanted, None, *how, groups)
    assert torch.equal(output, plain)
    gradient = torch.randn(plain.shape, generator=draw, dtype=torch.float64)
    output.backward(gradient)
    plain.backward(gradient)
    torch.testing.assert_close(found[0].grad, wanted[0].grad)
    torch.testing.assert_close(found[1].grad, wanted[1].grad)
    assert merged_gradient(gradient, x, weight, how, groups, factor).stride() == weight.stride()


def test_groups_are_merged_where_it_pays_alone(monkeypatch):
    one = nn.Conv2d(8, 8, 3, padding=1, bias=False)
    group = layers.GroupedConvolution(one, count=16, shared=False)
    torch.nn.init.normal_(group.weight)
    assert group.factor == 8
    x, asked = torch.randn(2, 128, 5, 5), []
    plain = group(x)
    plain_merge = weight_gradient.merged_gradient
    monkeypatch.setattr(weight_gradient, "merged_gradient", lambda *a: asked.append(a[-1]) or plain_merge(*a))
    group(x).sum().backward()
    assert asked == [], "on a CPU"
    wanted = group.weight.grad.clone()
    monkeypatch.setattr(layers, "pays", lambda *_: True)
    group.weight.grad = None
    found = group(x)
    assert torch.equal(found, plain)
    found.sum().backward()
    assert asked == [8]
    torch.testing.assert_close(group.weight.grad, wanted)
    with torch.no_grad():
        group(x)
    assert asked == [8]


def test_what_it_is_not_known_to_pay_for():
    assert not pays(torch.zeros(1, 4, 3, 3), torch.zeros(4, 1, 3, 3)), "a CPU"
    assert layers.GroupedConvolution(nn.Conv2d(8, 8, 3), count=16, shared=False).factor == 1, "a bias"
    assert layers.GroupedConvolution(nn.Conv2d(8, 8, 3, bias=False), count=16, shared=True).factor == 1
    same = nn.Conv2d(8, 8, 3, padding="same", bias=False)
    assert layers.GroupedConvolution(same, count=16, shared=False).factor == 1


@pytest.mark.parametrize(
    ("count", "inputs", "outputs", "factor"),
    [(48, 8, 8, 8), (48, 16, 32, 4), (12, 32, 32, 2), (12, 64, 64, 1), (12, 3, 16, 4), (12, 8, 8, 1), (7, 16, 16, 1)],
)
def test_a_merged_group_is_64_channels_wide(count, inputs, outputs, factor):
    assert merged(count, inputs=inputs, outputs=outputs) == factor
