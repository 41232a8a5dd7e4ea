"""The epochs of a training by a step that is recorded once and repeated: batch, gradients, SGD, mask and averages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import torch

from prunescope.networks.capture import NotCapturable
from prunescope.training.feed import feed
from prunescope.training.plan import done

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import Tensor
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LambdaLR

    from prunescope.networks.capture import Capture
    from prunescope.training.feed import Feed
    from prunescope.training.plan import Done, Plan
    from prunescope.training.work import Work


@dataclass(frozen=True, kw_only=True)
class Registers:
    """What a step reads of its place in the epoch, and what it leaves there; every tensor keeps its place."""

    position: Tensor
    """int64 (1,): the batch of the epoch that comes next."""
    rate: Tensor
    """float32 (): the learning rate, as the optimiser reads it."""
    rates: Tensor
    """float32 (steps,): that of every step of the epoch."""
    losses: Tensor
    """float64 (steps, K)."""
    wrong: Tensor
    """float64 (steps, K): sums of errors."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A step on the device that needs nothing from the host."""

    work: Work
    feed: Feed
    registers: Registers
    repeat: Mapping[int, Callable[[], None]]
    """By the number of images of the batch."""

    def epochs(self, plan: Plan, rates: LambdaLR) -> Iterator[Done]:
        """Yield every epoch after its last step; see training.stepwise."""
        steps, taken = plan.steps, plan.taken
        for number in range(1, plan.of + 1):
            self.feed.draw()
            first = (number - 1) * steps
            todo = range(max(taken.start, first), min(taken.stop, first + steps))
            if todo:
                base, factor = float(rates.base_lrs[0]), rates.lr_lambdas[0]
                of_steps = [base * factor(step - taken.start) for step in todo]
                yield self._epoch(number, range(todo.start - first, todo.stop - first), of_steps)

    def _epoch(self, number: int, todo: range, of_steps: list[float]) -> Done:
        self.work.net.train()
        here = self.registers
        here.position.fill_(todo.start)
        here.rates[todo.start : todo.stop].copy_(torch.tensor(of_steps))
        sizes = [self.feed.images_at(step) for step in todo]
        for size in sizes:
            self.repeat[size]()
        losses, wrong = (found[todo.start : todo.stop] for found in (here.losses, here.wrong))
        return done(number, of_steps[-1], losses, wrong, sizes)


def recorded(work: Work, plan: Plan, capture: Capture) -> Recorded:
    """Record the step of every size of batch.

    Raises:
        NotCapturable: with the reason; nothing is different then.
    """
    source = feed(plan.data.train, plan.batches, seeds=plan.seeds)
    if type(work.optimizer) is not torch.optim.SGD:
        raise NotCapturable(f"its optimiser is {type(work.optimizer).__name__}, not SGD")
    before = [group["lr"] for group in work.optimizer.param_groups]
    registers = _registers(source, work.optimizer)
    try:
        repeat = _repeats(work, source, registers, capture)
    except BaseException:
        for group, rate in zip(work.optimizer.param_groups, before, strict=True):
            group["lr"] = rate
        work.optimizer.state.clear()
        raise
    return Recorded(work=work, feed=source, registers=registers, repeat=repeat)


def _registers(source: Feed, optimizer: Optimizer) -> Registers:
    """Make the registers, and let the optimiser keep its learning rate and its momentum where a step finds them."""
    zeros = partial(torch.zeros, device=source.order.device)
    steps, count = source.steps, len(source.order)
    rate = zeros(())
    for group in optimizer.param_groups:
        group["lr"] = rate
        for weight in group["params"] if group["momentum"] else ():
            optimizer.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
    return Registers(
        position=zeros(1, dtype=torch.int64),
        rate=rate,
        rates=zeros(steps),
        losses=zeros((steps, count), dtype=torch.float64),
        wrong=zeros((steps, count), dtype=torch.float64),
    )


def _repeats(work: Work, source: Feed, here: Registers, capture: Capture) -> dict[int, Callable[[], None]]:
    work.net.train()
    state = _state(work, here)
    sizes = sorted({source.images_at(step) for step in range(source.steps)}, reverse=True)
    return {size: capture.record(_step(work, source, here, size=size), state) for size in sizes}


def _step(work: Work, source: Feed, here: Registers, *, size: int) -> Callable[[], None]:
    """Return the step on the next batch of the epoch, which has `size` images."""
    places = torch.arange(size, device=here.position.device)

    def step() -> None:
        here.rate.copy_(here.rates.index_select(0, here.position)[0])
        losses, wrong = work.step(*source.batch(here.position * source.size + places))
        here.losses.index_copy_(0, here.position, losses.double()[None])
        here.wrong.index_copy_(0, here.position, wrong.double()[None])
        here.position.add_(1)

    return step


def _state(work: Work, here: Registers) -> list[Tensor]:
    """Return every tensor that a step overwrites."""
    momentum = [kept["momentum_buffer"] for kept in work.optimizer.state.values()]
    average = work.average.average if work.average is not None else []
    found = chain(work.net.parameters(), work.net.buffers(), momentum, average)
    return [*(tensor.detach() for tensor in found), here.position, here.rate, here.losses, here.wrong]
