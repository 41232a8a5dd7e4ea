"""Pruning a network that is pruned: every pruner keeps kept weights only, and exactly as many as asked."""

import pytest
import torch

from prunescope.api import Mask
from prunescope.api.errors import UsageError
from prunescope.networks import masks
from prunescope.plugins import registry
from prunescope.plugins.testing import toy_data, toy_model

SCOPED = [
    plugin.name
    for plugin in registry.find_plugins("pruners")
    if plugin.distribution == "prunescope" and plugin.name != "n-of-m"
]


def half(model, seed=0):
    weights = registry.make("pruners", "random", {"linear": True}).instance
    return weights.mask(model, toy_data(), 0.5, seed=seed)


@pytest.mark.parametrize("name", SCOPED)
def test_every_pruner_keeps_kept_weights_only_and_exactly_as_many(name):
    model, data = toy_model(), toy_data()
    before = half(model)
    masks.apply(model, before)
    with masks.pruned_before(before):
        mask = registry.make("pruners", name, {"linear": True}).instance.mask(model, data, 0.2, seed=1)
    assert mask.n_kept == round(0.2 * mask.n_weights)
    masks.check_within(mask, before, who=name)


def test_outside_the_block_nothing_is_different():
    scores = {"a": torch.tensor([4.0, 3.0, 2.0, 1.0])}
    with masks.pruned_before(Mask({"a": torch.tensor([False, True, True, True])})):
        assert masks.keep_largest(scores, 0.5, scope="layer").kept["a"].tolist() == [False, True, True, False]
    assert masks.keep_largest(scores, 0.5, scope="layer").kept["a"].tolist() == [True, True, False, False]


def test_a_layer_that_has_too_few_left_is_refused():
    before = Mask({"a": torch.tensor([True, False, False, False])})
    with masks.pruned_before(before), pytest.raises(UsageError, match="leaves 1"):
        masks.keep_largest({"a": torch.ones(4)}, 0.5, scope="layer")


def test_a_density_above_what_is_left_is_refused():
    with pytest.raises(UsageError, match=r"already pruned to density 0\.25"):
        masks.check_room(Mask({"a": torch.tensor([True, False, False, False])}), 0.5)


def test_a_density_just_above_what_is_left_is_told_apart_from_it():
    left = Mask({"a": torch.arange(25_000) < 4_999})
    with pytest.raises(UsageError, match=r"density 0\.19996, which is below 0\.2\n"):
        masks.check_room(left, 0.2)


def test_a_mask_that_brings_weights_back_or_forgets_a_layer_is_refused():
    before = Mask({"a": torch.tensor([True, False])})
    with pytest.raises(UsageError, match="keeps 1 weight"):
        masks.check_within(Mask({"a": torch.tensor([True, True])}), before, who="pruner")
    with pytest.raises(UsageError, match="does not prune a"):
        masks.check_within(Mask({"b": torch.tensor([True])}), before, who="pruner")
