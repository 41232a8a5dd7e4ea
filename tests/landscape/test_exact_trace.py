from __future__ import annotations

import pytest
import slow_reference
import torch
from tiny_landscape import learnable_data, net, replicas, same_state, state_of
from torch import nn

from prunescope.api import Mask
from prunescope.api.errors import UsageError
from prunescope.api.objective import Classification
from prunescope.landscape import squared_gradients
from prunescope.landscape.exact_trace import exact_trace
from prunescope.landscape.hutchinson import trace
from prunescope.landscape.piecewise import LAYERS, NotPiecewiseLinear
from prunescope.networks import models


def explicit(model, data, kept=None):
    return slow_reference.hessian(model, data.train.images, data.train.labels, kept)


def flags(mask, model):
    return torch.cat(
        [mask.kept.get(name, torch.ones_like(weight) > 0).reshape(-1) for name, weight in model.named_parameters()]
    )


def some_mask(seed=0):
    draw = torch.Generator().manual_seed(seed)
    return Mask({"0.weight": torch.rand(4, 2, 3, 3, generator=draw) > 0.5, "4.weight": torch.zeros(4, 4, 3, 3) > 0})


class Pooled(nn.Module):
    """Grouped and dilated convolutions, a shortcut, pooling, and tokens through linear layers."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=(1, 2), dilation=(1, 2), groups=2)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 4, 1, stride=2)
        self.tokens = nn.Linear(4, 5)
        self.head = nn.Linear(5, 3)
        with torch.no_grad():
            self.norm.running_mean.fill_(0.1)
            self.norm.running_var.fill_(0.7)

    def forward(self, images):
        features = self.norm(self.first(images))
        features += images.repeat_interleave(2, dim=1)
        features = nn.functional.relu(features, inplace=True)
        features = nn.functional.max_pool2d(self.second(nn.functional.pad(features, (1, 0, 0, 1))), 2)
        tokens = nn.functional.leaky_relu(self.tokens(features.flatten(2).transpose(1, 2)), 0.1)
        return self.head(tokens.mean(1))


def pooled():
    torch.manual_seed(3)
    return Pooled().eval()


def rows():
    torch.manual_seed(4)
    return nn.Sequential(nn.Flatten(), nn.Linear(72, 5), nn.BatchNorm1d(5), nn.ReLU6(), nn.Linear(5, 3)).eval()


@pytest.mark.parametrize("make", [lambda: replicas(learnable_data())[0], lambda: net(kind="none"), pooled, rows])
@pytest.mark.parametrize("at_once", [1, 1 << 18])
def test_it_is_the_trace_of_the_explicit_hessian(make, at_once, monkeypatch):
    monkeypatch.setattr(squared_gradients, "IN_A_CACHE", at_once)
    data, model = learnable_data(), make()
    before = state_of(model)
    found = exact_trace(model, list(data.train.batches(32)))
    diagonal = explicit(model, data).diagonal()
    assert found.estimate.value == pytest.approx(diagonal.sum(), rel=1e-5)
    assert (found.estimate.stderr, found.estimate.n, found.products) == (0.0, 75, 0)
    start = 0
    wanted: dict[str, float] = {}
    for name, weight in model.named_parameters():
        layer = name.rpartition(".")[0]
        wanted[layer] = wanted.get(layer, 0.0) + diagonal[start : start + weight.numel()].sum()
        start += weight.numel()
    assert {name: one.value for name, one in found.layers.items()} == pytest.approx(wanted, rel=1e-4)
    assert same_state(before, state_of(model))


def test_over_the_kept_weights_alone_and_over_some_parameters():
    data, model = learnable_data(), replicas(learnable_data())[0]
    batches, mask = list(data.train.batches(75)), some_mask()
    found = exact_trace(model, batches, mask=mask)
    assert found.estimate.value == pytest.approx(explicit(model, data, flags(mask, model)).trace(), rel=1e-5)
    whole = exact_trace(model, batches).layers
    head = exact_trace(model, batches, only=["7.*"])
    assert head.layers["0"].value == 0
    assert head.estimate.value == pytest.approx(whole["7"].value)
    assert list(head.layers) == list(whole)


def test_a_smoothed_cross_entropy_has_the_same_trace_and_hutchinsons_estimate_agrees():
    data, model = learnable_data(), replicas(learnable_data())[0]
    batches, smoothed = list(data.train.batches(32)), Classification(label_smoothing=0.2)
    found = exact_trace(model, batches, objective=smoothed).estimate.value
    assert found == pytest.approx(exact_trace(model, batches).estimate.value)
    draw = torch.Generator().manual_seed(0)
    estimate = trace(model, batches, vectors=60, generator=draw, objective=smoothed).estimate
    assert abs(estimate.value - found) < 4 * estimate.stderr


def test_a_network_of_the_zoo_has_one():
    spec = models.ModelSpec(name="preresnet8", num_classes=3, in_chans=3, image_size=(8, 8), options={"width": 0.5})
    model = models.create(spec, seed=0).eval()
    draw = torch.Generator().manual_seed(1)
    batch = (torch.randn(3, 3, 8, 8, generator=draw), torch.tensor([0, 1, 2]))
    found = exact_trace(model, [batch]).estimate.value
    estimate = trace(model, [batch], vectors=50, generator=draw).estimate
    assert abs(estimate.value - found) < 4 * estimate.stderr


class Own(torch.autograd.Function):
    """A square that no function of torch shows."""

    @staticmethod
    def forward(context, value):
        context.save_for_backward(value)
        return value * value

    @staticmethod
    def backward(context, along):
        (value,) = context.saved_tensors
        return 2 * value * along


def written(rows):
    rows[:, 0] = 1.0
    return rows


class Odd(nn.Module):
    """A linear network but for one thing."""

    def __init__(self, what):
        super().__init__()
        self.what, self.layer, self.head = what, nn.Linear(72, 3), nn.Linear(3, 3)
        self.shift = nn.Parameter(torch.ones(3))
        self.norm = nn.BatchNorm1d(3, track_running_stats=False)

    def forward(self, images):
        rows = self.layer(images.flatten(1))
        odd = {
            "gelu": lambda: nn.functional.gelu(rows),
            "gate": lambda: rows * rows,
            "a weight used twice": lambda: self.head(rows.relu()),
            "a computed weight": lambda: nn.functional.linear(rows, 2 * self.head.weight),
            "a weight that is added": lambda: rows + self.shift,
            "the statistics of the batch": lambda: self.norm(rows),
            "a function of its own": lambda: Own.apply(rows),
            "several outputs": lambda: rows,
            "images that see each other": lambda: rows + rows.mean(0, keepdim=True),
            "rows that are no images": lambda: self.head(rows.reshape(-1, 1).expand(-1, 3)).reshape(-1, 9)[:, :3],
            "a result that is written into": lambda: written(rows),
        }[self.what]()
        if self.what == "rows that are no images":
            return odd
        if self.what == "several outputs":
            return self.head(odd)[:, None].expand(-1, 2, -1)
        return self.head(odd)


ODD = ("gelu", "gate", "a weight used twice", "a computed weight", "a weight that is added")
ODD += ("the statistics of the batch", "a function of its own", "several outputs", "images that see each other")
ODD += ("rows that are no images", "a result that is written into")


@pytest.mark.parametrize("what", ODD)
def test_what_is_not_known_to_be_piecewise_linear_is_refused(what):
    with pytest.raises(NotPiecewiseLinear):
        exact_trace(Odd(what), list(learnable_data().train.batches(75)))


class Overwriting(nn.Module):
    """Reads what an in-place function has overwritten."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(72, 3)

    def forward(self, images):
        rows = self.layer(images.flatten(1))
        nn.functional.relu(rows, inplace=True)
        return rows


