"""The epochs of a training: step by step, or by a recorded step that is repeated."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from prunescope.networks.capture import NotCapturable
from prunescope.training.captured import recorded
from prunescope.training.stepwise import stepwise

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from prunescope.api import StateKeeper
    from prunescope.networks.capture import Capture
    from prunescope.training.plan import Done, Plan
    from prunescope.training.work import StepWork


EpochReport = TypeVar("EpochReport")


def epochs(
    work: StepWork,
    plan: Plan,
    report: Callable[[Done], Iterator[EpochReport]],
    *,
    capture: Capture | None,
    keeper: StateKeeper | None = None,
) -> Generator[EpochReport, None, str]:
    """Yield what `report` makes of every epoch after its last step; return how the steps were performed.

    The answer is empty where they were simply performed one by one.

    capture: what records a step, where it is to be recorded. Where it cannot be, steps are performed as they are, and
    the reason is returned. Nothing waits for the device within an epoch. keeper: what saves and has the state.
    """
    rates = plan.rates(work.optimizer)
    if capture is None or not plan.taken:
        yield from chain.from_iterable(map(report, stepwise(work, plan, rates, keeper)))
        return ""
    try:
        found = recorded(work, plan, capture)
    except NotCapturable as reason:
        yield from chain.from_iterable(map(report, stepwise(work, plan, rates, keeper)))
        return f"not captured: {reason}"
    yield from chain.from_iterable(map(report, found.epochs(plan, rates, keeper)))
    return "captured"
