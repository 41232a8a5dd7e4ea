"""GraSP against a whole Hessian, and against what removing weights does to the gradient's norm."""

from __future__ import annotations

import pytest
import torch
from tiny_landscape import learnable_data, net
from torch.autograd.functional import hessian
from torch.func import functional_call
from torch.nn import functional

from prunescope.networks.masks import keep_largest
from prunescope.pruning.grasp import gradient_flow

DATA = learnable_data()


def problem():
    model = net(seed=2, kind="batch").double()
    batches = [(images.double(), labels) for images, labels in DATA.train.batches(25)]
    return model, {"4.weight": model[4].weight}, batches


def loss(model, weight, batches, *, temperature):
    """Mean cross-entropy over all images as a function of one weight tensor."""
    images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    return functional.cross_entropy(functional_call(model, {"4.weight": weight}, (images,)) / temperature, labels)


@pytest.mark.parametrize("temperature", [1.0, 200.0])
def test_scores_are_weights_times_the_whole_hessian_times_the_gradient(temperature):
    model, weights, batches = problem()
    scores = gradient_flow(model, weights, batches, temperature=temperature, batchnorm="running")["4.weight"]
    start = model[4].weight.detach().requires_grad_()

    def of_weight(weight):
        return loss(model, weight, batches, temperature=temperature)

    (gradient,) = torch.autograd.grad(of_weight(start), start)
    curvature = hessian(of_weight, start).reshape(start.numel(), -1)
    expected = start.detach().flatten() * (curvature @ gradient.flatten())
    assert torch.allclose(scores.flatten(), expected, rtol=1e-9)


def squared_norm(model, weight, batches):
    leaf = weight.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(model, leaf, batches, temperature=1.0), leaf)
    return float(gradient.square().sum())


def test_what_is_kept_holds_the_gradient_and_what_is_removed_does_not():
    """The sign: shrinking the kept weights a little lowers the gradient's norm more than shrinking the removed ones."""
    model, weights, batches = problem()
    scores = gradient_flow(model, weights, batches, temperature=1.0, batchnorm="running")
    kept = keep_largest(scores, 0.5, scope="global").kept["4.weight"]
    weight, step = model[4].weight.detach(), 1e-5
    whole = squared_norm(model, weight, batches)
    without_kept = (squared_norm(model, weight - step * weight * kept, batches) - whole) / step
    without_rest = (squared_norm(model, weight - step * weight * ~kept, batches) - whole) / step
    assert without_kept == pytest.approx(-2 * float(scores["4.weight"][kept].sum()), rel=1e-3)
    assert without_kept < without_rest
