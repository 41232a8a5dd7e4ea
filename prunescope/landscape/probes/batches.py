"""The options of how many images a probe sees."""

from __future__ import annotations

from typing import Annotated

from prunescope.api import Option

ProbeBatchSize = Annotated[int, Option("images per batch", minimum=1)]
LimitBatches = Annotated[int | None, Option("use only so many batches of each split", minimum=1)]


def limited_probe(limit: int | None, batch_size: int, images: int) -> int:
    """Return how many images the first `limit` batches hold."""
    return images if limit is None else min(images, limit * batch_size)
