from __future__ import annotations

import pytest
import torch
from tiny_landscape import learnable_data, net, same_state, state_of

from prunescope.api.errors import UsageError
from prunescope.landscape import replayed
from prunescope.landscape.hessian import GradientOfWeights, shares, weights
from prunescope.landscape.operator import graph_bytes, join_batches, operator


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_products_are_the_same_however_many_graphs_are_kept(kept, monkeypatch):
    model, batches = net(), list(learnable_data().train.batches(32))
    at = weights(model)
    vector = torch.randn(at.size, generator=torch.Generator().manual_seed(0))
    wanted = sum(
        share * GradientOfWeights(model, at, batch).product(vector)
        for share, batch in zip(shares(batches), batches, strict=True)
    )
    built = []
    monkeypatch.setattr(
        replayed, "GradientOfWeights", lambda *given, **named: built.append(given) or GradientOfWeights(*given, **named)
    )
    multiply = operator(model, at, batches, graph_bytes=kept * graph_bytes(model, batches[0][0]))
    torch.testing.assert_close(multiply(vector), wanted)
    torch.testing.assert_close(multiply(vector), wanted)
    assert len(built) == kept + 2 * (3 - kept)


def test_a_single_batch_keeps_its_graph_whatever_it_takes(monkeypatch):
    model, batches = net(), list(learnable_data().train.batches(75))
    built = []
    monkeypatch.setattr(
        replayed, "GradientOfWeights", lambda *given, **named: built.append(given) or GradientOfWeights(*given, **named)
    )
    multiply = operator(model, weights(model), batches, graph_bytes=0)
    for _ in range(3):
        multiply(torch.ones(weights(model).size))
    assert len(built) == 1


def test_the_size_of_a_graph_grows_with_the_images_and_looking_leaves_the_model_alone():
    model = net(dropout=0.5).train()
    before = state_of(model)
    one, ten = (graph_bytes(model, torch.zeros(n, 2, 6, 6)) for n in (1, 10))
    weights_twice = 2 * 4 * sum(weight.numel() for weight in model.parameters())
    assert ten - weights_twice == 10 * (one - weights_twice) > 0
    assert same_state(before, state_of(model))


def test_no_images_are_refused():
    with pytest.raises(UsageError, match="no images"):
        operator(net(), weights(net()), [])


def test_batches_are_joined_in_order_and_their_products_are_the_same():
    model, batches = net(), list(learnable_data().train.batches(16))  # 75 images
    at = weights(model)
    room = 2 * graph_bytes(model, batches[0][0])
    found = join_batches(model, batches, room=room)
    assert [len(labels) for _, labels in found] == [32, 32, 11]
    assert torch.equal(torch.cat([images for images, _ in found]), torch.cat([images for images, _ in batches]))
    vector = torch.randn(at.size, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(operator(model, at, found)(vector), operator(model, at, batches)(vector))
