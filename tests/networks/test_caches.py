"""A network that keeps what it computed of its weights computes with the weights that it has."""

import copy

import pytest
import timm
import torch

from prunescope.networks import models
from prunescope.networks.models import ModelSpec

NAMES = ["levit_128s", "efficientvit_m0", "tiny_vit_5m_224", "efficientformerv2_s0"]


def build(name):
    return models.create(ModelSpec(name=name, num_classes=3, in_chans=3, image_size=(224, 224)), seed=0)


@pytest.mark.parametrize("name", NAMES[:1])
def test_other_weights_are_used_at_the_next_call(name):
    model, image = build(name).eval(), torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        model(image)
        for key, value in model.named_parameters():
            if "attention_biases" in key:
                value.add_(1.5 * torch.randn(value.shape, generator=torch.Generator().manual_seed(1)))
        found = model(image)
        again = build(name)
        again.load_state_dict(model.state_dict())
        assert torch.equal(found, again.eval()(image))


@pytest.mark.parametrize("name", NAMES[:1])
def test_it_can_be_copied_after_a_call_with_derivatives(name):
    model = build(name).eval()
    model(torch.randn(1, 3, 224, 224)).sum().backward()
    copy.deepcopy(model)


def test_timms_own_caches_have_the_name_that_is_looked_for():
    for name in NAMES:
        model = timm.create_model(name)
        assert any("attention_bias_cache" in vars(module) for module in model.modules()), name


def test_other_networks_have_no_hooks():
    model = models.create(ModelSpec(name="preresnet8", num_classes=3, in_chans=3, image_size=(8, 8)), seed=0)
    assert not model._forward_pre_hooks
    assert not model._forward_hooks
