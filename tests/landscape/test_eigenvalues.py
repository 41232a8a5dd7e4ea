from __future__ import annotations

import numpy as np
import pytest
import slow_reference
import torch
from tiny_landscape import learnable_data, net, replicas, same_state, state_of

from prunescope.api import Mask
from prunescope.api.errors import UsageError
from prunescope.landscape.eigenvalues import top_eigenvalues


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("batch_size", [75, 32])
def test_they_are_the_eigenvalues_of_the_explicit_hessian(batch_size):
    data = learnable_data()
    model = replicas(data)[0]
    wanted = np.linalg.eigvalsh(slow_reference.hessian(model, data.train.images, data.train.labels))[::-1]
    batches = list(data.train.batches(batch_size))
    found = top_eigenvalues(model, batches, count=3, generator=generator(), tolerance=1e-3)
    assert found.values.tolist() == pytest.approx(wanted[:3].tolist(), rel=1e-4)
    assert (found.residuals <= 1e-3 * found.values).all()


def test_over_the_kept_weights_alone():
    data, model = learnable_data(), net()
    mask = Mask({"7.weight": torch.arange(48).reshape(3, 16) % 4 == 0, "4.weight": torch.zeros(4, 4, 3, 3) > 0})
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.mul_(mask.kept.get(name, torch.tensor(1.0)))
    kept = torch.cat([mask.kept.get(n, torch.ones_like(p) > 0).reshape(-1) for n, p in model.named_parameters()])
    wanted = np.linalg.eigvalsh(slow_reference.hessian(model, data.train.images, data.train.labels, kept))[::-1]
    batches = list(data.train.batches(75))
    found = top_eigenvalues(model, batches, count=2, generator=generator(), mask=mask, tolerance=1e-4)
    assert found.values.tolist() == pytest.approx(wanted[:2].tolist(), rel=1e-4)


def test_equal_seeds_give_equal_numbers_and_the_model_is_left_as_it_was():
    data, model = learnable_data(), net(dropout=0.5).train()
    batches, before = list(data.train.batches(40)), state_of(model)
    first, second = (top_eigenvalues(model, batches, count=2, generator=generator(3)) for _ in range(2))
    assert torch.equal(first.values, second.values)
    assert same_state(before, state_of(model))


def test_no_images_and_no_eigenvalues_are_refused():
    with pytest.raises(UsageError, match="no images"):
        top_eigenvalues(net(), [], count=1, generator=generator())
    with pytest.raises(UsageError, match="0 eigenvalues"):
        top_eigenvalues(net(), list(learnable_data().train.batches(75)), count=0, generator=generator())
