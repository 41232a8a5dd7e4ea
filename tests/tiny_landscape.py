"""Small data that can be learnt, networks with every kind of norm, and a few steps of training, for measurements."""

from __future__ import annotations

import torch
from tiny_training import Memory
from torch import nn
from torch.nn import functional

from prunescope.api import Data


def learnable_data(*, train: int = 75, test: int = 41, classes: int = 3, chans: int = 2, size: int = 6) -> Data:
    """One noisy prototype per class."""
    draw = torch.Generator().manual_seed(11)
    prototypes = torch.randn(classes, chans, size, size, generator=draw)

    def split(count: int) -> Memory:
        labels = torch.randint(classes, (count,), generator=draw)
        images = prototypes[labels] + 1.5 * torch.randn(count, chans, size, size, generator=draw)
        return Memory(images.contiguous(memory_format=torch.channels_last), labels)

    return Data(
        name="learnable",
        train=split(train),
        test=split(test),
        num_classes=classes,
        in_chans=chans,
        image_size=(size, size),
        fingerprint="learnable",
    )


def norm(kind: str, channels: int) -> nn.Module:
    return {
        "batch": lambda: nn.BatchNorm2d(channels),
        "batch without affine": lambda: nn.BatchNorm2d(channels, affine=False),
        "batch without statistics": lambda: nn.BatchNorm2d(channels, track_running_stats=False),
        "group": lambda: nn.GroupNorm(2, channels),
        "layer": lambda: nn.LayerNorm([channels, 6, 6]),
        "none": nn.Identity,
    }[kind]()


NORMS = ("batch", "batch without affine", "batch without statistics", "group", "layer", "none")


def net(seed: int = 0, *, kind: str = "batch", chans: int = 2, classes: int = 3, dropout: float = 0.0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(chans, 4, 3, padding=1, bias=kind == "none"),
            norm(kind, 4),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Conv2d(4, 4, 3, stride=2),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(16, classes),
        ).eval()


def train(model: nn.Module, data: Data, *, seed: int, steps: int = 30, learning_rate: float = 0.2) -> nn.Module:
    """Train in place, gently, keeping zero weights zero; back in eval mode."""
    order = torch.Generator().manual_seed(seed)
    masks = [(weight != 0).float() for weight in model.parameters()]
    model.train()
    for _ in range(steps):
        chosen = torch.randint(len(data.train), (16,), generator=order)
        loss = functional.cross_entropy(model(data.train.images[chosen]), data.train.labels[chosen])
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for weight, gradient, mask in zip(model.parameters(), gradients, masks, strict=True):
                weight.sub_(learning_rate * gradient * mask)
    return model.eval()


def replicas(data: Data, *, count: int = 2, kind: str = "batch") -> list[nn.Module]:
    return [train(net(seed, kind=kind), data, seed=seed) for seed in range(count)]


def state_of(model: nn.Module) -> dict[str, object]:
    """Everything a measurement must leave alone: values, layout, modes, gradient flags, hooks."""
    return {
        "values": {name: value.clone() for name, value in model.state_dict().items()},
        "strides": [p.stride() for p in model.parameters()],
        "modes": [module.training for module in model.modules()],
        "momenta": [getattr(module, "momentum", None) for module in model.modules()],
        "flags": [(p.requires_grad, p.grad) for p in model.parameters()],
        "hooks": [len(module._forward_hooks) for module in model.modules()],
    }


def same_state(one: dict, other: dict) -> bool:
    values = all(torch.equal(one["values"][name], other["values"][name]) for name in one["values"])
    return values and all(one[key] == other[key] for key in one if key != "values")
