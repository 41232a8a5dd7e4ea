"""What a network returns, and which fast ways of running it agree with the plain one."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor, nn

from prunescope.api.errors import UsageError
from prunescope.networks.grouped.grouping import supports
from prunescope.networks.layout import laid_out, runs_plainly
from prunescope.networks.models import _ready
from prunescope.networks.outputs import main_output, refuse_probabilities
from prunescope.networks.usable import make_usable, try_network

IMAGES = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))


class Base(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.c2 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.h = nn.Linear(8, 3)
        self.more()

    def more(self) -> None:
        pass

    def features(self, x: Tensor) -> Tensor:
        return self.c2(self.c1(x).relu()).relu()

    def forward(self, x: Tensor) -> object:
        return self.h(self.features(x).mean((2, 3)))


class View(Base):
    def more(self) -> None:
        self.h = nn.Linear(512, 3)

    def forward(self, x: Tensor) -> object:
        return self.h(self.features(x).view(-1, 512))


class Strides(Base):
    """Runs in channels_last and returns something else there."""

    def more(self) -> None:
        self.h = nn.Linear(512, 3)

    def forward(self, x: Tensor) -> object:
        features = self.features(x)
        return self.h(features.as_strided((len(x), 512), (512, 1)))


class Tied(Base):
    def more(self) -> None:
        self.c3 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.c3.weight = self.c2.weight

    def forward(self, x: Tensor) -> object:
        return self.h(self.c3(self.features(x)).mean((2, 3)))


class Gate(Base):
    def more(self) -> None:
        self.g = nn.Conv2d(8, 1, 1)

    def forward(self, x: Tensor) -> object:
        features = self.features(x)
        return self.h((features * torch.sigmoid(self.g(features))).mean((2, 3)))


class Last(Base):
    def more(self) -> None:
        self.m = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> object:
        return self.h(self.m(self.features(x)).mean((2, 3)))


class Named(Base):
    def forward(self, x: Tensor) -> object:
        return {"loss": x.mean(), "logits": Base.forward(self, x)}


class Pair(Base):
    def forward(self, x: Tensor) -> object:
        return Base.forward(self, x), x


class Auxiliary(Base):
    def forward(self, x: Tensor) -> object:
        output = Base.forward(self, x)
        return (output, output) if self.training else output


class Places(Base):
    def more(self) -> None:
        self.h = nn.Conv2d(8, 3, 1)

    def forward(self, x: Tensor) -> object:
        return self.h(self.features(x).mean((2, 3), keepdim=True))


class Softmax(Base):
    def forward(self, x: Tensor) -> object:
        return torch.softmax(self.h(self.features(x).mean((2, 3))), 1)


def network(kind: type[nn.Module]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return kind()


def used(kind: type[nn.Module]) -> nn.Module:
    model = network(kind)
    fast = IMAGES.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    make_usable(model, fast, classes=3, who=kind.__name__, key=f"{kind.__name__} of these tests")
    return laid_out(model)


@pytest.mark.parametrize("kind", [View, Strides])
@torch.no_grad()
def test_a_network_that_fails_or_differs_in_channels_last_runs_plainly(kind: type[nn.Module]) -> None:
    model = used(kind)
    assert runs_plainly(model)
    fast = IMAGES.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    assert torch.equal(model(fast), network(kind)(IMAGES))
    assert not runs_plainly(used(Base))
    assert supports(used(Base))


@pytest.mark.parametrize("kind", [Tied, Gate, Last])
def test_a_network_whose_grouped_copies_fail_is_not_grouped(kind: type[nn.Module]) -> None:
    assert supports(network(kind))
    assert not supports(used(kind))


@pytest.mark.parametrize("kind", [Named, Pair, Auxiliary, Places])
@torch.no_grad()
def test_the_main_output_is_taken_in_both_modes(kind: type[nn.Module]) -> None:
    model, plain = used(kind), network(kind)
    if kind is not Places:
        plain.forward = lambda x: Base.forward(plain, x)  # type: ignore[method-assign]
    for mode in (True, False):
        assert model.train(mode)(IMAGES).shape == (4, 3)
        assert torch.allclose(model(IMAGES), plain(IMAGES).flatten(1), atol=1e-6)


def test_probabilities_are_refused() -> None:
    with pytest.raises(UsageError, match="probabilities already"):
        try_network(network(Softmax), IMAGES, classes=3, who="it")
    for logits in (torch.rand(4, 3), torch.zeros(4, 3), torch.rand(4, 3).log_softmax(1), torch.ones(4, 1)):
        refuse_probabilities(logits, who="it")


def test_labels_outside_the_head_are_refused() -> None:
    with pytest.raises(UsageError, match="labels go up to 3, and it has 3 outputs"):
        try_network(network(Base), IMAGES, classes=4, who="it")


def test_a_failing_layer_is_named() -> None:
    with pytest.raises(UsageError, match=r"it fails in layer 'c1' on images of 3x8x8 .*expected input"):
        try_network(network(Base), torch.zeros(2, 3, 8, 8), classes=3, who="it")


@pytest.mark.parametrize("output", [{"a": torch.zeros(2), "b": torch.ones(2)}, {}, (), "text", (1, 2)])
def test_unclear_outputs_are_refused(output: object) -> None:
    with pytest.raises(UsageError, match="wanted one tensor"):
        main_output(output, who="it")


def test_maps_are_refused_where_labels_are_classes() -> None:
    with pytest.raises(UsageError, match="returns 8 x 8 x 8 for each example"):
        try_network(nn.Conv2d(1, 8, 3, padding=1), IMAGES, classes=3, who="it")


def test_a_network_that_cannot_be_copied_is_refused() -> None:
    model = network(Base)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nn.utils.weight_norm(model.c2)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="cannot be copied"):
        try_network(model, IMAGES, classes=3, who="it")


@pytest.mark.parametrize("kind", [torch.float16, torch.float64])
def test_networks_of_other_types_are_made_float32(kind: torch.dtype) -> None:
    assert {value.dtype for value in _ready(network(Base).to(kind)).state_dict().values()} == {torch.float32}


def test_a_lazy_layer_is_refused_by_name() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.LazyConv2d(4, 3))
    with pytest.raises(UsageError, match="layer '1' is a LazyConv2d"):
        _ready(model)


class Noise(Base):
    def forward(self, x: Tensor) -> object:
        return self.h(nn.functional.dropout(self.features(x).mean((2, 3))))


class Volumes(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Conv3d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, 3))


def test_a_network_that_is_random_in_eval_mode_is_refused() -> None:
    with pytest.raises(UsageError, match="it returns something else for the same inputs each time"):
        try_network(network(Noise), IMAGES, classes=3, who="it")
    try_network(nn.Sequential(network(Base), nn.Dropout()), IMAGES, classes=3, who="it")


@torch.no_grad()
def test_convolutions_of_three_dimensions_run_plainly() -> None:
    model, volumes = network(Volumes), torch.randn(2, 1, 5, 5, 5, generator=torch.Generator().manual_seed(0))
    wanted = model(volumes)
    make_usable(model, volumes, classes=3, who="it", key="volumes of these tests")
    assert torch.equal(laid_out(model)(volumes), wanted)
