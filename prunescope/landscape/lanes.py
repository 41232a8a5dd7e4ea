"""Batches that take turns in several lanes of a GPU: a single Hessian-vector product keeps no large one busy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, final

import torch

from prunescope.api.room import scaled_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from prunescope.landscape.hessian import Batch, GradientOfWeights
    from prunescope.landscape.replayed import Replayed

MOST_LANES = 4
"""Lanes beyond which a large GPU gains nothing."""

PRODUCTS = 128
"""Products that are worth the time to record one lane more."""


class Lane(ABC):
    """A queue of work on a device."""

    @abstractmethod
    def enter(self) -> AbstractContextManager[object]:
        """Return the context in which work is queued here; it starts after what is queued outside."""

    @abstractmethod
    def finish(self) -> None:
        """Let what is queued outside from now on start after the work of the lane."""


@final
class Here(Lane):
    """The queue that there is."""

    @contextmanager
    def enter(self) -> Iterator[None]:
        """See `Lane`."""
        yield

    def finish(self) -> None:
        """See `Lane`."""


@final
class Stream(Lane):
    """A CUDA stream."""

    def __init__(self, device: torch.device) -> None:
        self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    @contextmanager
    def enter(self) -> Iterator[None]:
        """See `Lane`."""
        self.stream.wait_stream(torch.cuda.current_stream(self.stream.device))
        with torch.cuda.stream(self.stream):
            yield

    def finish(self) -> None:
        """See `Lane`."""
        torch.cuda.current_stream(self.stream.device).wait_stream(self.stream)


class Lanes:
    """The gradients of batches, one after the other in each lane, the lanes in turn."""

    def __init__(
        self, lanes: Sequence[Lane], make: Callable[[], Callable[[Batch], GradientOfWeights | Replayed]]
    ) -> None:
        self.lanes = [(lane, make()) for lane in lanes]
        self.turns = 0

    @contextmanager
    def turn(self, batch: Batch) -> Iterator[GradientOfWeights | Replayed]:
        """Give the gradient of a batch, for as long as the context lasts."""
        lane, gradient = self.lanes[self.turns % len(self.lanes)]
        self.turns += 1
        with lane.enter():
            yield gradient(batch)

    def finish(self) -> None:
        """Let what was computed in all lanes be read."""
        for lane, _ in self.lanes:
            lane.finish()


def lanes(
    make: Callable[[], Callable[[Batch], GradientOfWeights | Replayed]],
    device: torch.device,
    *,
    batches: int,
    products: int,
    graph_bytes: int,
) -> Lanes:
    """Return lanes for so many batches and products in all: several on a GPU, where they pay and there is room.

    make: what makes the gradients of the batches of one lane. graph_bytes: memory that the graph of one batch takes.
    """
    queues: list[Lane] = [Here()]
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        count = lane_count(batches=batches, products=products, room=scaled_bytes(free) // (2 * max(1, graph_bytes)))
        queues = [Stream(device) for _ in range(count)]
    return Lanes(queues, make)


def lane_count(*, batches: int, products: int, room: int) -> int:
    """Return how many lanes pay.

    >>> lane_count(batches=8, products=64, room=9), lane_count(batches=16, products=512, room=9)
    (1, 4)
    """
    return max(1, min(MOST_LANES, batches, room, products // PRODUCTS))
