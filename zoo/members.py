"""The networks of the zoo, by where they come from, and the smallest input that each of them takes."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import odd_layers
import odd_networks
import torch

from prunescope.api.errors import PrunescopeError
from prunescope.networks import models
from prunescope.networks.spec import ModelSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor, nn

    from prunescope.networks.spec import JSON

CLASSES = 5

SIDES = (32, 64, 96, 128, 160, 192, 224, 240, 256, 288, 384)

CHOSEN = Path(__file__).with_name("families.json")
"""The smallest network of each family of timm, its parameters, the arguments that shrink it, what it has then:
`python zoo/choose_families.py` writes it."""

MOST_PARAMETERS = 60_000_000
"""Of a network that is run, shrunk where it can be: checks in float64 take about a hundred bytes for each."""

TORCHVISION = (
    "squeezenet1_1",
    "shufflenet_v2_x0_5",
    "mnasnet0_5",
    "mobilenet_v3_small",
    "mobilenet_v2",
    "regnet_y_400mf",
    "regnet_x_400mf",
    "efficientnet_b0",
    "densenet121",
    "resnet18",
    "googlenet",
    "efficientnet_v2_s",
    "resnext50_32x4d",
    "inception_v3",
    "convnext_tiny",
    "swin_t",
    "swin_v2_t",
    "maxvit_t",
    "alexnet",
    "wide_resnet50_2",
    "vit_b_16",
    "vgg11_bn",
)
"""The smallest of each family, small ones first."""

NARROW: dict[str, dict[str, JSON]] = {
    "maxvit_t": {"stem_channels": 16, "partition_size": 2, "head_dim": 8},
    "vit_b_16": {"num_layers": 2, "num_heads": 2, "hidden_dim": 64},
}
"""Of Torchvision, whose own functions take no such arguments: the module `narrow_torchvision` builds them."""

SMALL = 10
"""Of these, that take seconds."""

QUICK = ("lcnet_035", "test_convnext", "test_efficientnet", "test_mambaout", "test_nfnet", "test_resnet", "test_vit")
"""Of timm, in CI; and the networks of our own."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One network of the zoo."""

    source: str
    """"timm", "torchvision" or "our own"."""
    family: str
    spec: ModelSpec

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.spec.name.rpartition(":")[2]

    @property
    def title(self) -> str:
        """The name, and the arguments that shrink it."""
        return " ".join([self.name, *(f"{key}={value}" for key, value in self.spec.options.items())])

    def inputs(self, count: int, *, seed: int = 0) -> Tensor:
        """Return inputs of the network's kind: images or rows of numbers, token ids where it takes those."""
        generator = torch.Generator().manual_seed(seed)
        shape = (count, self.spec.in_chans, *self.spec.image_size)
        if "token" in self.name:
            return torch.randint(0, 16, shape, generator=generator)
        return torch.randn(shape, generator=generator)

    def build(self, *, seed: int = 0) -> nn.Module:
        """Return the network with fresh weights."""
        return models.create(self.spec, seed=seed)


def list_members(*, quick: bool) -> tuple[list[Member], list[tuple[str, str, int]]]:
    """Return the networks that are run, and those that are too large to be: family, smallest network, parameters."""
    chosen = json.loads(CHOSEN.read_text())
    chosen = dict(sorted(chosen.items(), key=lambda item: item[1][3]))
    small = {family: of for family, of in chosen.items() if of[3] <= MOST_PARAMETERS}
    large = [(family, name, count) for family, (name, count, *_) in chosen.items() if family not in small]
    own = [*map(_own, odd_networks.NAMES)]
    if quick:
        return [*(make_member("timm", "", name) for name in QUICK), *own], []
    timm = [make_member("timm", family, name, options) for family, (name, _, options, _) in small.items()]
    vision = [_of_torchvision(name) for name in TORCHVISION]
    return [*own, *vision[:SMALL], *timm, *vision[SMALL:]], large


def smallest(member: Member) -> Member:
    """Return the member at the smallest image size that it takes.

    Raises:
        PrunescopeError: it takes none of those that are tried.
    """
    problem: Exception = PrunescopeError("no size was tried")
    for candidate in _sizes(member):
        try:
            if _takes(candidate):
                return candidate
        except Exception as error:  # noqa: BLE001 - whatever a network raises for an image that is too small
            problem = error
    raise PrunescopeError(f"takes no image of {SIDES}: {type(problem).__name__}: {problem}") from problem


def _sizes(member: Member) -> Iterator[Member]:
    if member.source == "our own":
        yield member
        return
    for side in SIDES:
        yield replace(member, spec=replace(member.spec, image_size=(side, side)))


def _takes(member: Member) -> bool:
    """Whether the network computes finite outputs in eval and in train mode."""
    model = member.build()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.train()(member.inputs(2))
        return bool(torch.isfinite(model.eval()(member.inputs(2))).all())


def make_member(source: str, family: str, name: str, options: Mapping[str, JSON] | None = None) -> Member:
    """Return a network of a library, at images of 224 pixels."""
    spec = replace(_spec(name, in_chans=3, image_size=(224, 224)), options=options or {})
    return Member(source=source, family=family or name, spec=spec)


def _of_torchvision(name: str) -> Member:
    module = "narrow_torchvision" if name in NARROW else "torchvision.models"
    return make_member("torchvision", name, f"{module}:{name}", NARROW.get(name))


def _own(name: str) -> Member:
    row, tokens = "row_" in name, "token" in name
    chans = odd_networks.ROW if row or tokens else 2
    size = () if row or tokens else (odd_layers.SIDE, odd_layers.SIDE)
    return Member(source="our own", family="", spec=_spec(f"odd_networks:{name}", in_chans=chans, image_size=size))


def _spec(name: str, *, in_chans: int, image_size: tuple[int, ...]) -> ModelSpec:
    return ModelSpec(name=name, num_classes=CLASSES, in_chans=in_chans, image_size=image_size)
