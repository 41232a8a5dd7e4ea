from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from tiny_training import equal_states, state_of, tiny_data, tiny_net
from torch import nn
from torch.nn.functional import cross_entropy

from prunescope.networks import masks
from prunescope.training.gradient import in_parts, plain, sharpness_aware


def batch(size: int = 16):
    data = tiny_data()
    return data.train.images[:size], data.train.labels[:size]


def pruned_net():
    model = tiny_net()
    weights = {name: weight.detach().abs() for name, weight in model.named_parameters() if weight.dim() == 4}
    mask = masks.keep_largest(weights, 0.5, scope="layer")
    masks.apply(model, mask)
    return model, mask


def slow_sam(model, mask, images, labels, *, rho, adaptive):
    """Foret et al. 2021, algorithm 1, weight by weight on copies of the model."""
    here = deepcopy(model)
    loss = cross_entropy(here(images), labels)
    gradients = dict(
        zip(dict(here.named_parameters()), torch.autograd.grad(loss, list(here.parameters())), strict=True)
    )
    total = 0.0
    for name, weight in here.named_parameters():
        kept = mask.kept[name] if mask and name in mask.kept else torch.ones_like(weight, dtype=torch.bool)
        gradients[name] = torch.where(kept, gradients[name], 0)
        scaled = gradients[name] * weight.detach().abs() if adaptive else gradients[name]
        total += float(scaled.double().pow(2).sum())
    there = deepcopy(model)
    with torch.no_grad():
        for name, weight in there.named_parameters():
            scale = weight.abs() ** 2 if adaptive else 1
            weight.add_(rho * scale * gradients[name] / (total**0.5 + 1e-12))
    worst = torch.autograd.grad(cross_entropy(there(images), labels), list(there.parameters()))
    return here, loss.detach(), worst


def test_plain_gradient_is_autograds():
    model = tiny_net()
    copy = deepcopy(model)
    images, labels = batch()
    loss, logits = plain(model)(images, labels, cross_entropy)
    wanted_logits = copy(images)
    wanted = cross_entropy(wanted_logits, labels)
    wanted.backward()
    assert torch.equal(loss, wanted.detach())
    assert torch.equal(logits, wanted_logits.detach())
    assert not loss.requires_grad
    assert not logits.requires_grad
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(model.parameters(), copy.parameters(), strict=True))


def test_plain_gradient_does_not_add_up():
    model = tiny_net()
    gradient = plain(model)
    gradient(*batch(), cross_entropy)
    first = [weight.grad.clone() for weight in model.parameters()]
    model.load_state_dict(tiny_net().state_dict())
    gradient(*batch(), cross_entropy)
    assert all(torch.equal(a, b.grad) for a, b in zip(first, model.parameters(), strict=True))


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_sam_agrees_with_the_slow_algorithm(adaptive, masked):
    model, mask = pruned_net() if masked else (tiny_net(), None)
    images, labels = batch()
    before = [weight.detach().clone() for weight in model.parameters()]
    here, wanted_loss, wanted = slow_sam(model, mask, images, labels, rho=0.3, adaptive=adaptive)
    loss, _ = sharpness_aware(model, rho=0.3, adaptive=adaptive, mask=mask)(images, labels, cross_entropy)
    torch.testing.assert_close(loss, wanted_loss)
    for weight, value, old in zip(model.parameters(), wanted, before, strict=True):
        torch.testing.assert_close(weight.grad, value, rtol=1e-4, atol=1e-6)
        assert torch.equal(weight, old)
    for name, buffer in model.named_buffers():
        assert torch.equal(buffer, dict(here.named_buffers())[name])


def test_the_mask_matters_to_sams_norm():
    model, mask = pruned_net()
    images, labels = batch()
    gradients = []
    copies = [deepcopy(model), deepcopy(model)]
    for copy, given in zip(copies, (mask, None), strict=True):
        sharpness_aware(copy, rho=0.3, adaptive=False, mask=given)(images, labels, cross_entropy)
        gradients.append(copy[0].weight.grad)
    assert not torch.allclose(gradients[0], gradients[1], rtol=1e-3)


def test_sam_with_radius_zero_is_the_plain_gradient():
    one, other = tiny_net(), tiny_net()
    sharpness_aware(one, rho=0.0, adaptive=False, mask=None)(*batch(), cross_entropy)
    plain(other)(*batch(), cross_entropy)
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert equal_states(state_of(one), state_of(other))


def test_sam_counts_one_batch_for_batchnorm():
    model = tiny_net()
    gradient = sharpness_aware(model, rho=0.5, adaptive=False, mask=None)
    for step in range(1, 4):
        gradient(*batch(), cross_entropy)
        assert int(model[1].num_batches_tracked) == step
    assert model[1].track_running_stats


def test_sam_recovers_when_a_pass_fails():
    model = tiny_net()
    before = [weight.detach().clone() for weight in model.parameters()]
    calls = []

    def failing(logits, targets):
        calls.append(1)
        if len(calls) == 2:
            raise ValueError("second pass")
        return cross_entropy(logits, targets)

    with pytest.raises(ValueError, match="second pass"):
        sharpness_aware(model, rho=0.5, adaptive=False, mask=None)(*batch(), failing)
    assert model[1].track_running_stats
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_sam_leaves_frozen_and_unused_parameters_alone():
    model = tiny_net()
    model[2].unused = nn.Parameter(torch.ones(3))
    model[0].weight.requires_grad_(False)  # noqa: FBT003
    sharpness_aware(model, rho=0.5, adaptive=True, mask=None)(*batch(), cross_entropy)
    assert model[0].weight.grad is None
    assert model[2].unused.grad is None
    assert model[7].weight.grad.any()


def without_norms():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 16])
@pytest.mark.parametrize("parts", [1, 2, 3, 5])
def test_a_gradient_in_parts_is_that_of_the_whole_batch(parts, size):
    images, labels = batch(size)
    model, seen = without_norms(), []
    model(images)
    value, logits = plain(model)(images, labels, cross_entropy)
    wanted = [weight.grad.clone() for weight in model.parameters()]
    model.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    found, outputs = in_parts(plain, parts)(model)(images, labels, cross_entropy)
    assert sum(seen) == size
    assert len(seen) == max(1, min(parts, size // 2))
    assert max(seen) - min(seen) <= 1
    torch.testing.assert_close(found, value)
    torch.testing.assert_close(outputs, logits)
    for weight, gradient in zip(model.parameters(), wanted, strict=True):
        torch.testing.assert_close(weight.grad, gradient, rtol=1e-4, atol=1e-7)


def test_weights_without_a_gradient_stay_without_one():
    images, labels = batch()
    model = without_norms()
    model(images)
    model[0].bias.requires_grad_(requires_grad=False)
    in_parts(plain, 2)(model)(images, labels, cross_entropy)
    assert model[0].bias.grad is None
    assert model[3].weight.grad.norm() > 0
