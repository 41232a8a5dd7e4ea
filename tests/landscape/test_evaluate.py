from __future__ import annotations

import math

import pytest
import slow_reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_landscape import learnable_data, net, same_state, state_of, train
from tiny_training import Memory
from torch import nn

from prunescope.api.errors import UsageError
from prunescope.api.objective import rank
from prunescope.landscape import evaluate as module
from prunescope.landscape.estimate import mean
from prunescope.landscape.evaluate import outcomes


@pytest.mark.parametrize("batch_size", [1, 7, 75, 1000])
def test_loss_and_errors_are_those_of_a_plain_loop(batch_size):
    data = learnable_data(classes=8)
    model = train(net(classes=8), data, seed=0, steps=8)
    found = outcomes(model, data.train, batch_size=batch_size)
    wanted = slow_reference.evaluated(model, data.train, 10)
    assert mean(found.loss).value == pytest.approx(wanted["loss"], abs=1e-6)
    assert mean(found.error).value == wanted["error"]
    assert mean(found.errors["error_top5"]).value == wanted["error_top5"]
    assert 0 < wanted["error_top5"] < wanted["error"] < 1


def test_limit_takes_the_first_batches():
    data = learnable_data()
    all_of_them = outcomes(net(), data.train, batch_size=10).loss
    assert torch.equal(outcomes(net(), data.train, batch_size=10, limit=3).loss, all_of_them[:30])


def test_a_model_in_train_mode_is_evaluated_in_eval_mode_and_left_as_it_was():
    data, model = learnable_data(), net(dropout=0.5).train()
    before = state_of(model)
    first, second = (outcomes(model, data.train, batch_size=16) for _ in range(2))
    assert same_state(before, state_of(model))
    assert torch.equal(first.loss, second.loss)
    assert torch.equal(first.loss, outcomes(model.eval(), data.train, batch_size=16).loss)


@settings(max_examples=100)
@given(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), min_size=1, max_size=9), st.data())
def test_the_rank_orders_by_logit_then_by_class(row, draw):
    label = draw.draw(st.integers(0, len(row) - 1))
    order = sorted(range(len(row)), key=lambda c: (-row[c], c))
    assert rank(torch.tensor([row]), torch.tensor([label])).item() == order.index(label)


def test_a_network_that_says_nothing_is_right_about_the_first_class_alone():
    split = Memory(torch.zeros(6, 1), torch.tensor([0, 1, 2, 0, 1, 2]))
    found = outcomes(nn.Linear(1, 3, bias=False), split, batch_size=4)
    assert found.error.tolist() == [False, True, True, False, True, True]
    assert mean(found.loss).value == pytest.approx(math.log(3), abs=1e-6)


def test_nan_logits_count_as_wrong():
    split = Memory(torch.full((4, 1), math.nan), torch.tensor([0, 1, 2, 0]))
    found = outcomes(nn.Linear(1, 3), split, batch_size=4)
    assert found.error.all()
    assert found.loss.isnan().all()


def test_a_class_nobody_has_is_no_matter():
    split = Memory(torch.randn(5, 1), torch.tensor([0, 0, 2, 2, 2]))
    assert len(outcomes(nn.Linear(1, 3), split, batch_size=2).loss) == 5


def test_no_images_is_an_error():
    with pytest.raises(UsageError, match="no images"):
        outcomes(nn.Linear(1, 3), Memory(torch.zeros(0, 1), torch.zeros(0, dtype=torch.int64)), batch_size=2)


class Asked:
    """A split that keeps the sizes of the batches it is asked for."""

    def __init__(self, split):
        self.split, self.sizes = split, []

    def __len__(self):
        return len(self.split)

    def batches(self, size, *, limit=None):
        self.sizes.append(size)
        return self.split.batches(size, limit=limit)


@pytest.mark.parametrize("limit", [None, 3, 9])
@pytest.mark.parametrize("piece", [1, 20, 10**6])
@pytest.mark.parametrize("kind", ["batch", "layer", "batch without statistics"])
def test_images_go_together_where_nothing_can_tell(kind, piece, limit, monkeypatch):
    data = learnable_data()
    model, split = train(net(kind=kind), data, seed=0), Asked(data.train)
    wanted = outcomes(model, split, batch_size=8, limit=limit)
    assert split.sizes.pop() == 8
    monkeypatch.setattr(module, "by_launches", lambda _: True)
    monkeypatch.setattr(module, "piece_size", lambda *_, **__: piece)
    found = outcomes(model, split, batch_size=8, limit=limit)
    assert len(found.loss) == (75 if limit is None else min(75, 8 * limit))
    assert torch.equal(found.error, wanted.error)
    assert torch.equal(found.errors["error_top5"], wanted.errors["error_top5"])
    torch.testing.assert_close(found.loss, wanted.loss, rtol=1e-5, atol=1e-6)
    assert (split.sizes[-1] > 8) == (kind == "batch" and piece > 8)