def test_a_network_that_reads_what_it_has_overwritten_is_refused():
    with pytest.raises(NotPiecewiseLinear, match="overwritten"):
        exact_trace(Overwriting(), list(learnable_data().train.batches(75)))


def test_more_classes_than_pay_and_no_images_are_refused():
    batches = list(learnable_data().train.batches(75))
    assert exact_trace(net(), batches, most_classes=3).estimate.value > 0
    with pytest.raises(NotPiecewiseLinear, match="few enough classes"):
        exact_trace(net(), batches, most_classes=2)
    with pytest.raises(UsageError, match="no images"):
        exact_trace(net(), [])


def test_images_that_the_memory_does_not_hold_are_halved(monkeypatch):
    data, model = learnable_data(), replicas(learnable_data())[0]
    batches, asked, plain = list(data.train.batches(75)), [], nn.functional.linear
    whole = exact_trace(model, batches)

    def linear(rows, *rest):
        asked.append(len(rows))
        if len(rows) > 20:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(rows, *rest)

    monkeypatch.setattr(nn.functional, "linear", linear)
    monkeypatch.setattr("prunescope.landscape.piecewise.LAYERS", {**LAYERS, linear: LAYERS[plain]})
    found = exact_trace(model, batches)
    assert max(asked) == 75
    assert found.estimate.value == pytest.approx(whole.estimate.value, rel=1e-6)
    monkeypatch.setattr(nn.functional, "linear", _none)
    monkeypatch.setattr("prunescope.landscape.piecewise.LAYERS", {**LAYERS, _none: LAYERS[plain]})
    with pytest.raises(torch.OutOfMemoryError):
        exact_trace(model, batches)


def _none(*_):
    raise torch.OutOfMemoryError("CUDA out of memory")
