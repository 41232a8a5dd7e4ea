"""What a step made, and the models on its way from and to checkpoints."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from prunescope.networks import checkpoints

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prunescope.api import Epoch, Mask, Reading
    from prunescope.networks.checkpoints import Checkpoint
    from prunescope.runs.files.runfile import Verdict


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a step made: everything of a Run but when and where."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[int | None, Checkpoint] = field(default_factory=dict)
    """By epoch of the snapshot; None: the end."""
    history: tuple[Epoch, ...] = ()
    mask: Mask | None = None
    readings: Mapping[str, Mapping[str, Reading]] = field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()
    engine: str = ""
    """Of trainings: see runfile.Run."""


def facts(found: Checkpoint) -> dict[str, Any]:
    """Return what a run records of the checkpoint it wrote."""
    return {
        "model": found.spec.to_json(),
        "knobs": dict(found.knobs),
        "training": dict(found.training),
        "data": dict(found.data) if found.data else None,
    }


def to_model(found: Checkpoint, device: str) -> torch.nn.Module:
    """Return the model of a checkpoint on a device, channels_last."""
    return checkpoints.to_model(found).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return copies of parameters and buffers on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's global generators inside the block and restore them after."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
