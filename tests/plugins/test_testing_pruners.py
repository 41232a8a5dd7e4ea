"""check_pruner fails on each defect of a pruner."""

from __future__ import annotations

import random

import pytest
import torch
from defects import fails, plugin

from prunescope.api import Mask, Pruner
from prunescope.networks import masks
from prunescope.networks.models import prunable
from prunescope.plugins.testing import check_pruner


def scores(model):
    return {name: weight.detach().abs() for name, weight in prunable(model).items()}


def largest(model, density):
    return masks.keep_largest(scores(model), density, scope="global")


def above_threshold(model, density):
    flat = torch.cat([score.flatten() for score in scores(model).values()])
    dropped = flat.numel() - round(density * flat.numel())
    threshold = flat.kthvalue(dropped).values if dropped else -1
    return Mask({name: score > threshold for name, score in scores(model).items()})


def one_short(model, density):
    mask = largest(model, density)
    kept = next(kept for kept in mask.kept.values() if kept.any())
    kept[tuple(kept.nonzero()[0])] = False
    return mask


def at_random(model, density):
    drawn = {
        name: torch.rand(score.shape, generator=torch.Generator().manual_seed(random.getrandbits(40)))
        for name, score in scores(model).items()
    }
    return masks.keep_largest(drawn, density, scope="layer")


def changing(model, density):
    mask = largest(model, density)
    masks.apply(model, mask)
    return mask


DEFECTIVE_PRUNERS = {
    "weights are all equal: the mask keeps|equal.*wanted": above_threshold,
    "the mask keeps 2 of 1,368 weights": one_short,
    "another mask for the same seed": at_random,
    "changes parameter": changing,
    "not a Mask": lambda model, density: largest(model, density).kept,
    "torch.bool": lambda model, density: Mask({k: v.float() for k, v in largest(model, density).kept.items()}),
    "has shape": lambda model, density: Mask({k: v.flatten() for k, v in largest(model, density).kept.items()}),
    "'9.weight', which is not a parameter": lambda *_: Mask({"9.weight": torch.ones(3, dtype=torch.bool)}),
    r"masks \['1.weight'\]": lambda model, density: masks.keep_largest(
        {"1.weight": model[1].weight}, density, scope="layer"
    ),
}


def pruner(act):
    return plugin(Pruner, mask=lambda self, model, data, density, *, seed: act(model, density))  # noqa: ARG005


def test_a_right_pruner_passes():
    check_pruner(pruner(largest))


@pytest.mark.parametrize("message", DEFECTIVE_PRUNERS)
def test_defects_of_pruners(message):
    fails(check_pruner, pruner(DEFECTIVE_PRUNERS[message]), message)


def test_a_pruner_that_says_so_may_keep_fewer():
    def mask(self, model, data, density, *, seed):  # noqa: ARG001
        return one_short(model, density)

    check_pruner(plugin(Pruner, mask=mask, exact=False), densities=[0.1, 0.5, 1.0])
    fails(check_pruner, plugin(Pruner, mask=mask), "wanted round", densities=[0.5])
