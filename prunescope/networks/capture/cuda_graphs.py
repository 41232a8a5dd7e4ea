"""A step as one CUDA graph: one launch for all its kernels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import torch

from prunescope.networks.capture.interface import Capture, NotCapturable
from prunescope.networks.capture.rehearsal import rehearse, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor


@final
class CudaGraphs(Capture):
    """Records CUDA graphs; those of one object share their memory."""

    @cached_property
    def pool(self) -> Any:  # noqa: ANN401 - torch's own handle
        """Return the memory of the graphs."""
        return torch.cuda.graph_pool_handle()

    def record(self, step: Callable[[], None], state: Sequence[Tensor] = ()) -> Callable[[], None]:
        """Run the step a few times on a stream of its own, then record it."""
        device = next((tensor.device for tensor in state), torch.device("cuda"))
        with torch.cuda.device(device), unchanged(state):
            _warm_up(step, state)
            return self._recorded(step)

    def _recorded(self, step: Callable[[], None]) -> Recorded:
        graph, here = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        try:
            with torch.cuda.graph(graph, pool=self.pool):
                step()
        except RuntimeError as error:
            torch.cuda.set_stream(here)
            _end_recording()
            if isinstance(error, torch.OutOfMemoryError):
                raise
            raise NotCapturable(f"CUDA refuses to record it ({str(error).splitlines()[0]})") from error
        return Recorded(graph, step)


@dataclass(frozen=True)
class Recorded:
    """A recorded step."""

    graph: torch.cuda.CUDAGraph
    step: Callable[[], None]
    """Kept, because the graph reads the tensors that it holds, and no longer holds them as tensors."""

    def __call__(self) -> None:
        """Repeat the step."""
        self.graph.replay()


def _warm_up(step: Callable[[], None], state: Sequence[Tensor]) -> None:
    side, here = torch.cuda.Stream(), torch.cuda.current_stream()  # type: ignore[no-untyped-call]
    side.wait_stream(here)
    with torch.cuda.stream(side):
        rehearse(step, state)
    here.wait_stream(side)


def _end_recording() -> None:
    """Take the generator of random numbers out of a recording that failed, which leaves it there."""
    generator = torch.cuda.default_generators[torch.cuda.current_device()]
    generator.graphsafe_set_state(generator.clone_state())
    torch.cuda.synchronize()
