from __future__ import annotations

import pytest
import torch
from tiny_landscape import learnable_data, net
from torch import nn

from prunescope.api import Mask
from prunescope.landscape import hutchinson, replayed
from prunescope.landscape.hessian import GradientOfWeights, weights
from prunescope.landscape.hutchinson import Stop, trace
from prunescope.landscape.lanes import Here, Lanes
from prunescope.networks.capture import capture_on

CPU = torch.device("cpu")


def drawn(size, seed=0):
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


def masked(model):
    return Mask({"4.weight": torch.rand(model[4].weight.shape, generator=torch.Generator().manual_seed(3)) > 0.5})


@pytest.mark.parametrize("kind", ["batch", "group"])
def test_products_and_forms_are_those_of_the_gradient_batch_after_batch(kind):
    model, batches = net(kind=kind), list(learnable_data().train.batches(32))  # 32, 32 and 11 images
    at = weights(model, masked(model))
    gradient = replayed.replaying(model, at, capture_on(CPU))
    for seed, batch in enumerate([*batches, batches[0]]):
        plain, mine = GradientOfWeights(model, at, batch), gradient(batch)
        assert isinstance(mine, replayed.Replayed)
        first, second = drawn(at.size, seed), drawn(at.size, seed + 9)
        for _ in range(2):
            torch.testing.assert_close(mine.product(first), plain.product(first), rtol=1e-6, atol=1e-7)
        torch.testing.assert_close(mine.forms(first, second), plain.forms(first, second), rtol=1e-6, atol=1e-7)
        assert mine.product(second).norm() > 0


def test_a_result_is_not_overwritten_by_the_next():
    model, (batch, *_) = net(), list(learnable_data().train.batches(32))
    at = weights(model)
    mine = replayed.replaying(model, at, capture_on(CPU))(batch)
    first = mine.product(drawn(at.size))
    before = first.clone()
    mine.product(drawn(at.size, 1))
    assert torch.equal(first, before)


def test_weights_that_change_in_place_are_followed():
    model, batches = net(), list(learnable_data().train.batches(32))
    at = weights(model)
    gradient = replayed.replaying(model, at, capture_on(CPU))
    before = gradient(batches[0]).product(drawn(at.size))
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.5)
    found = gradient(batches[0]).product(drawn(at.size))
    torch.testing.assert_close(
        found, GradientOfWeights(model, at, batches[0]).product(drawn(at.size)), rtol=1e-6, atol=1e-7
    )
    assert (found - before).norm() > 0.1 * before.norm()


class Asking(nn.Module):
    """A network whose forward pass depends on a value: no recording can repeat it."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.layer = nn.Linear(72, 3)

    def forward(self, images):
        x = images.flatten(1)
        return self.layer(x if x.sum().item() > 0 else -x)


def test_what_cannot_be_recorded_is_computed_as_it_is():
    model, batches = Asking(), list(learnable_data().train.batches(32))
    at = weights(model)
    gradient = replayed.replaying(model, at, capture_on(CPU))
    for batch in batches:
        mine = gradient(batch)
        assert isinstance(mine, GradientOfWeights)
        vector = drawn(at.size)
        assert torch.equal(mine.product(vector), GradientOfWeights(model, at, batch).product(vector))


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("options", [{}, {"sketch": 3}, {"stop": Stop(relative_stderr=0.2, max_vectors=24)}])
def test_a_trace_by_recordings_is_the_same(options, count, monkeypatch):
    model, batches = net(), list(learnable_data().train.batches(32))
    given = {"vectors": 4, "mask": masked(model), **options}
    wanted = trace(model, batches, generator=torch.Generator().manual_seed(5), **given)
    monkeypatch.setattr(hutchinson, "gradients", lambda m, at, **_: replayed.replaying(m, at, capture_on(CPU)))
    monkeypatch.setattr(hutchinson, "lanes", lambda make, *_, **__: Lanes([Here() for _ in range(count)], make))
    found = trace(model, batches, generator=torch.Generator().manual_seed(5), **given)
    assert found.products == wanted.products
    assert found.estimate.value == pytest.approx(wanted.estimate.value, rel=1e-6)
    assert found.estimate.stderr == pytest.approx(wanted.estimate.stderr, rel=1e-5)
    for name, layer in wanted.layers.items():
        assert found.layers[name].value == pytest.approx(layer.value, rel=1e-5, abs=1e-6)


def test_recordings_are_for_gpus_alone():
    model, batches = net(), list(learnable_data().train.batches(32))
    assert isinstance(replayed.gradients(model, weights(model))(batches[0]), GradientOfWeights)
