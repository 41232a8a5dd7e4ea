from __future__ import annotations

import pytest
import torch
from torch import nn

from prunescope.api.errors import UsageError
from prunescope.networks.masks import check_mask, per_layer_density
from prunescope.plugins import options, publications, registry
from prunescope.plugins.testing import check_pruner
from prunescope.pruning.pruners.magnitude import Magnitude
from prunescope.pruning.pruners.random import Random


def net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Conv2d(5, 7, 3, bias=False), nn.Flatten(), nn.Linear(28, 4)
    )


CONVOLUTIONS = ["0.weight", "2.weight"]


@pytest.mark.parametrize("pruner", [Magnitude, Random])
@pytest.mark.parametrize("scope", ["layer", "global"])
@pytest.mark.parametrize("density", [0.0, 0.05, 0.1, 1 / 3, 0.8, 1.0])
def test_counts_are_exact_and_the_model_stays_as_it_was(pruner, scope, density):
    model = net()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    mask = pruner(scope=scope).mask(model, None, density, seed=0)
    check_mask(mask, model, density)
    assert mask.n_kept == round(density * (5 * 27 + 7 * 45))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_magnitude_keeps_the_largest_over_the_model():
    model = net()
    mask = Magnitude(scope="global").mask(model, None, 0.2, seed=0)
    weights = dict(model.named_parameters())
    kept = torch.cat([weights[name].abs()[mask.kept[name]] for name in CONVOLUTIONS])
    cut = torch.cat([weights[name].abs()[~mask.kept[name]] for name in CONVOLUTIONS])
    assert kept.min() > cut.max()


def test_magnitude_keeps_the_largest_of_each_layer():
    model = net()
    mask = Magnitude().mask(model, None, 0.2, seed=0)
    weights = dict(model.named_parameters())
    for name in CONVOLUTIONS:
        magnitude = weights[name].abs()
        assert magnitude[mask.kept[name]].min() > magnitude[~mask.kept[name]].max()
    assert per_layer_density(mask) == {"0.weight": 27 / 135, "2.weight": 63 / 315}


@pytest.mark.parametrize("pruner", [Magnitude, Random])
@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ({}, CONVOLUTIONS),
        ({"linear": True}, [*CONVOLUTIONS, "4.weight"]),
        ({"first": False}, ["2.weight"]),
        ({"linear": True, "last": False}, CONVOLUTIONS),
        ({"linear": True, "first": False, "last": False}, ["2.weight"]),
    ],
)
def test_which_layers_are_pruned(pruner, chosen, names):
    assert list(pruner(**chosen).mask(net(), None, 0.5, seed=0).kept) == names


def same(one, other) -> bool:
    return all(torch.equal(one.kept[name], other.kept[name]) for name in one.kept)


def test_random_masks_depend_on_the_seed_alone():
    first = Random().mask(net(0), None, 0.5, seed=3)
    torch.manual_seed(99)
    assert same(first, Random().mask(net(1), None, 0.5, seed=3))
    assert not same(first, Random().mask(net(0), None, 0.5, seed=4))


def test_random_leaves_the_global_generator_alone():
    model = net()
    state = torch.get_rng_state()
    Random().mask(model, None, 0.5, seed=3)
    assert torch.equal(state, torch.get_rng_state())


def test_magnitude_ignores_the_seed():
    assert same(Magnitude().mask(net(), None, 0.5, seed=0), Magnitude().mask(net(), None, 0.5, seed=1))


@pytest.mark.parametrize("pruner", [Magnitude, Random])
def test_a_model_without_prunable_weights_is_refused(pruner):
    with pytest.raises(UsageError, match="no prunable weights with linear=None"):
        pruner().mask(nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4)), None, 0.5, seed=0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    with pytest.raises(UsageError, match="no prunable weights with linear=False"):
        pruner(linear=False).mask(model, None, 0.5, seed=0)
    assert pruner(linear=True).mask(model, None, 0.5, seed=0).n_kept == 4


@pytest.mark.parametrize("pruner", [Magnitude(), Magnitude(scope="global", linear=True), Random(first=False)])
def test_pruners_are_what_the_core_expects(pruner):
    check_pruner(pruner)


ALL = [plugin.name for plugin in registry.find_plugins("pruners") if plugin.distribution == "prunescope"]


@pytest.mark.parametrize("name", ALL)
def test_so_is_every_other(name):
    options = {"synflow": {"rounds": 3}, "taylor": {"images": 64}}.get(name, {})
    densities = {"densities": (0.25, 0.75, 1.0)} if name == "n-of-m" else {}
    check_pruner(registry.make("pruners", name, options).instance, **densities)


@pytest.mark.parametrize("name", ["magnitude", "random", "gradient", "gradient-weight", "taylor", "activation"])
def test_an_allocation_that_would_be_ignored_is_refused(name):
    with pytest.raises(UsageError, match="allocation erk"):
        registry.make("pruners", name, {"scope": "global", "allocation": "erk"})


@pytest.mark.parametrize("name", sorted(set(ALL) - {"random"}))
def test_every_method_says_whom_to_cite(name):
    assert publications.publications_of(registry.get("pruners", name).load())


def test_the_default_options_are_no_part_of_a_recipe():
    """The allocation came later than the scope: runs of before keep their ids."""
    assert options.non_default(Magnitude()) == options.non_default(Random()) == {}
    assert options.non_default(Magnitude(scope="global")) == {"scope": "global"}
