"""The epochs of a training by a step that is recorded once and repeated: batch, gradients, SGD, mask and averages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import torch

from prunescope.networks.capture import NotCapturable
from prunescope.networks.capture.recordings import Recording, copy_memory, recordings
from prunescope.networks.capture.traces import traced
from prunescope.training.feed import feed
from prunescope.training.plan import done

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LambdaLR

    from prunescope.api import StateKeeper
    from prunescope.networks.capture import Capture
    from prunescope.training.feed import Feed
    from prunescope.training.plan import Done, Plan
    from prunescope.training.work import StepWork


KIND = "captured"
"""Of the state that is saved here."""


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
    """A training whose step needs nothing from the host."""

    work: StepWork
    feed: Feed
    registers: Registers
    memory: Sequence[Tensor]
    """The bytes of every tensor of this training that the step reads or writes."""
    recording: Recording
    """What repeats the step, on memory of its own where it was recorded for another training."""

    def epochs(self, plan: Plan, rates: LambdaLR, keeper: StateKeeper | None = None) -> Iterator[Done]:
        """Yield every epoch after its last step; see training.stepwise. The state is saved between two epochs."""
        self.recording.busy = True
        try:
            yield from self._epochs(plan, rates, keeper)
        finally:
            self.recording.busy = False
            if self.memory is self.recording.trace.memory:
                _move(self.work)

    def _epochs(self, plan: Plan, rates: LambdaLR, keeper: StateKeeper | None) -> Iterator[Done]:
        steps, taken = plan.steps, plan.taken
        base, factor = float(rates.base_lrs[0]), rates.lr_lambdas[0]
        begin = self._resume(keeper)
        drawn, numbers = self.feed.state(), self.feed.draw()
        for number in range(begin, plan.of + 1):
            if keeper is not None and number > begin and keeper.is_due():
                keeper.save(KIND, {"number": number, "feed": drawn, "work": self.work.state()})
            self.feed.put(numbers)
            first = (number - 1) * steps
            todo = range(max(taken.start, first), min(taken.stop, first + steps))
            of_steps = [base * factor(step - taken.start) for step in todo]
            within = range(todo.start - first, todo.stop - first)
            if todo:
                self._start(within, of_steps)
            drawn = self.feed.state() if keeper is not None else drawn
            numbers = self.feed.draw() if number < plan.of else []  # while the device works
            if todo:
                yield self._end(number, within, of_steps[-1])

    def _resume(self, keeper: StateKeeper | None) -> int:
        """Go on from the state that was saved, if any; return the number of the first epoch."""
        saved = None if keeper is None else keeper.load(KIND)
        if saved is None:
            return 1
        self.feed.restore(saved["feed"])
        self.work.restore(saved["work"])
        return int(saved["number"])

    def _start(self, todo: range, of_steps: list[float]) -> None:
        """Let the device perform these steps of an epoch."""
        here = self.registers
        self.work.net.train()
        here.position.fill_(todo.start)
        here.rates[todo.start : todo.stop].copy_(torch.tensor(of_steps))
        copy_memory(self.recording.trace.memory, self.memory)
        for step in todo:
            self.recording.repeat[self.feed.images_at(step)]()
        copy_memory(self.memory, self.recording.trace.memory)

    def _end(self, number: int, todo: range, rate: float) -> Done:
        """Wait for the device; return what the epoch has come to."""
        losses, wrong = (found[todo.start : todo.stop] for found in (self.registers.losses, self.registers.wrong))
        return done(number, rate, losses, wrong, [self.feed.images_at(step) for step in todo])


@torch.no_grad()
def _move(work: StepWork) -> None:
    """Give the network memory of its own: what a recording has may be used by the next training."""
    for tensor in chain(work.net.parameters(), work.net.buffers()):
        tensor.data = tensor.data.clone()


def recorded(work: StepWork, plan: Plan, capture: Capture) -> Recorded:
    """Record the step of every size of batch, or find it recorded for an earlier training of this process.

    Raises:
        NotCapturable: with the reason; nothing is different then.
    """
    source = feed(plan.data, plan.batches, seeds=plan.seeds)
    if type(work.optimizer) is not torch.optim.SGD:
        raise NotCapturable(f"its optimiser is {type(work.optimizer).__name__}, not SGD")
    before = [group["lr"] for group in work.optimizer.param_groups]
    registers = _registers(source, work.optimizer)
    try:
        memory, recording = _recording(work, source, registers, capture)
    except BaseException:
        for group, rate in zip(work.optimizer.param_groups, before, strict=True):
            group["lr"] = rate
        work.optimizer.state.clear()
        raise
    return Recorded(work=work, feed=source, registers=registers, memory=memory, recording=recording)


def _recording(work: StepWork, source: Feed, here: Registers, capture: Capture) -> tuple[Sequence[Tensor], Recording]:
    """Return the memory of this training, and a recording of its steps."""
    work.net.train()
    state = _state(work, here)
    sizes = sorted({source.images_at(step) for step in range(source.steps)}, reverse=True)
    steps = {size: _step(work, source, here, size=size) for size in sizes}
    trace = traced(list(steps.values()), state)
    known = recordings().find(trace)
    if known is not None:
        return trace.memory, known
    before = _reserved(here.position.device)
    repeat = {size: capture.record(step, state) for size, step in steps.items()}
    found = Recording(trace=trace, repeat=repeat, size=_reserved(here.position.device) - before)
    recordings().keep(found)
    return trace.memory, found


def _reserved(device: torch.device) -> int:
    """Return the memory that tensors and graphs occupy."""
    if device.type != "cuda":
        return 0
    torch.cuda.empty_cache()
    return torch.cuda.memory_reserved(device)


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


def _step(work: StepWork, source: Feed, here: Registers, *, size: int) -> Callable[[], None]:
    """Return the step on the next batch of the epoch, which has `size` images."""
    within = torch.arange(size, device=here.position.device)

    def step() -> None:
        here.rate.copy_(here.rates.index_select(0, here.position)[0])
        losses, wrong = work.step(*source.batch(here.position, within))
        here.losses.index_copy_(0, here.position, losses.double()[None])
        here.wrong.index_copy_(0, here.position, wrong.double()[None])
        here.position.add_(1)

    return step


def _state(work: StepWork, here: Registers) -> list[Tensor]:
    """Return every tensor that a step overwrites."""
    momentum = [kept["momentum_buffer"] for kept in work.optimizer.state.values()]
    average = work.average.average if work.average is not None else []
    found = chain(work.net.parameters(), work.net.buffers(), momentum, average)
    return [*(tensor.detach() for tensor in found), here.position, here.rate, here.losses, here.wrong]
