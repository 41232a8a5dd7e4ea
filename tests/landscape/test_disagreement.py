from __future__ import annotations

import math
from itertools import combinations

import pytest
import slow_reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_landscape import learnable_data, net, replicas, same_state, state_of
from tiny_training import Memory

from prunescope.api.errors import UsageError
from prunescope.landscape.disagreement import disagreements, jensen_shannon

PROBABILITIES = st.lists(st.integers(0, 5), min_size=3, max_size=3).filter(any).map(lambda w: [v / sum(w) for v in w])


@settings(max_examples=60)
@given(PROBABILITIES, PROBABILITIES)
def test_the_divergence_is_that_of_the_two_relative_entropies(p, q):
    found = jensen_shannon(torch.tensor([p], dtype=torch.float64), torch.tensor([q], dtype=torch.float64))
    assert found.item() == pytest.approx(slow_reference.jensen_shannon(p, q), abs=1e-12)
    assert 0 <= found.item() <= math.log(2) + 1e-12


@pytest.mark.parametrize("batch_size", [7, 100])
def test_pairs_equal_plain_loops(batch_size):
    data = learnable_data()
    models = replicas(data, count=3)
    with torch.no_grad():
        outputs = [model(data.test.images).double() for model in models]
    found = disagreements(models, data.test, batch_size=batch_size)
    for pair, (a, b) in zip(found, combinations(outputs, 2), strict=True):
        n = len(a)
        differ = [int(x.argmax() != y.argmax()) for x, y in zip(a, b, strict=True)]
        js = [
            slow_reference.jensen_shannon(x.tolist(), y.tolist())
            for x, y in zip(a.softmax(1), b.softmax(1), strict=True)
        ]
        assert pair.disagreement.value == sum(differ) / n
        assert pair.disagreement.n == n
        assert pair.jensen_shannon.value == pytest.approx(sum(js) / n, abs=1e-6)
        stderr = torch.tensor(js).std() / math.sqrt(n)
        assert pair.jensen_shannon.stderr == pytest.approx(float(stderr), rel=1e-4)
    assert any(pair.disagreement.value > 0 for pair in found)


def test_a_model_agrees_with_itself():
    data, model = learnable_data(), net()
    (found,) = disagreements([model, model], data.test)
    assert found.disagreement.value == 0
    assert found.jensen_shannon.value == 0
    assert found.jensen_shannon.stderr == 0


def test_the_models_are_left_as_they_were_and_limit_is_kept():
    data, models = learnable_data(), [net(0, dropout=0.5).train(), net(1)]
    before = [state_of(model) for model in models]
    first, second = (disagreements(models, data.test, batch_size=5, limit=2) for _ in range(2))
    assert first == second
    assert first[0].disagreement.n == 10
    assert all(same_state(old, state_of(model)) for old, model in zip(before, models, strict=True))


def test_no_images_is_an_error():
    with pytest.raises(UsageError, match="no images"):
        disagreements([net(), net()], Memory(torch.zeros(0, 2, 6, 6), torch.zeros(0, dtype=torch.int64)))
