from __future__ import annotations

import copy

import pytest
import timm
import torch
from torch import nn
from torch.nn import functional

import prunescope.networks.zoo  # noqa: F401 - registers the small networks with timm
from prunescope.api.errors import UsageError
from prunescope.networks.grouped.grouping import Grouped, obstacle, put, supports, take, tensors

NETWORKS = {
    "preresnet8": {"in_chans": 3},
    "vgg11_bn_cifar": {"in_chans": 3, "width": 0.125},
    "densenet40_cifar": {"in_chans": 3},
    "small_mlp": {"in_chans": 3, "img_size": 8},
    "resnet10t": {"in_chans": 3},
}


def draw(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def made(name: str, count: int, **options: object) -> list[nn.Module]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        models = [timm.create_model(name, num_classes=5, **(NETWORKS.get(name, {}) | options)) for _ in range(count)]
    return [randomised(model, seed=seed) for seed, model in enumerate(models)]


def randomised(model: nn.Module, *, seed: int) -> nn.Module:
    generator = draw(seed)
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if tensor.is_floating_point() and tensor.dim() == 1:
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5 * ("var" in name or "weight" in name))
    return model


def images(count: int, chans: int, *, seed: int = 0, size: int = 8, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    found = torch.randn(count, chans, size, size, generator=draw(seed), dtype=dtype)
    return found.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("training", [False, True])
def test_outputs_gradients_and_statistics_equal_those_of_each_model(name, training):
    models = [model.double().train(training) for model in made(name, 3)]
    size = 32 if name in {"resnet10t", "vgg11_bn_cifar"} else 8
    batches = [images(7, 3, seed=seed, size=size, dtype=torch.float64) for seed in range(3)]
    grouped = Grouped(models, shared=False).train(training)
    output = grouped(torch.cat(batches, dim=1))
    output.square().sum().backward()
    for index, (model, batch) in enumerate(zip(models, batches, strict=True)):
        wanted = model(batch)
        wanted.square().sum().backward()
        assert torch.allclose(output[:, index], wanted, rtol=1e-9, atol=1e-9)
        for name_, weight in model.named_parameters():
            found = dict(grouped.net.named_parameters())[name_].grad.unflatten(0, (3, -1))[index]
            assert torch.allclose(found, weight.grad, rtol=1e-7, atol=1e-7 * float(weight.grad.abs().max() + 1))
        copied = copy.deepcopy(model)
        take(grouped, copied, index)
        for name_, buffer in model.named_buffers():
            assert torch.allclose(copied.get_buffer(name_).double(), buffer.double(), rtol=1e-9), name_


@pytest.mark.parametrize("chans", [1, 3])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_models_that_see_the_same_images(chans, count):
    models = [model.eval() for model in made("preresnet8", count, in_chans=chans, width=0.3)]
    batch = images(3, chans)
    found = Grouped(models, shared=True)(batch)
    assert found.shape == (3, count, 5)
    for index, model in enumerate(models):
        assert torch.allclose(found[:, index], model(batch), rtol=1e-4, atol=1e-5)


def test_put_and_take_are_inverse_and_touch_one_place():
    models = made("preresnet8", 3)
    grouped = Grouped(models[:2], shared=True)
    put(grouped, models[2], 1)
    for index, model in ((0, models[0]), (1, models[2])):
        copied = made("preresnet8", 1)[0]
        take(grouped, copied, index)
        state = model.state_dict()
        assert all(torch.equal(value, state[name]) for name, value in copied.state_dict().items())
    assert all(len(tensor) == 2 for tensor in tensors(grouped).values())


class Custom(nn.Module):
    """One layer, and a forward pass to choose."""

    def __init__(self, forward) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3)
        self.chosen = forward

    def forward(self, x):
        return self.chosen(self, x)


class Doubled(nn.Conv2d):
    """A convolution by its class alone."""

    def forward(self, x):
        return 2 * super().forward(x)


def view(self, x):
    features = self.layer(x).contiguous()
    return features.view(features.size(0), -1)


def shape(self, x):
    features = self.layer(x)
    return features.reshape(features.shape[0], -1)


ALIKE = {
    "view": view,
    "shape": shape,
    "mean": lambda self, x: self.layer(x).mean((2, 3)),
    "pool": lambda self, x: functional.max_pool2d(functional.relu(self.layer(x)), 2).flatten(1),
    "images and features": lambda self, x: torch.cat([self.layer(x), functional.avg_pool2d(x, 3, 1)], 1).flatten(1),
    "inactive dropout": lambda self, x: functional.dropout(self.layer(x), 0.5, self.training).flatten(1),
}


@pytest.mark.parametrize("how", ALIKE)
def test_what_can_be_written_by_hand(how):
    models = [Custom(ALIKE[how]).eval() for _ in range(3)]
    batch = images(5, 3)
    found = Grouped(models, shared=True)(batch)
    for index, model in enumerate(models):
        assert torch.allclose(found[:, index], model(batch), rtol=1e-4, atol=1e-5)


REFUSED = {
    "over the batch": (lambda self, x: self.layer(x).mean(0), "mean"),
    "over the channels": (lambda self, x: self.layer(x).softmax(1), "softmax"),
    "depends on values": (lambda self, x: self.layer(x) if x.sum() > 0 else x, "traced"),
    "active dropout": (lambda self, x: functional.dropout(self.layer(x), 0.5, training=True), "dropout"),
    "two outputs": (lambda self, x: (self.layer(x), x), "output"),
    "all in one row": (lambda self, x: self.layer(x).flatten(), "flatten"),
    "slice of channels": (lambda self, x: self.layer(x)[:, :2], "getitem"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_what_mixes_models_is_refused_with_the_reason(how):
    forward, reason = REFUSED[how]
    model = Custom(forward).eval()
    assert reason in obstacle(model)
    assert not supports(model)
    with pytest.raises(UsageError, match="cannot be grouped"):
        Grouped([model, model], shared=True)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.LayerNorm(8), "LayerNorm"),
        (Doubled(3, 3, 3), "1.weight"),
        (nn.Conv2d(3, 3, 3, padding=1, padding_mode="circular"), "Conv2d"),
        (nn.Dropout(0.2), "Dropout"),
        (nn.Flatten(0), "Flatten"),
    ],
)
def test_layers_that_cannot_be_grouped_are_named(layer, reason):
    assert reason in obstacle(nn.Sequential(nn.Conv2d(3, 3, 1), layer).train())


def test_dropout_is_no_obstacle_in_eval_mode_and_hooks_are():
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Dropout(0.2)).eval()
    assert supports(model)
    model[0].register_forward_hook(lambda *_: None)
    assert "hooks" in obstacle(model)
