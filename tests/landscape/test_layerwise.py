from __future__ import annotations

from itertools import combinations

import pytest
import slow_reference
import torch
from tiny_landscape import learnable_data, replicas, same_state, state_of

from prunescope.api.errors import UsageError
from prunescope.landscape import layerwise
from prunescope.landscape.features import layer_features, layer_sizes
from prunescope.landscape.similarity import cka, kernel, minibatch_cka, pairwise_cka


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("grams", [(), ("0", "4", "7")])
def test_kernels_of_many_layers_are_those_of_each_layer_alone(grams):
    data = learnable_data()
    models = replicas(data, count=3)
    before = [state_of(model) for model in models]
    layers = ["0", "1", "4", "7"]
    found = layerwise.kernels(models, layers, data.train, images=50, batch_size=16, grams=grams)
    assert list(found) == layers
    assert found["7"][0].is_gram == bool(grams)
    for layer in layers:
        features = [layer_features(model, layer, data.train, images=50, batch_size=50) for model in models]
        wanted = [slow_reference.cka(x.numpy(), y.numpy(), debiased=False) for x, y in combinations(features, 2)]
        assert pairwise_cka(found[layer]) == pytest.approx(wanted, abs=1e-6)
    assert layer_sizes(models[0], layers, data.train) == {"0": 144, "1": 144, "4": 16, "7": 3}
    assert all(same_state(state_of(model), state) for model, state in zip(models, before, strict=True))


def test_one_mini_batch_of_everything_is_the_debiased_estimate():
    x, y, z = random(30, 5), random(30, 40, seed=1), random(30, 2, 2, seed=2)
    found, images = minibatch_cka([(x, y, z)])
    wanted = [slow_reference.cka(a.numpy(), b.numpy(), debiased=True) for a, b in combinations((x, y, z), 2)]
    assert found == pytest.approx(wanted, abs=1e-9)
    assert images == 30


def test_mini_batches_come_near_the_debiased_estimate_of_all_images():
    x = random(4000, 6)
    y = x @ random(6, 6, seed=1) + random(4000, 6, seed=2)
    wanted = cka(kernel(x), kernel(y), debiased=True)
    found, images = minibatch_cka(zip(x.split(60), y.split(60), strict=True))
    assert images == 4000
    assert found == pytest.approx([wanted], abs=0.02)
    biased, _ = cka(kernel(x[:60]), kernel(y[:60])), None
    assert abs(found[0] - wanted) < abs(biased - wanted)


def test_batches_of_fewer_than_four_images_are_left_out():
    x, y = random(11, 3), random(11, 3, seed=1)
    assert minibatch_cka(zip(x.split(8), y.split(8), strict=True))[1] == 8
    with pytest.raises(UsageError, match="mini-batches of 4 images"):
        minibatch_cka([(x[:3], y[:3])])


def test_a_streamed_layer_is_the_mini_batch_estimate_of_its_features():
    data = learnable_data()
    models = replicas(data, count=3)
    found, images = layerwise.streamed_cka(models, "4", data.train, images=40, batch_size=16)
    features = [layer_features(model, "4", data.train, images=40, batch_size=16) for model in models]
    wanted, _ = minibatch_cka(zip(*(one.split(16) for one in features), strict=True))
    assert images == 40
    assert found == pytest.approx(wanted, abs=1e-9)


def test_no_bound_streams_nothing():
    plan = layerwise.plan({"a": 10**6, "b": 10**6}, images=10**4, replicas=2, memory=None)
    assert plan.together == (("a",), ("b",))  # but takes no more at once than it must
    assert plan.streamed == ()
