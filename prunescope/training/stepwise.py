"""The epochs of a training, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from prunescope.api.errors import UsageError
from prunescope.training.batches import passes_over, within
from prunescope.training.plan import done

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor
    from torch.optim.lr_scheduler import LambdaLR

    from prunescope.training.plan import Done, Plan
    from prunescope.training.work import StepWork


def stepwise(work: StepWork, plan: Plan, rates: LambdaLR) -> Iterator[Done]:
    """Yield every epoch after its last step.

    A data set may give other batches than its length promises: the learning rate keeps to the promised steps.
    """
    steps, taken = plan.steps, plan.taken
    one_pass = [
        passes_over(plan.data, plan.batches, generator=torch.Generator().manual_seed(seed)) for seed in plan.seeds
    ]
    for epochs in zip(*(within(each, taken, steps_per_epoch=steps) for each in one_pass), strict=True):
        number = epochs[0][0]
        work.net.train()
        losses: list[Tensor] = []
        wrong: list[Tensor] = []
        sizes: list[int] = []
        for parts in zip(*(seen for _, seen in epochs), strict=True):
            if sizes and taken.start + rates.last_epoch < number * steps - 1:
                rates.step()
            value, errors = work.step(*plan.stack(parts))
            losses.append(value)
            wrong.append(errors)
            sizes.append(len(parts[0][0]))
        _check_steps(len(sizes), len(plan.data.train))
        rate = float(rates.get_last_lr()[0])
        while taken.start + rates.last_epoch < number * steps:
            rates.step()
        yield done(number, rate, torch.stack(losses), torch.stack(wrong), sizes)


def _check_steps(steps: int, images: int) -> None:
    if not steps:
        raise UsageError(
            f"{images} training images give no batch, wanted at least 2 images", fix="train on a larger data set"
        )
