from __future__ import annotations

import pytest
import slow_reference
import torch
from tiny_landscape import learnable_data, net, replicas, same_state, state_of

from prunescope.api import Mask
from prunescope.api.errors import UsageError
from prunescope.landscape.hutchinson import Stop, rademacher, trace


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


@pytest.mark.parametrize("sketch", [2, 6])
def test_a_sketch_leaves_the_mean_and_shrinks_the_standard_error(sketch):
    data = learnable_data()
    model = replicas(data)[0]
    batches = list(data.train.batches(32))
    exact = exact_trace(model, data)
    size = {"vectors": 10, "sketch": sketch}
    found = [trace(model, batches, generator=generator(seed), **size) for seed in range(20)]
    scores = torch.tensor([(each.estimate.value - exact) / each.estimate.stderr for each in found])
    assert abs(float(scores.mean())) < 4 / 20**0.5
    assert 0.65 < float(scores.std()) < 1.5
    assert found[0].products == 3 * (10 + 2 * sketch)
    plain = trace(model, batches, vectors=40, generator=generator()).estimate.stderr * 2
    rms = sum(each.estimate.stderr**2 for each in found) ** 0.5 / len(found) ** 0.5
    assert rms < plain / (1.0 if sketch == 2 else 1.4)


def test_a_sketch_of_the_whole_space_is_exact():
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2, bias=False))
    draw = generator(5)
    batch = (torch.randn(6, 1, 2, 2, generator=draw), torch.randint(2, (6,), generator=draw))
    exact = slow_reference.hessian(model, *batch).trace()
    found = trace(model, [batch], vectors=2, sketch=8, generator=generator()).estimate
    assert found.value == pytest.approx(exact, rel=1e-5)
    assert found.stderr < 1e-5


@pytest.mark.parametrize("sketch", [0, 3])
def test_each_layers_block_is_that_of_the_explicit_hessian(sketch):
    data = learnable_data()
    model = replicas(data)[0]
    batches = list(data.train.batches(32))
    found = trace(model, batches, vectors=60, sketch=sketch, generator=generator())
    diagonal = slow_reference.hessian(model, data.train.images, data.train.labels).diagonal()
    wanted, start = {}, 0
    for name, weight in model.named_parameters():
        layer = name.rpartition(".")[0]
        wanted[layer] = wanted.get(layer, 0.0) + diagonal[start : start + weight.numel()].sum()
        start += weight.numel()
    assert list(found.layers) == list(wanted)
    for layer, estimate in found.layers.items():
        assert abs(estimate.value - wanted[layer]) < 4 * estimate.stderr
        assert estimate.stderr < 0.5 * abs(diagonal.sum())


def test_over_some_parameters_alone():
    data = learnable_data()
    model = replicas(data)[0]
    kept = torch.cat([torch.full((p.numel(),), n.startswith("7.")) for n, p in model.named_parameters()])
    batches = list(data.train.batches(75))
    found = trace(model, batches, vectors=60, generator=generator(), only=["7.*"])
    assert abs(found.estimate.value - exact_trace(model, data, kept)) < 4 * found.estimate.stderr
    assert found.layers["0"].value == 0
    with pytest.raises(UsageError, match=r"'8\.\*'"):
        trace(model, batches, vectors=2, generator=generator(), only=["8.*"])


@pytest.mark.parametrize("sketch", [0, 2])
def test_it_stops_at_the_standard_error_that_is_wanted(sketch):
    data = learnable_data()
    model = replicas(data)[0]
    batches = list(data.train.batches(32))
    few = trace(model, batches, vectors=4, sketch=sketch, generator=generator())
    size = {"vectors": 4, "sketch": sketch}
    found = trace(model, batches, generator=generator(), stop=Stop(relative_stderr=0.05, max_vectors=2000), **size)
    assert few.estimate.stderr > 0.05 * few.estimate.value
    assert 0.02 * found.estimate.value < found.estimate.stderr <= 0.05 * found.estimate.value
    assert abs(found.estimate.value - exact_trace(model, data)) < 4 * found.estimate.stderr
    assert found.products > few.products


def test_it_stops_at_the_most_vectors_and_says_how_far_it_got():
    data, model = learnable_data(), net()
    batches = list(data.train.batches(32))
    found = trace(model, batches, vectors=2, generator=generator(), stop=Stop(relative_stderr=0.0, max_vectors=7))
    assert found.products == 3 * 7
    assert found.estimate.stderr > 0
    met = trace(model, batches, vectors=2, generator=generator(), stop=Stop(relative_stderr=1e9))
    assert met == trace(model, batches, vectors=2, generator=generator())


def test_a_negative_sketch_is_refused():
    with pytest.raises(UsageError, match="sketch of -1"):
        trace(net(), list(learnable_data().train.batches(75)), vectors=2, sketch=-1, generator=generator())
