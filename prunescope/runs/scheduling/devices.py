"""Which device a step runs on: decided by the process that performs it, where it performs it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Final

_SLOT: Final[ContextVar[int]] = ContextVar("slot", default=0)
"""The number of this worker among those of its machine; set once, when the worker starts."""


def take_slot(number: int) -> None:
    """Let this process be worker `number` of its machine, from 0: of several GPUs it uses its own."""
    _SLOT.set(number)


def resolve(text: str) -> str:
    """Return the device that `text` means in this process.

    auto: a GPU where there is one, else the CPU; cuda: a GPU. Of several GPUs, the workers of a machine use one each,
    in turn. Any other device is returned as it is.

    >>> resolve("cpu"), resolve("cuda:1")
    ('cpu', 'cuda:1')
    """
    if text not in {"auto", "cuda"}:
        return text
    count = gpus()
    if not count:
        return "cpu" if text == "auto" else text
    return f"cuda:{_SLOT.get() % count}" if count > 1 else "cuda"


def resolve_here(text: str) -> str:
    """Return the device for what this process does itself: the CPU where `text` is of other machines alone."""
    here = resolve(text)
    return "cpu" if here.startswith("cuda") and not gpus() else here


def gpus() -> int:
    """Return the number of GPUs this process can use."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def workers(text: str) -> int:
    """Return how many workers a device keeps busy on this machine: one for each GPU; 0: one per core."""
    kind = resolve(text).partition(":")[0]
    if kind == "cpu":
        return 0
    return max(1, gpus()) if text in {"auto", "cuda"} else 1
