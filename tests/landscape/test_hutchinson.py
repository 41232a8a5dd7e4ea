from __future__ import annotations

import pytest
import slow_reference
import torch
from tiny_landscape import learnable_data, net, replicas, same_state, state_of

from prunescope.api import Mask
from prunescope.errors import UsageError
from prunescope.landscape.hutchinson import rademacher, trace


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def exact_trace(model, data, kept=None):
    return slow_reference.hessian(model, data.train.images, data.train.labels, kept).trace()


def test_the_trace_is_that_of_the_explicit_hessian_and_its_standard_error_is_calibrated():
    data = learnable_data()  # batches of 32, 32 and 11
    model = replicas(data)[0]
    batches = list(data.train.batches(32))
    exact = exact_trace(model, data)
    found = [trace(model, batches, vectors=12, generator=generator(seed)).estimate for seed in range(40)]
    scores = torch.tensor([(each.value - exact) / each.stderr for each in found])
    assert scores.abs().max() < 4
    assert abs(float(scores.mean())) < 4 / 40**0.5
    assert 0.7 < float(scores.std()) < 1.35
    values = torch.tensor([each.value for each in found])
    assert float(values.mean()) == pytest.approx(exact, abs=4 * float(values.std()) / 40**0.5)
    assert found[0].n == 75


def test_more_vectors_converge_as_one_over_the_square_root():
    data, model = learnable_data(), replicas(learnable_data())[0]
    batches = list(data.train.batches(75))
    few, many = (trace(model, batches, vectors=v, generator=generator()).estimate.stderr for v in (20, 500))
    assert many == pytest.approx(few / 5, rel=0.5)


def test_over_the_kept_weights_alone():
    data, model = learnable_data(), net()
    mask = Mask({"0.weight": torch.zeros(4, 2, 3, 3) > 0, "4.weight": torch.zeros(4, 4, 3, 3) > 0})
    kept = torch.cat([mask.kept.get(n, torch.ones_like(p) > 0).reshape(-1) for n, p in model.named_parameters()])
    batches = list(data.train.batches(75))
    found = trace(model, batches, vectors=100, generator=generator(), mask=mask).estimate
    inside, outside = exact_trace(model, data, kept), exact_trace(model, data)
    assert abs(found.value - inside) < 4 * found.stderr
    assert abs(found.value - outside) > 8 * found.stderr


def test_equal_seeds_give_equal_numbers_and_the_model_is_left_as_it_was():
    data, model = learnable_data(), net(dropout=0.5).train()
    batches, before = list(data.train.batches(40)), state_of(model)
    first, second = (trace(model, batches, vectors=3, generator=generator(7)) for _ in range(2))
    assert first == second
    assert first.products == 6
    assert same_state(before, state_of(model))
    assert trace(model, batches, vectors=3, generator=generator(8)) != first


def test_the_draws_are_signs_and_leave_torchs_own_generator_alone():
    state = torch.random.get_rng_state()
    draws = rademacher(10_000, generator=generator())
    assert set(draws.tolist()) == {-1.0, 1.0}
    assert abs(float(draws.mean())) < 0.04
    assert torch.equal(state, torch.random.get_rng_state())


def test_one_vector_is_refused():
    with pytest.raises(UsageError, match="no standard error"):
        trace(net(), list(learnable_data().train.batches(75)), vectors=1, generator=generator())
