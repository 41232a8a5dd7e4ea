"""A step as the list of its operations: what a CUDA graph is, for devices that have none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import torch
from torch.autograd.grad_mode import _unsafe_preserve_version_counter
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from prunescope.networks.capture.interface import Capture
from prunescope.networks.capture.rehearsal import rehearse, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor


@final
class Tape(Capture):
    """Records the operations below autograd, backward passes included, and performs them again in the same memory.

    As in a CUDA graph, intermediate results keep their place, and nothing but tensors can differ between two
    repetitions. It saves no time: it is there so that what runs as a graph on a GPU can be tested without one.
    """

    def record(self, step: Callable[[], None], state: Sequence[Tensor] = ()) -> Callable[[], None]:
        """Run the step as often as a graph needs, and keep the operations of the last time."""
        rehearse(step, state)
        recorder = _Recorder()
        with unchanged(state), recorder:
            step()
        operations = recorder.operations

        @torch.no_grad()
        def repeat() -> None:
            for operation in operations:
                operation.perform()

        return repeat


@dataclass(frozen=True)
class _Operation:
    function: Any
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    results: Any

    def perform(self) -> None:
        """Compute the results again and put them in their place; views and what was written in place are there.

        Autograd does not see it, as it does not see the replay of a graph: no counter of versions moves.
        """
        leaves = tree_leaves((self.arguments, self.named, self.results))
        tensors = tuple(one for one in leaves if isinstance(one, torch.Tensor))
        with _unsafe_preserve_version_counter(tensors):
            found = self.function(*self.arguments, **self.named)
            for place, value in zip(tree_leaves(self.results), tree_leaves(found), strict=True):
                if isinstance(place, torch.Tensor) and place.data_ptr() != value.data_ptr():
                    place.copy_(value)


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self) -> None:
        TorchDispatchMode.__init__(self)  # type: ignore[no-untyped-call]
        self.operations: list[_Operation] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401 - torch's own signature
        """Perform the operation and keep it."""
        named = kwargs or {}
        results = func(*args, **named)
        self.operations.append(_Operation(func, *tree_map(_memory, (args, named, results))))
        return results


def _memory(one: object) -> object:
    """Return a tensor as the memory it has now, whatever its owner does with it later; anything else as it is."""
    return one.detach() if isinstance(one, torch.Tensor) else one
