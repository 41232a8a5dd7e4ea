"""Effective density against paths that are followed one by one."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_landscape import NORMS, net
from torch import nn

import prunescope.networks.zoo  # noqa: F401 - registers them with timm
from prunescope.api import Mask
from prunescope.api.errors import UsageError
from prunescope.landscape.paths import effective
from prunescope.networks.masks import keep_largest
from prunescope.networks.models import prunable
from prunescope.pruning.synflow import synflow

WIDTHS = (2, 3, 4, 2)


def mlp():
    torch.manual_seed(0)
    layers = [[nn.Linear(a, b), nn.ReLU()] for a, b in pairwise(WIDTHS)]
    return nn.Sequential(nn.Flatten(), *[layer for pair in layers for layer in pair][:-1])


@given(st.lists(st.booleans(), min_size=26, max_size=26))
@settings(max_examples=40)
def test_a_kept_weight_counts_when_a_path_of_kept_ones_goes_through_it(keep):
    model = mlp()
    weights = list(prunable(model, linear=True).items())
    parts = torch.tensor(keep).split([weight.numel() for _, weight in weights])
    kept = [part.reshape(weight.shape) for part, (_, weight) in zip(parts, weights, strict=True)]
    slow = [torch.zeros_like(one) for one in kept]
    for path in product(*map(range, WIDTHS)):
        places = [(path[i + 1], path[i]) for i in range(3)]
        if all(bool(one[place]) for one, place in zip(kept, places, strict=True)):
            for one, place in zip(slow, places, strict=True):
                one[place] = True
    found = effective(model, Mask({name: one for (name, _), one in zip(weights, kept, strict=True)}), (2, 1, 1))
    assert all(torch.equal(found.kept[name], one) for (name, _), one in zip(weights, slow, strict=True))


@pytest.mark.parametrize("kind", NORMS)
def test_every_weight_of_a_dense_network_counts(kind):
    model = net(kind=kind)
    mask = Mask({name: torch.ones_like(weight, dtype=torch.bool) for name, weight in prunable(model).items()})
    assert effective(model, mask, (2, 6, 6)).density == 1


def test_a_shortcut_leads_around_a_collapsed_layer():
    torch.manual_seed(0)
    model = timm.create_model("preresnet8", num_classes=4, width=0.25)
    kept = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in prunable(model).items()}
    cut = next(name for name in kept if name.endswith(".conv2.weight"))
    before = cut.replace("conv2", "conv1")
    kept[cut] = torch.zeros_like(kept[cut])
    found = effective(model, Mask(kept), (3, 8, 8)).kept
    assert not found[cut].any()
    assert not found[before].any()
    assert sum(int(one.sum()) for one in found.values()) > 0


def test_synflow_keeps_paths_and_chance_does_not():
    torch.manual_seed(0)
    model = timm.create_model("vgg11_bn_cifar", num_classes=4, width=0.125)
    weights = prunable(model)
    mask = synflow(model, weights, 0.01, shape=(3, 32, 32), rounds=20)
    assert effective(model, mask, (3, 32, 32)).n_kept > 0.98 * mask.n_kept
    chance = keep_largest({name: torch.rand_like(weight) for name, weight in weights.items()}, 0.01, scope="global")
    assert effective(model, chance, (3, 32, 32)).n_kept < 0.8 * chance.n_kept


def test_attention_is_refused():
    options = {"img_size": 16, "patch_size": 8, "depth": 1, "embed_dim": 12, "num_heads": 2}
    model = timm.create_model("vit_tiny_patch16_224", num_classes=3, **options)
    weights = prunable(model, linear=True)
    mask = Mask({name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights.items()})
    with pytest.raises(UsageError, match=r"attn\.qkv\.weight.*no path"):
        effective(model, mask, (3, 16, 16))


def test_token_ids_have_no_paths():
    model = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(12, 2))
    mask = Mask({"2.weight": torch.ones(2, 12, dtype=torch.bool)})
    with pytest.raises(UsageError, match="does not accept an input of ones"):
        effective(model, mask, (3,))
