"""The epochs of a training, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch

from prunescope.api.errors import UsageError
from prunescope.api.progress import reach_fraction
from prunescope.api.wording import count_text, verb_text
from prunescope.training.batches import epoch_within, passes_over
from prunescope.training.plan import done

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from torch import Tensor
    from torch.optim.lr_scheduler import LambdaLR

    from prunescope.api import StateKeeper
    from prunescope.training.batches import Passes
    from prunescope.training.plan import Done, Plan
    from prunescope.training.work import StepWork


KIND = "step by step"
"""Of the state that is saved here."""


@dataclass(kw_only=True)
class Seen:
    """What the steps of an epoch have come to so far."""

    losses: list[Tensor] = field(default_factory=list)
    wrong: list[Tensor] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)


def stepwise(work: StepWork, plan: Plan, rates: LambdaLR, keeper: StateKeeper | None = None) -> Iterator[Done]:
    """Yield every epoch after its last step.

    A data set may give other batches than its length promises: the learning rate keeps to the promised steps.
    keeper: what saves the state between two steps, and has that of an earlier process.
    """
    passes = [
        passes_over(plan.data, plan.batches, generator=torch.Generator().manual_seed(seed)) for seed in plan.seeds
    ]
    saved = None if keeper is None else keeper.load(KIND)
    seen = Seen() if saved is None else _resume(saved, work, passes, rates)
    for number in range(1 if saved is None else saved["number"], plan.of + 1):
        keep = _saving(keeper, number, work=work, passes=passes, rates=rates)
        epochs = [epoch_within(one, plan.taken, number=number, steps_per_epoch=plan.steps) for one in passes]
        batches = [batch for batch in epochs if batch is not None]
        if batches:
            yield _epoch(number, batches, work, plan, rates, seen=seen, keep=keep)
        seen = Seen()


def _epoch(
    number: int,
    batches: Sequence[Iterator[tuple[Tensor, Tensor]]],
    work: StepWork,
    plan: Plan,
    rates: LambdaLR,
    *,
    seen: Seen,
    keep: Callable[[Seen], None],
) -> Done:
    """Take the steps of an epoch, those that are seen already excepted."""
    steps, start = plan.steps, plan.taken.start
    work.net.train()
    for parts in islice(zip(*batches, strict=True), len(seen.sizes), None):
        keep(seen)
        if seen.sizes and start + rates.last_epoch < number * steps - 1:
            rates.step()
        value, errors = work.step(*plan.stack(parts))
        seen.losses.append(value)
        seen.wrong.append(errors)
        seen.sizes.append(len(parts[0][0]))
        reach_fraction((number - 1 + min(1.0, len(seen.sizes) / steps)) / plan.of)
    _check_steps(len(seen.sizes), len(plan.data.train))
    rate = float(rates.get_last_lr()[0])
    while start + rates.last_epoch < number * steps:
        rates.step()
    return done(number, rate, torch.stack(seen.losses), torch.stack(seen.wrong), seen.sizes)


def _saving(
    keeper: StateKeeper | None, number: int, *, work: StepWork, passes: Sequence[Passes], rates: LambdaLR
) -> Callable[[Seen], None]:
    """Return what saves the state before a step of an epoch that is about to begin, where it is due."""
    if keeper is None:
        return lambda _: None
    drawn = [one.state() for one in passes]

    def keep(seen: Seen) -> None:
        if keeper.is_due():
            state = {
                "number": number,
                "passes": drawn,
                "work": work.state(),
                "rates": rates.state_dict(),
                "losses": torch.stack(seen.losses).cpu() if seen.losses else None,
                "wrong": torch.stack(seen.wrong).cpu() if seen.wrong else None,
                "sizes": list(seen.sizes),
            }
            keeper.save(KIND, state)

    return keep


def _resume(saved: Mapping[str, Any], work: StepWork, passes: Sequence[Passes], rates: LambdaLR) -> Seen:
    """Go on from a state; return what was seen of its epoch."""
    for one, state in zip(passes, saved["passes"], strict=True):
        one.restore(state)
    work.restore(saved["work"])
    rates.load_state_dict(dict(saved["rates"]))
    if saved["losses"] is None:
        return Seen()
    device = next(work.net.parameters()).device
    losses, wrong = (list(saved[name].to(device).unbind(0)) for name in ("losses", "wrong"))
    return Seen(losses=losses, wrong=wrong, sizes=list(saved["sizes"]))


def _check_steps(steps: int, images: int) -> None:
    if not steps:
        raise UsageError(
            f"{count_text(images, 'training image')} {verb_text(images, 'give')} no batch, wanted at least 2 images",
            fix="train on a larger data set",
        )
