"""Scores of the first derivative against closed forms, finite differences and single examples."""

from __future__ import annotations

import pytest
import torch
from tiny_landscape import NORMS, learnable_data, net
from torch import nn
from torch.nn import functional

from prunescope.api.errors import UsageError
from prunescope.networks.models import prunable
from prunescope.pruning.gradient import connection_sensitivity, gradient_magnitude, taylor
from prunescope.pruning.loss import scored_images, scoring

DATA = learnable_data()


def softmax_regression():
    """A linear classifier, whose gradient is (softmax − one-hot) xᵀ, averaged."""
    torch.manual_seed(3)
    model = nn.Sequential(nn.Flatten(), nn.Linear(72, 3, bias=False)).double()
    batches = [(images.double(), labels) for images, labels in scored_images(DATA.train, images=30, batch_size=20)]
    return model, batches


def closed_form(model, batch):
    images, labels = batch
    rows = images.flatten(1)
    return (model(images).softmax(1) - functional.one_hot(labels, 3)).T @ rows / len(labels)


def test_a_linear_classifier_has_the_gradient_of_the_closed_form():
    model, batches = softmax_regression()
    weights = {"1.weight": model[1].weight}
    gradient = (20 * closed_form(model, batches[0]) + 10 * closed_form(model, batches[1])) / 30
    assert torch.allclose(gradient_magnitude(model, weights, batches)["1.weight"], gradient.abs())
    sensitivity = connection_sensitivity(model, weights, batches)["1.weight"]
    assert torch.allclose(sensitivity, (gradient * model[1].weight).abs())
    squares = [(model[1].weight * closed_form(model, batch)) ** 2 for batch in batches]
    assert torch.allclose(taylor(model, weights, batches)["1.weight"], (20 * squares[0] + 10 * squares[1]) / 30)


def test_connection_sensitivity_is_how_the_loss_follows_each_gate():
    """The definition: close the gate c of one weight a little, look at the loss."""
    model = net(kind="batch").double()
    images, labels = next(iter(DATA.train.batches(20)))
    images = images.double()
    weights = prunable(model)
    scores = connection_sensitivity(model, weights, [(images, labels)], batchnorm="running")
    step = 1e-6
    for name, place in [("0.weight", 5), ("0.weight", 40), ("4.weight", 17)]:
        flat, losses = weights[name].data.view(-1), []
        whole = float(flat[place])
        for gate in (1 + step, 1 - step):
            flat[place] = gate * whole
            with torch.no_grad():
                losses.append(float(functional.cross_entropy(model(images), labels)))
        flat[place] = whole
        slope = abs(losses[0] - losses[1]) / (2 * step)
        assert float(scores[name].flatten()[place]) == pytest.approx(slope, rel=1e-5, abs=1e-9)


def test_batch_statistics_are_those_of_training():
    model, batch = net(kind="batch"), next(iter(DATA.train.batches(20)))
    training = connection_sensitivity(model, prunable(model), [batch], batchnorm="batch")
    assert not torch.allclose(
        training["0.weight"], connection_sensitivity(model, prunable(model), [batch], batchnorm="running")["0.weight"]
    )
    functional.cross_entropy(model.train()(batch[0]), batch[1]).backward()
    assert torch.allclose(training["0.weight"], (model[0].weight * model[0].weight.grad).abs(), atol=1e-7)


@pytest.mark.parametrize("kind", NORMS)
@pytest.mark.parametrize("batchnorm", ["batch", "running"])
def test_scoring_leaves_every_mode_and_running_average_as_it_was(kind, batchnorm):
    model = net(kind=kind, dropout=0.5)
    model[0].train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    with scoring(model, batchnorm=batchnorm):
        assert not model[3].training
        model(torch.randn(5, 2, 6, 6))
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert kind != "batch" or model[1].track_running_stats


def test_a_weight_the_loss_does_not_reach_scores_zero():
    model = nn.Sequential(nn.Flatten(), nn.Linear(72, 3))
    model.unused = nn.Identity()
    model.unused.weight = nn.Parameter(torch.ones(2))
    model.forward = lambda images: model[1](model[0](images))
    batch = next(iter(DATA.train.batches(20)))
    weights = {"1.weight": model[1].weight, "unused.weight": model.unused.weight}
    assert not gradient_magnitude(model, weights, [batch])["unused.weight"].any()


def test_images_are_the_first_ones_and_none_is_refused():
    found = scored_images(DATA.train, images=30, batch_size=20)
    assert [len(labels) for _, labels in found] == [20, 10]
    assert torch.equal(torch.cat([images for images, _ in found]), DATA.train.images[:30])
    assert sum(len(labels) for _, labels in scored_images(DATA.train, images=999, batch_size=20)) == len(DATA.train)
    with pytest.raises(UsageError, match="0 images"):
        scored_images(DATA.train, images=0, batch_size=20)
