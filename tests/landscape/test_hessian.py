from __future__ import annotations

import numpy as np
import pytest
import slow_reference
import torch
from tiny_landscape import learnable_data, net, same_state, state_of
from torch import nn

from prunescope.api import Mask
from prunescope.api.errors import UsageError
from prunescope.landscape.hessian import GradientOfWeights, shares, weights


def explicit(model, batch, mask=None):
    at = weights(model, mask)
    gradient = GradientOfWeights(model, at, batch)
    return torch.stack([gradient.product(row) for row in torch.eye(at.size)]).double().numpy()


def first_batch(size=20):
    return next(iter(learnable_data().train.batches(size)))


@pytest.mark.parametrize("kind", ["batch", "batch without affine", "group", "none"])
def test_products_with_unit_vectors_give_the_explicit_hessian(kind):
    model, batch = net(kind=kind), first_batch()
    found, wanted = explicit(model, batch), slow_reference.hessian(model, *batch)
    assert np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).max()


def test_masked_weights_are_projected_out_and_all_others_stay():
    model, batch = net(), first_batch()
    mask = Mask({"4.weight": torch.rand(4, 4, 3, 3, generator=torch.Generator().manual_seed(0)) < 0.3})
    with torch.no_grad():
        model[4].weight *= mask.kept["4.weight"]
    at = weights(model, mask)
    flags = [mask.kept[name] if name in mask.kept else torch.ones_like(p) > 0 for name, p in model.named_parameters()]
    kept = torch.cat([flag.reshape(-1) for flag in flags])
    assert at.rank == int(kept.sum()) < at.size
    found = explicit(model, batch, mask)
    assert not found[~kept.numpy()].any()
    assert not found[:, ~kept.numpy()].any()
    wanted = slow_reference.hessian(model, *batch, kept=kept)
    inner = found[np.ix_(kept.numpy(), kept.numpy())]
    assert np.abs(inner - wanted).max() < 1e-5 * np.abs(wanted).max()


def test_the_model_is_left_as_it_was_and_may_be_frozen():
    model, batch = net(dropout=0.5).train(), first_batch()
    wanted = explicit(model, batch)
    model.requires_grad_(requires_grad=False)
    before = state_of(model)
    with torch.inference_mode(mode=False), torch.no_grad():
        found = explicit(model, batch)
    assert same_state(before, state_of(model))
    assert np.array_equal(found, wanted)


def test_a_parameter_that_is_not_used_has_zero_curvature():
    class Spare(nn.Module):
        def __init__(self):
            nn.Module.__init__(self)
            self.used = nn.Linear(1, 2, bias=False)
            self.spare = nn.Parameter(torch.ones(2))

        def forward(self, images):
            return self.used(images)

    batch = (torch.ones(3, 1), torch.tensor([0, 1, 1]))
    found = explicit(Spare(), batch)
    assert not found[:2].any()
    assert found[2:, 2:].any()


def test_fused_attention_has_a_second_derivative_too():
    class Attention(nn.Module):
        def __init__(self):
            nn.Module.__init__(self)
            self.key = nn.Parameter(torch.tensor([[0.5, -0.2], [0.1, 0.3]]))

        def forward(self, images):
            x = images @ self.key
            return nn.functional.scaled_dot_product_attention(x, x, x).mean(1)

    batch = (torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 1]))
    found = explicit(Attention(), batch)
    assert np.abs(found).max() > 1e-3
    assert np.allclose(found, found.T, atol=1e-6)


def test_shared_weights_count_once():
    shared = nn.Linear(2, 2, bias=False)
    model = nn.Sequential(shared, nn.Tanh(), shared)
    assert weights(model).size == 4
    batch = (torch.randn(5, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 1, 0, 1]))
    wanted = slow_reference.hessian(model, *batch)
    assert np.abs(explicit(model, batch) - wanted).max() < 1e-5


def test_the_shares_are_those_of_the_images():
    batches = list(learnable_data(train=25).train.batches(10))
    assert shares(batches) == [0.4, 0.4, 0.2]
    with pytest.raises(UsageError, match="no images"):
        shares([])


def test_a_mask_of_another_model_is_refused():
    with pytest.raises(UsageError, match=r"'conv\.weight'"):
        weights(net(), Mask({"conv.weight": torch.ones(1, dtype=torch.bool)}))


class Gated(nn.Module):
    """A layer that is scaled by a function of itself, as in squeeze-and-excitation."""

    def __init__(self, gate):
        nn.Module.__init__(self)
        self.first, self.second, self.gate = nn.Linear(4, 5), nn.Linear(5, 3), gate

    def forward(self, x):
        x = self.first(x)
        return self.second(x * self.gate(x.clone()))


@pytest.mark.parametrize("inplace", [False, True])
def test_hardsigmoid_has_the_second_derivative_that_torch_lacks(inplace):
    torch.manual_seed(0)
    model = Gated(nn.Hardsigmoid(inplace=inplace))
    twin = Gated(lambda x: (x + 3).clamp(0, 6) / 6)
    twin.load_state_dict(model.state_dict())
    batch = (3 * torch.randn(30, 4), torch.randint(0, 3, (30,)))
    np.testing.assert_allclose(explicit(model, batch), explicit(twin, batch), atol=1e-6)


class Cosine(nn.Module):
    """Attention by the cosine to keys, of which one is zero, as that of a padded window."""

    def __init__(self, normalize):
        super().__init__()
        self.first, self.second, self.normalize = nn.Linear(4, 6), nn.Linear(3, 3), normalize

    def forward(self, x):
        keys = self.first(x).view(-1, 3, 2) * torch.tensor([1.0, 1.0, 0.0])[:, None]
        return self.second(self.normalize(keys, dim=-1).sum(-1))


def test_rows_of_zeros_have_a_second_derivative_where_they_are_normalised():
    torch.manual_seed(0)
    model = Cosine(nn.functional.normalize)
    smooth = Cosine(lambda keys, dim: keys / (keys.square().sum(dim, keepdim=True) + 1e-24).sqrt())
    smooth.load_state_dict(model.state_dict())
    batch = (torch.randn(30, 4), torch.randint(0, 3, (30,)))
    found = explicit(model, batch)
    assert np.isfinite(found).all()
    assert np.abs(found).max() > 0.01
    np.testing.assert_allclose(found, explicit(smooth, batch), atol=1e-6)


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_normalising_gives_the_same_loss_as_outside(p):
    torch.manual_seed(0)
    model = Cosine(lambda keys, dim: nn.functional.normalize(keys, p=p, dim=dim))
    batch = (torch.randn(30, 4), torch.randint(0, 3, (30,)))
    wanted = torch.autograd.grad(nn.functional.cross_entropy(model(batch[0]), batch[1]), [*model.parameters()])
    found = GradientOfWeights(model, weights(model), batch).grads
    for (_, one), other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)
