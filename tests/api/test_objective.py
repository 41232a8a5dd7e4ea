"""The objective that data carry: classification, the default, and what an abstract one must say."""

import pytest
import torch
from torch.nn import functional

from prunescope.api import CLASSIFICATION, Classification
from prunescope.api.errors import UsageError
from prunescope.api.objective import rank
from prunescope.training.mixup import mixer


def logits(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


LABELS = torch.tensor([0, 2, 1, 2, 2, 0])


def test_the_default_is_cross_entropy_to_the_bit():
    outputs = logits(6, 3)
    assert torch.equal(CLASSIFICATION.mean_loss(outputs, LABELS), functional.cross_entropy(outputs, LABELS))
    each = functional.cross_entropy(outputs, LABELS, reduction="none")
    assert torch.equal(CLASSIFICATION.losses(outputs, LABELS), each)


def test_label_smoothing_is_the_objective_s_business():
    smooth = CLASSIFICATION.smoothed(0.2)
    assert smooth == Classification(label_smoothing=0.2)
    assert CLASSIFICATION.smoothed(0.0) is CLASSIFICATION
    outputs = logits(6, 3)
    q = 0.8 * functional.one_hot(LABELS, 3) + 0.2 / 3
    torch.testing.assert_close(smooth.losses(outputs, LABELS), -(q * outputs.log_softmax(1)).sum(1))
    torch.testing.assert_close(CLASSIFICATION.losses(outputs, q), smooth.losses(outputs, LABELS))
    assert torch.equal(CLASSIFICATION.errors(outputs, q), CLASSIFICATION.errors(outputs, LABELS))


def test_top_1_and_top_5_errors_are_ranks():
    outputs = logits(40, 9)
    labels = torch.arange(40) % 9
    found = CLASSIFICATION.all_errors(outputs, labels)
    place = (outputs > outputs.gather(1, labels[:, None])).sum(1)
    assert torch.equal(found["error"], place >= 1)
    assert torch.equal(found["error_top5"], place >= 5)
    assert found["error"].any()
    assert found["error_top5"].any()
    assert set(found) == set(CLASSIFICATION.error_names)
    assert torch.equal(found["error"], CLASSIFICATION.errors(outputs, labels))


def test_a_label_whose_logit_is_nan_comes_last():
    outputs = torch.tensor([[float("nan"), 1.0], [0.0, float("nan")]])
    assert rank(outputs, torch.tensor([0, 0])).tolist() == [2, 1]


def test_a_network_has_no_error_on_its_own_predictions():
    outputs = logits(6, 3)
    assert not CLASSIFICATION.errors(outputs, CLASSIFICATION.predictions(outputs)).any()


def test_outputs_are_compared_as_softmax_in_float64():
    found = CLASSIFICATION.representation(torch.tensor([[100.0, 0.0], [0.0, 0.0]]))
    assert found.dtype == torch.float64
    assert 0 < found[0, 1] < 1e-43
    assert found.sum(1).tolist() == [1.0, 1.0]
    assert torch.equal(CLASSIFICATION.distributions(torch.ones(1, 2)), torch.full((1, 2), 0.5).double())


def test_chance_is_what_the_largest_class_leaves():
    assert CLASSIFICATION.chance(LABELS) == pytest.approx(1 - 3 / 6)
    assert CLASSIFICATION.chance(torch.zeros(4, dtype=torch.int64)) == 0.0


def test_token_ids_are_not_mixed():
    mix = mixer(alpha=1.0, num_classes=3, label_smoothing=0.0, seed=0)
    with pytest.raises(UsageError, match="token ids"):
        mix(torch.ones(4, 5, dtype=torch.int64), torch.tensor([0, 1, 2, 0]))
