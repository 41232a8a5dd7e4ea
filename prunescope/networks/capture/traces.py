"""What a step does, in words that are equal for two steps that do the same to other tensors."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._pytree import tree_leaves

from prunescope.api.wording import count_text
from prunescope.networks.capture.rehearsal import Watch, unchanged
from prunescope.networks.precision import describe_precision

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor


PLAIN = (bool, int, float, complex, str, type(None), torch.dtype, torch.device, torch.layout, torch.memory_format)
"""What an operation is given besides tensors, and what its words give whole."""


@dataclass(frozen=True)
class CapturedTrace:
    """The operations of some steps."""

    signature: str
    """Equal for steps of the same operations, with the same numbers, on tensors of the same kinds in the same roles."""
    memory: tuple[Tensor, ...]
    """The bytes of every tensor that the steps found, in the order of their first use: uint8 (bytes,) each."""


def traced(steps: Sequence[Callable[[], None]], state: Sequence[Tensor]) -> CapturedTrace:
    """Return the trace of steps, each of which is run once; `state`, the tensors they overwrite, is as before then.

    Raises NotCapturable where a step cannot be repeated.
    """
    notes = _Notes()
    for step in steps:
        with unchanged(state), Watch(notes.note):
            step()
    return CapturedTrace(notes.digest.hexdigest(), tuple(notes.memory))


class _Notes:
    """Names every piece of memory by what made it, or by its place among those that were there before."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256(repr(_settings()).encode())
        self.names: dict[int, str] = {}
        self.memory: list[Tensor] = []
        self.made = 0

    def note(self, function: Any, arguments: Any, results: Any) -> None:  # noqa: ANN401 - torch's own types
        """Note an operation that was performed."""
        given = tree_leaves(arguments)
        words = [str(function), *(self._word(one) for one in given)]
        aliases = {_address(one) for one in given if isinstance(one, torch.Tensor)}
        for one in tree_leaves(results):
            if isinstance(one, torch.Tensor) and _address(one) not in aliases:
                self.made += 1
                self.names[_address(one)] = f"made {self.made}"
        self.digest.update(repr(words).encode())

    def _word(self, one: object) -> str:
        if not isinstance(one, torch.Tensor):
            return repr(one) if isinstance(one, PLAIN) else type(one).__name__
        if _address(one) not in self.names:
            bytes_ = torch.empty(0, dtype=torch.uint8, device=one.device).set_(one.untyped_storage())
            self.names[_address(one)] = f"found {len(self.memory)}, {count_text(len(bytes_), 'byte')}"
            self.memory.append(bytes_)
        kind = (one.dtype, one.device, tuple(one.shape), one.stride(), one.storage_offset())
        return f"{self.names[_address(one)]} {kind}"


def _settings() -> tuple[object, ...]:
    """Return what else decides which kernels an operation takes."""
    library, deterministic = torch.backends.cudnn, torch.are_deterministic_algorithms_enabled()
    return (library.enabled, library.deterministic, library.benchmark, deterministic, *describe_precision())


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
