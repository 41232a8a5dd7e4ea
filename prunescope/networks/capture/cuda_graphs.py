"""A step as one CUDA graph: one launch for all its kernels."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import torch

from prunescope.networks.capture.interface import Capture, NotCapturable
from prunescope.networks.capture.rehearsal import Watch, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

WARM_UP = 3
"""Steps before the recording, in which the libraries choose their kernels and allocate what they need."""


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
            _warm_up(step)
            return self._recorded(step)

    def _recorded(self, step: Callable[[], None]) -> Callable[[], None]:
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=self.pool):
                step()
        except RuntimeError as error:
            _end_recording()
            if isinstance(error, torch.OutOfMemoryError):
                raise
            raise NotCapturable(f"CUDA refuses to record it ({str(error).splitlines()[0]})") from error
        repeat: Callable[[], None] = graph.replay
        return repeat


def _warm_up(step: Callable[[], None]) -> None:
    side, here = torch.cuda.Stream(), torch.cuda.current_stream()  # type: ignore[no-untyped-call]
    side.wait_stream(here)
    with torch.cuda.stream(side):
        with Watch():  # type: ignore[no-untyped-call]
            step()
        for _ in range(WARM_UP - 1):
            step()
    here.wait_stream(side)


def _end_recording() -> None:
    """Take the generator of random numbers out of a recording that failed, which leaves it there."""
    generator = torch.cuda.default_generators[torch.cuda.current_device()]
    generator.graphsafe_set_state(generator.clone_state())
    torch.cuda.synchronize()
