from __future__ import annotations

import math

import numpy as np
import pytest
import slow_reference
import torch
from tiny_landscape import learnable_data, net, replicas, same_state, state_of

from prunescope.api import Mask
from prunescope.api.errors import UsageError
from prunescope.landscape.spectrum import Spectrum, quadrature, spectrum


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def gauss(size, draw):
    return lambda: torch.randn(size, generator=draw, dtype=torch.float64)


def test_one_rule_has_the_moments_of_its_vector_up_to_twice_the_steps():
    values = torch.linspace(-1, 2, 30, dtype=torch.float64)
    start = gauss(30, generator(3))()
    found = quadrature(lambda v: values * v, lambda: start, rank=30, vectors=1, steps=5)
    weight = start**2 / (start @ start)
    for degree in range(10):
        wanted = float((weight * values**degree).sum())
        assert float((found.masses * found.nodes**degree).sum()) == pytest.approx(wanted, abs=1e-9)
    assert float((found.masses * found.nodes**10).sum()) != pytest.approx(float((weight * values**10).sum()), abs=1e-6)


def test_many_vectors_converge_to_the_density_of_all_eigenvalues():
    values = torch.cat([torch.zeros(90), torch.full((10,), 4.0)]).double()
    found = quadrature(lambda v: values * v, gauss(100, generator()), rank=100, vectors=400, steps=3)
    mass_at_four = (found.masses * (found.nodes > 2)).sum(1)
    error = float(mass_at_four.std()) / math.sqrt(400)
    assert float(mass_at_four.mean()) == pytest.approx(0.1, abs=4 * error)
    assert error < 0.003


def test_a_space_that_closes_early_leaves_nodes_without_mass():
    values = torch.tensor([1.0, 1.0, 3.0], dtype=torch.float64)
    found = quadrature(lambda v: values * v, gauss(3, generator()), rank=3, vectors=2, steps=3)
    assert found.masses.sum(1).tolist() == pytest.approx([1.0, 1.0])
    assert found.masses[:, 2].tolist() == [0.0, 0.0]
    assert found.products == 4


def test_the_smoothed_density_integrates_to_one():
    rule = Spectrum(torch.tensor([[-1.0, 2.0]]), torch.tensor([[0.25, 0.75]]), rank=2, products=2)
    grid = torch.linspace(-3, 4, 7001)
    curve = rule.density(grid, width=0.1)[0]
    assert float(torch.trapezoid(curve, grid)) == pytest.approx(1.0, abs=1e-4)
    assert float(torch.trapezoid(curve * grid, grid)) == pytest.approx(1.25, abs=1e-3)


def test_the_cumulative_density_is_that_of_the_explicit_hessian():
    data = learnable_data()
    model = replicas(data)[0]
    exact = np.linalg.eigvalsh(slow_reference.hessian(model, data.train.images, data.train.labels))
    found = spectrum(model, list(data.train.batches(32)), vectors=8, steps=20, generator=generator())
    assert found.rank == len(exact)
    for cut in (exact[-2:].mean(), exact[-4:-2].mean(), 0.1 * exact[-1]):
        share = (found.masses * (found.nodes > cut)).sum(1)
        assert float(share.mean()) == pytest.approx((exact > cut).mean(), abs=4 * float(share.std()) / math.sqrt(8))
    mean = (found.masses * found.nodes).sum(1)
    assert float(mean.mean()) == pytest.approx(exact.mean(), abs=4 * float(mean.std()) / math.sqrt(8))
    assert float(found.nodes.max()) == pytest.approx(exact[-1], rel=1e-3)


def test_over_the_kept_weights_of_some_parameters_alone():
    data, model = learnable_data(), net()
    mask = Mask({"7.weight": torch.arange(48).reshape(3, 16) % 4 == 0})
    with torch.no_grad():
        model[7].weight *= mask.kept["7.weight"]
    batches = list(data.train.batches(75))
    found = spectrum(model, batches, vectors=2, steps=50, generator=generator(), mask=mask, only=["7.*"])
    inside = [
        torch.ones_like(p) > 0 if name == "7.bias" else mask.kept.get(name, torch.zeros_like(p) > 0)
        for name, p in model.named_parameters()
    ]
    kept = torch.cat([flags.reshape(-1) for flags in inside])
    exact = np.linalg.eigvalsh(slow_reference.hessian(model, data.train.images, data.train.labels, kept))
    assert found.rank == len(exact) == 15
    assert float(found.nodes.max()) == pytest.approx(exact[-1], rel=1e-4)


def test_equal_seeds_give_equal_numbers_and_the_model_is_left_as_it_was():
    data, model = learnable_data(), net(dropout=0.5).train()
    batches, before = list(data.train.batches(40)), state_of(model)
    first, second = (spectrum(model, batches, vectors=2, steps=4, generator=generator(3)) for _ in range(2))
    assert torch.equal(first.nodes, second.nodes)
    assert torch.equal(first.masses, second.masses)
    assert same_state(before, state_of(model))


@pytest.mark.parametrize("size", [{"vectors": 0, "steps": 3}, {"vectors": 1, "steps": 0}])
def test_no_vectors_and_no_steps_are_refused(size):
    with pytest.raises(UsageError, match="no density"):
        spectrum(net(), list(learnable_data().train.batches(75)), generator=generator(), **size)
