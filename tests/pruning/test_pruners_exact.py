"""Every pruner keeps exactly what it is asked to, of convolutional networks, transformers and mixers."""

from __future__ import annotations

from functools import lru_cache

import pytest
import timm
import torch
from timm.layers import GatedMlp, GluMlp
from timm.models import mlp_mixer
from torch import nn

from prunescope.api import Data
from prunescope.networks import zoo
from prunescope.networks.masks import check_mask
from prunescope.plugins import registry
from prunescope.plugins.testing.toys import ToySplit

OURS = {
    name: {"width": 0.125 if "vgg" in name else 0.25}
    for module in (zoo.preresnet, zoo.vgg, zoo.densenet, zoo.mlp)
    for name in module.default_cfgs
}

CONVOLUTIONAL = {
    "test_resnet": {},
    "test_byobnet": {},
    "test_efficientnet": {},
    "mobilenetv3_small_050": {},
    "convnext_atto": {"depths": (1, 1, 2, 1), "dims": (16, 24, 32, 48)},
}

TRANSFORMERS = {
    "vit_tiny_patch16_224": {"img_size": 32, "patch_size": 8, "depth": 3, "embed_dim": 48},
    "deit_tiny_distilled_patch16_224": {"img_size": 32, "patch_size": 8, "depth": 2, "embed_dim": 48},
}

MIXERS = {
    "mixer": {"block_layer": mlp_mixer.MixerBlock},
    "gmixer": {"block_layer": mlp_mixer.MixerBlock, "mlp_layer": GluMlp, "mlp_ratio": (1.0, 4.0)},
    "resmlp": {"mlp_ratio": 4, "block_layer": mlp_mixer.ResBlock, "norm_layer": mlp_mixer.Affine},
    "gmlp": {"mlp_ratio": 4, "block_layer": mlp_mixer.SpatialGatingBlock, "mlp_layer": GatedMlp},
}
"""What timm's own names for these families fix but their size."""

OF_TIMM = CONVOLUTIONAL | TRANSFORMERS | MIXERS

DENSITIES = (0.002, 0.05, 1 / 3)

OPTIONS = {
    "gradient": {"images": 4, "batch_size": 4},
    "gradient-weight": {"images": 4, "batch_size": 4},
    "taylor": {"images": 4, "batch_size": 2},
    "activation": {"images": 4, "batch_size": 4},
    "snip": {"images": 4, "batch_size": 4},
    "grasp": {"images_per_class": 1, "batch_size": 4},
    "synflow": {"rounds": 3},
}

PRUNERS = sorted(plugin.name for plugin in registry.find_plugins("pruners") if plugin.distribution == "prunescope")


@lru_cache(maxsize=1)
def network(name: str) -> tuple[nn.Module, Data]:
    torch.manual_seed(0)
    if name in MIXERS:
        small = {"img_size": 32, "patch_size": 8, "num_blocks": 2, "embed_dim": 32}
        model = mlp_mixer.MlpMixer(num_classes=4, **small, **MIXERS[name])
    else:
        model = timm.create_model(name, num_classes=4, **(OURS | OF_TIMM)[name])
    images = torch.randn(8, 3, 32, 32)
    split = ToySplit(images, torch.arange(8) % 4)
    size = (32, 32)
    data = Data(name="noise", train=split, test=split, num_classes=4, in_chans=3, image_size=size, fingerprint="noise")
    return model, data


def kept_exactly(name, pruner, density, **options):
    model, data = network(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    made = registry.make("pruners", pruner, {**OPTIONS.get(pruner, {}), **options}).instance
    mask = made.mask(model, data, density, seed=0)
    check_mask(mask, model, density)
    assert mask.n_kept == round(density * mask.n_weights)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", [*OURS, *OF_TIMM])
def test_every_pruner_keeps_exactly_what_it_is_asked_to(name):
    for number, pruner in enumerate(PRUNERS):
        linear = name in TRANSFORMERS or name in MIXERS or name == "small_mlp" or number % 2 == 0
        densities = (0.25, 0.5) if pruner == "n-of-m" else (DENSITIES[number % 3], 0.002)
        for density in densities:
            kept_exactly(name, pruner, density, linear=linear)


@pytest.mark.parametrize("pruner", ["magnitude", "random", "activation"])
@pytest.mark.parametrize("options", [{"scope": "global"}, {"allocation": "erk"}, {"allocation": "lamp"}])
def test_so_does_every_allocation(pruner, options):
    for name in ("preresnet20", "vit_tiny_patch16_224", "resmlp"):
        for density in DENSITIES:
            kept_exactly(name, pruner, density, linear=True, **options)


def test_the_networks_are_convolutional_ones_transformers_and_mixers():
    assert len(OF_TIMM) >= 10
    assert len(OURS) >= 10
