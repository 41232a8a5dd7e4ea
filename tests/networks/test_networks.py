from __future__ import annotations

import math

import pytest
import timm
import torch
from torch import nn

import prunescope.networks.zoo  # noqa: F401 - what it registers is tested
from prunescope.api.errors import UsageError
from prunescope.networks.zoo.densenet import DenseNet
from prunescope.networks.zoo.preresnet import PreResNet

NAMES = [
    "densenet22_cifar",
    "densenet40_cifar",
    "preresnet8",
    "preresnet14",
    "preresnet20",
    "preresnet32",
    "preresnet56",
    "small_mlp",
    "vgg11_bn_cifar",
    "vgg13_bn_cifar",
    "vgg16_bn_cifar",
    "vgg19_bn_cifar",
]


def n_parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def preresnet_count(depth, *, classes=10, chans=3, widths=(16, 32, 64)):
    """Closed form: 3x3 and 1x1 convolutions without bias, two numbers per normalised channel, the classifier."""
    n, (a, b, c) = (depth - 2) // 6, widths
    convolutions = 9 * (chans * a + 2 * n * a * a + a * b + (2 * n - 1) * b * b + b * c + (2 * n - 1) * c * c)
    shortcuts = a * b + b * c
    norms = 2 * (2 * n * a + a + (2 * n - 1) * b + b + (2 * n - 1) * c + c)
    return convolutions + shortcuts + norms + c * classes + classes


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("chans", "size"), [(3, 32), (1, 8)])
def test_every_network_is_found_by_timm_and_takes_small_images(name, chans, size):
    fixed = {"img_size": size} if name == "small_mlp" else {}
    model = timm.create_model(name, num_classes=7, in_chans=chans, width=0.25, **fixed)
    logits = model(torch.randn(2, chans, size, size))
    assert logits.shape == (2, 7)
    assert torch.isfinite(logits).all()
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_preresnet20_has_the_published_number_of_parameters():
    assert n_parameters(timm.create_model("preresnet20")) == preresnet_count(20) == 272_282


@pytest.mark.parametrize("depth", [8, 14, 32, 56])
def test_parameters_of_preresnets_follow_the_closed_form(depth):
    model = timm.create_model(f"preresnet{depth}", num_classes=5, in_chans=1, width=0.5)
    assert n_parameters(model) == preresnet_count(depth, classes=5, chans=1, widths=(8, 16, 32))


def test_vgg16_and_densenet40_have_the_known_numbers_of_parameters():
    # VGG-16 of torchvision without its three linear layers: 14,723,136 with BatchNorm; here plus 512 * 10 + 10
    assert n_parameters(timm.create_model("vgg16_bn_cifar")) == 14_723_136 + 5_130
    assert n_parameters(timm.create_model("densenet40_cifar")) == pytest.approx(1.0e6, rel=0.06)  # Huang 2017, table 2


def test_preresnet_normalises_before_each_convolution_and_adds_the_raw_input():
    block = timm.create_model("preresnet8").eval().layer2[0]
    x = torch.randn(2, 16, 8, 8)
    first = block.conv1(block.bn1(x).clamp(min=0))
    expected = block.conv2(block.bn2(first).clamp(min=0)) + block.downsample(x)
    torch.testing.assert_close(block(x), expected)
    assert expected.shape == (2, 32, 4, 4)


def test_convolutions_are_drawn_with_variance_two_over_fan_out():
    torch.manual_seed(0)
    weight = timm.create_model("preresnet20").layer3[1].conv1.weight
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (9 * 64)), rel=0.02)
    assert weight.mean().item() == pytest.approx(0, abs=0.002)


def test_weights_of_the_paper_keep_their_names():
    state = timm.create_model("preresnet8").state_dict()
    for name in ("conv1.weight", "layer2.0.downsample.0.weight", "layer3.0.bn2.running_var", "bn.bias", "fc.weight"):
        assert name in state


@pytest.mark.parametrize("name", ["preresnet8", "vgg11_bn_cifar", "densenet22_cifar", "small_mlp"])
def test_networks_keep_timms_habits(name):
    model = timm.create_model(name, width=0.25, drop_rate=0.5).eval()
    x = torch.randn(2, 3, 32, 32)
    features = model.forward_head(model.forward_features(x), pre_logits=True)
    assert features.shape == (2, model.num_features)
    torch.testing.assert_close(model.get_classifier()(features), model(x))
    assert timm.data.resolve_model_data_config(model)["input_size"] == (3, 32, 32)
    model.reset_classifier(3)
    assert model(x).shape == (2, 3)
    model.reset_classifier(0)
    assert isinstance(model.get_classifier(), nn.Identity)
    torch.testing.assert_close(model(x), features)


def test_dropout_acts_in_training_only():
    model = timm.create_model("small_mlp", drop_rate=0.9)
    x = torch.randn(2, 3, 32, 32)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


def test_there_are_no_pretrained_weights():
    with pytest.raises(RuntimeError, match=r"(?i)no pretrained"):
        timm.create_model("preresnet8", pretrained=True)


@pytest.mark.parametrize(("build", "depth"), [(PreResNet, 21), (PreResNet, 2), (DenseNet, 21), (DenseNet, 4)])
def test_a_depth_that_does_not_exist_is_refused(build, depth):
    with pytest.raises(UsageError, match=f"depth {depth}"):
        build(depth=depth)
