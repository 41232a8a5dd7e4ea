"""N:M against loops over its groups."""

from __future__ import annotations

import pytest
import torch

from prunescope.api.errors import UsageError
from prunescope.pruning.n_of_m import n_of_m


def rows(tensor):
    """The weights of each output, input channel fastest, as lists."""
    return [one.movedim(0, -1).flatten().tolist() for one in tensor]


@pytest.mark.parametrize(
    ("density", "group", "kept"), [(0.5, 4, 2), (0.25, 4, 1), (0.75, 4, 3), (0.5, 2, 1), (0.125, 8, 1)]
)
def test_every_whole_group_keeps_its_largest(density, group, kept):
    draw = torch.Generator().manual_seed(0)
    weights = {
        "conv": torch.randn(5, 8, 3, 3, generator=draw),
        "first": torch.randn(6, 3, 3, 3, generator=draw),
        "depthwise": torch.randn(7, 1, 3, 3, generator=draw),
        "linear": torch.randn(4, 24, generator=draw),
        "temporal": torch.randn(4, 5, 3, generator=draw),
    }
    mask = n_of_m(weights, density, group=group)
    assert mask.n_kept == round(density * sum(weight.numel() for weight in weights.values()))
    for name, weight in weights.items():
        for scores, ones in zip(rows(weight.abs()), rows(mask.kept[name]), strict=True):
            for start in range(0, len(scores) - group + 1, group):
                largest = sorted(scores[start : start + group], reverse=True)[:kept]
                chosen = [s for s, one in zip(scores[start:][:group], ones[start:][:group], strict=True) if one]
                assert sorted(chosen, reverse=True) == largest
            assert sum(ones[len(ones) // group * group :]) <= kept


def test_equal_weights_keep_the_first_of_each_group():
    kept = n_of_m({"w": torch.ones(2, 8)}, 0.5, group=4).kept["w"]
    assert kept.int().tolist() == [[1, 1, 0, 0, 1, 1, 0, 0]] * 2


def test_what_is_left_over_goes_to_the_largest():
    # 3 whole groups of 2 keep 3; 3 single weights are left, of which round(4.5) - 3 = 1 is kept: the largest
    weights = {"w": torch.tensor([[1.0, 2.0, 5.0], [1.0, 2.0, 7.0], [1.0, 2.0, 6.0]])}
    assert n_of_m(weights, 0.5, group=2).kept["w"].int().tolist() == [[0, 1, 0], [0, 1, 1], [0, 1, 0]]


@pytest.mark.parametrize(
    ("density", "group", "fix"),
    [
        (0.05, 4, "0.25, 0.5, 0.75, 1; or groups of 20"),
        (0.3, 4, "groups of 10"),
        (0.0, 4, "0.25"),
        (0.123456, 4, "0.75, 1"),
    ],
)
def test_other_densities_are_refused_with_those_there_are(density, group, fix):
    with pytest.raises(UsageError) as caught:
        n_of_m({"w": torch.ones(4, 4)}, density, group=group)
    assert fix in caught.value.fix
    assert f"N:{group}" in caught.value.message
