from __future__ import annotations

import numpy as np
import pytest
import torch

from prunescope.api import Mask
from prunescope.api.errors import UsageError
from prunescope.landscape.distance import cosine, hamming, jaccard, relative_l2


def vectors(seed, scale=1.0):
    draw = torch.Generator().manual_seed(seed)
    return {"a": scale * torch.randn(4, 3, generator=draw), "b": scale * torch.randn(5, generator=draw)}


def flat(weights):
    return np.concatenate([tensor.double().numpy().reshape(-1) for tensor in weights.values()])


def test_distances_of_weights_are_those_of_the_flat_vectors():
    one, two = vectors(0), vectors(1, scale=3.0)
    a, b = flat(one), flat(two)
    assert relative_l2(one, two) == pytest.approx(np.linalg.norm(a - b) / np.sqrt((a @ a + b @ b) / 2))
    assert cosine(one, two) == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert relative_l2(one, one) == 0
    assert cosine(one, one) == pytest.approx(1)


def test_long_unrelated_vectors_are_apart_by_the_square_root_of_two():
    draw = torch.Generator().manual_seed(0)
    one, two = ({"a": torch.randn(100_000, generator=draw)} for _ in range(2))
    assert relative_l2(one, two) == pytest.approx(2**0.5, rel=0.01)


def test_zero_vectors_and_empty_masks():
    none = {"a": torch.zeros(3)}
    assert relative_l2(none, none) == cosine(none, none) == 0
    empty = Mask({"a": torch.zeros(3) > 0})
    assert jaccard(empty, empty) == hamming(empty, empty) == 0


def test_random_masks_of_one_density_have_the_distances_the_docs_say():
    draw = torch.Generator().manual_seed(0)
    one, two = (Mask({"a": torch.rand(100_000, generator=draw) < 0.2}) for _ in range(2))
    assert jaccard(one, two) == pytest.approx((2 - 0.4) / (2 - 0.2), abs=0.01)
    assert hamming(one, two) == pytest.approx(2 * 0.2 * 0.8, abs=0.01)


@pytest.mark.parametrize("other", [{"a": torch.zeros(4)}, {"b": torch.zeros(3)}])
def test_other_structures_are_refused(other):
    with pytest.raises(UsageError, match="structure"):
        relative_l2({"a": torch.zeros(3)}, other)
    with pytest.raises(UsageError, match="structure"):
        jaccard(Mask({"a": torch.zeros(3) > 0}), Mask({name: tensor > 0 for name, tensor in other.items()}))
