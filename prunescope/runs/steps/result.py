"""What a step made, and the models on its way from and to checkpoints."""

from __future__ import annotations

import json
import random
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from prunescope.api import Classification
from prunescope.networks import checkpoints, layers, multiplied, usable
from prunescope.networks.layout import laid_out
from prunescope.plugins.isolation import unchanged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from prunescope.api import Data, Epoch, Mask, Reading
    from prunescope.networks.checkpoints import Checkpoint
    from prunescope.networks.models import ModelSpec
    from prunescope.runs.files.runfile import Verdict

TRIED = 4
"""Examples on which a network is tried."""


@dataclass(frozen=True, kw_only=True)
class StepResult:
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


def model_on_device(found: Checkpoint, device: str, data: Data | None = None) -> torch.nn.Module:
    """Return the model of a checkpoint on a device, channels_last unless it fails there; tried on the data, if any.

    Raises UsageError where its mask is on weights that are not what their layers multiply by, and what
    `networks.usable` raises.
    """
    with unchanged_by(found.spec):
        model = checkpoints.to_model(found)
        if found.mask is not None:
            every = layers.choose_prunable(model, linear=True).computed
            multiplied.refuse_computed(every, found.mask.kept)
        model = model.to(device)
        if data is not None:
            make_usable(model, found.spec, data)
        return laid_out(model)


def make_usable(model: torch.nn.Module, spec: ModelSpec, data: Data) -> None:
    """Try a network on the first examples of the data, once in a process: see `networks.usable`."""
    inputs, _ = next(data.train.batches(TRIED, limit=1))
    if len(inputs) < 2:
        inputs = torch.cat([inputs, inputs])
    device = next((parameter.device for parameter in model.parameters()), inputs.device)
    classes = data.num_classes if isinstance(data.objective, Classification) else None
    parts = [spec.to_json(), tuple(inputs.shape), str(device), data.objective.identity, classes]
    key = json.dumps(parts, sort_keys=True)
    usable.make_usable(model, inputs.to(device), classes=classes, who=f"the network {spec.name!r}", key=key)


def state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return copies of parameters and buffers on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}


def unchanged_by(spec: ModelSpec) -> AbstractContextManager[None]:
    """Return the context in which a network is made: one that a person's own code makes must change nothing else."""
    return unchanged(f"the network {spec.name!r}") if ":" in spec.name else nullcontext()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators of torch, numpy and Python inside the block; restore those of torch after.

    The others are restored around the plugin (`plugins.isolation`).
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002 - what a plugin may draw from
        yield
