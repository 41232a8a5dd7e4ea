"""Training a large network on a GPU: images per second, against a bare loop fed from memory."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import timm
import torch
from gpu_rows.measuring import random_split
from gpu_rows.row import GpuRow

from prunescope.api import Data
from prunescope.training.trainers.sgd import Sgd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gpu_rows.row import Scale
    from torch import Tensor, nn

EPOCHS = 3
"""Of which the first is not counted."""


def rows(scale: Scale) -> dict[str, Callable[[], list[GpuRow]]]:
    """Return what measures each workload, by a name of it."""
    return {"train-resnet50": lambda: [_bf16(scale)]}


def _bf16(scale: Scale) -> GpuRow:
    size, batch = scale.of(224, 32), scale.of(128, 4)
    name = "resnet10t" if scale.tiny else "resnet50"
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=10).to(scale.device).to(memory_format=torch.channels_last)
    split = random_split(scale, images=scale.of(20, 3) * batch, size=size)
    data = Data(
        name="random",
        train=split,
        test=split,
        num_classes=10,
        in_chans=3,
        image_size=(size, size),
        fingerprint="random",
    )
    bare = _bare(scale, copy.deepcopy(model), list(split.batches(batch)))
    precision = "bf16" if scale.device.type == "cuda" else "float32"  # which a CPU has
    trainer = Sgd(epochs=EPOCHS, learning_rate=0.01, schedule="constant", batch_size=batch, precision=precision)
    ours = _ours(scale, trainer, model, data)
    theirs_loss, mine_loss = bare[0][1], ours[0][1]
    # Other orders of the same random images: the first epoch differs in the second digit.
    assert math.isclose(mine_loss, theirs_loss, rel_tol=0.1), (mine_loss, theirs_loss)  # noqa: S101
    slow, fast = [seconds for seconds, _ in bare[1:]], [seconds for seconds, _ in ours[1:]]
    return GpuRow(
        workload=f"train {name} on {size}x{size} in bfloat16, {len(split):,} images in memory, batches of {batch}",
        against="a bare loop over ready batches (1: as many images per second)",
        ratios=tuple(one / other for one, other in zip(slow, fast, strict=True)),
        seconds=tuple(fast),
        checked=f"loss of the first epoch {mine_loss:.3f} and {theirs_loss:.3f}",
        least=0.85,
        aim=1.0,
        note=f"{len(split) / min(fast):,.0f} images per second",
    )


def _ours(scale: Scale, trainer: Sgd, model: nn.Module, data: Data) -> list[tuple[float, float]]:
    """Return seconds and mean loss of each epoch."""
    epochs, found = trainer.fit(model, data, seed=0), []
    for _ in range(EPOCHS):
        losses: list[float] = []
        seconds = scale.clock(lambda losses=losses: losses.append(next(epochs).train_loss))
        found.append((seconds, losses[0]))
    return found


def _bare(scale: Scale, model: nn.Module, batches: Sequence[tuple[Tensor, Tensor]]) -> list[tuple[float, float]]:
    """Train on the same batches again and again; return seconds and mean loss of each epoch."""
    optimizer = torch.optim.SGD(model.train().parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)

    def epoch(losses: list[Tensor]) -> None:
        for images, labels in batches:
            optimizer.zero_grad()
            with torch.autocast(scale.device.type, torch.bfloat16, enabled=scale.device.type == "cuda"):
                loss = torch.nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())

    found = []
    for _ in range(EPOCHS):
        losses: list[Tensor] = []
        seconds = scale.clock(lambda losses=losses: epoch(losses))
        found.append((seconds, float(torch.stack(losses).mean())))
    return found
