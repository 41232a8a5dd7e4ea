"""A single image in the last scoring batch has no statistics of its own."""

from __future__ import annotations

import pytest
import torch
from tiny_landscape import learnable_data, net

from prunescope.api.errors import UsageError
from prunescope.networks.models import prunable
from prunescope.pruning.gradient import connection_sensitivity
from prunescope.pruning.loss import scored_images


def test_a_last_batch_of_one_joins_the_one_before_it() -> None:
    split = learnable_data().train
    batches = scored_images(split, images=21, batch_size=10)
    assert [len(labels) for _, labels in batches] == [10, 11]
    whole = scored_images(split, images=21, batch_size=21)[0]
    assert all(torch.equal(torch.cat(parts), one) for parts, one in zip(zip(*batches, strict=True), whole, strict=True))


def test_one_image_alone_is_refused_where_statistics_are_the_batchs() -> None:
    model, data = net(kind="batch"), learnable_data()
    batches = scored_images(data.train, images=1, batch_size=10)
    with pytest.raises(UsageError, match="from a single image"):
        connection_sensitivity(model, prunable(model), batches, batchnorm="batch")
    assert connection_sensitivity(model, prunable(model), batches, batchnorm="running")
