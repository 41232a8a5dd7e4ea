from __future__ import annotations

import pytest
import torch
from tiny_landscape import learnable_data, net, replicas
from torch.nn import functional

from prunescope.api import Mask
from prunescope.api.errors import UsageError
from prunescope.landscape.sam_sharpness import sam_sharpness


def batches(size=75):
    return list(learnable_data().train.batches(size))


def test_one_step_is_that_of_the_paper():
    data, model = learnable_data(), replicas(learnable_data())[0]
    found = sam_sharpness(model, batches(32), rho=0.1)
    weights = list(model.parameters())
    loss = functional.cross_entropy(model(data.train.images), data.train.labels)
    gradients = torch.autograd.grad(loss, weights)
    length = torch.cat([g.flatten() for g in gradients]).norm()
    with torch.no_grad():
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.add_(0.1 * gradient / length)
        worse = functional.cross_entropy(model(data.train.images), data.train.labels)
    assert found.value == pytest.approx(float(worse - loss.detach()), rel=1e-4)
    assert found.n == 75
    assert found.stderr > 0


def test_a_linear_loss_rises_by_rho_times_the_gradient():
    model, small = net(kind="group"), 1e-3
    loss = functional.cross_entropy(model(batches()[0][0]), batches()[0][1])
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    length = float(torch.cat([g.flatten() for g in gradients]).norm())
    assert sam_sharpness(model, batches(), rho=small).value == pytest.approx(small * length, rel=0.02)
    assert sam_sharpness(model, batches(), rho=0.0).value == 0


def test_more_steps_find_a_point_at_least_as_bad():
    model = replicas(learnable_data())[0]
    one, ten = (sam_sharpness(model, batches(), rho=0.5, steps=steps).value for steps in (1, 10))
    assert ten >= one > 0


def test_masked_weights_are_not_moved():
    model = replicas(learnable_data())[0]
    none = Mask({name: torch.zeros_like(p) > 0 for name, p in model.named_parameters()})
    assert sam_sharpness(model, batches(), rho=0.5, mask=none).value == 0
    some = Mask({"4.weight": torch.zeros(4, 4, 3, 3) > 0})
    assert (
        0 < sam_sharpness(model, batches(), rho=0.01, mask=some).value < sam_sharpness(model, batches(), rho=0.01).value
    )


def test_the_adaptive_ball_does_not_see_a_scale_that_cancels():
    def two_layers(scale):
        draw = torch.Generator().manual_seed(0)
        model = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(72, 5, bias=False), torch.nn.ReLU(), torch.nn.Linear(5, 3, bias=False)
        )
        with torch.no_grad():
            model[1].weight.copy_(torch.randn(5, 72, generator=draw) * 0.1 * scale)
            model[3].weight.copy_(torch.randn(3, 5, generator=draw) / scale)
        return model

    plain = [sam_sharpness(two_layers(scale), batches(), rho=0.05).value for scale in (1, 10)]
    adaptive = [sam_sharpness(two_layers(scale), batches(), rho=0.05, adaptive=True).value for scale in (1, 10)]
    assert adaptive[0] == pytest.approx(adaptive[1], rel=1e-3)
    assert abs(plain[1] / plain[0] - 1) > 0.1


@pytest.mark.parametrize("wrong", [{"rho": -1.0}, {"rho": 1.0, "steps": 0}, {"rho": 1.0, "steps": 2, "adaptive": True}])
def test_wrong_balls_are_refused(wrong):
    with pytest.raises(UsageError, match="rho"):
        sam_sharpness(net(), batches(), **wrong)
