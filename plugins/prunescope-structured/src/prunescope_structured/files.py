"""Compact networks as files: .safetensors with what rebuilds the network, or a .pt2 of torch.export."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch

from prunescope.api.errors import InputError
from prunescope.api.trust import Trust
from prunescope.networks import models
from prunescope_structured import compact

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from torch import nn

KEY = "prunescope_structured"

SCHEMA = 1


def save(path: Path, model: nn.Module, spec: models.ModelSpec, removed: Mapping[str, Sequence[int]]) -> None:
    """Write a compact network as .safetensors: its weights, and the dense network and channels it lacks as JSON."""
    from safetensors.torch import save_file

    facts = {"schema": SCHEMA, "model": spec.to_json(), "removed": {root: list(gone) for root, gone in removed.items()}}
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(state, path, metadata={KEY: json.dumps(facts)})


def load(path: Path, *, trust: Collection[str] = ()) -> nn.Module:
    """Return the network of a file that `save` wrote, in eval mode.

    trust: networks of one's own that the file may name.

    Raises:
        InputError: the file is missing, damaged, or something else, or names code that is not trusted.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})[KEY])
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
        return _rebuilt(facts, state, Trust(frozenset(trust)))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise InputError(
            f"{path} is no compact network: {type(error).__name__}: {error}", fix="make one: prunescope-compact"
        ) from error


def export(path: Path, model: nn.Module, spec: models.ModelSpec) -> None:
    """Write a compact network as .pt2, which torch.export.load reads without prunescope; any batch size from 1."""
    batch = torch.export.Dim("batch", min=1)
    plain = deepcopy(model).to(memory_format=torch.contiguous_format)  # its archive wants weights in their own order
    exported = torch.export.export(plain, (example(spec),), dynamic_shapes=({0: batch},))
    torch.export.save(exported, path)


def example(spec: models.ModelSpec) -> torch.Tensor:
    """Return two images of noise of the size a network takes, always the same."""
    draw = torch.Generator().manual_seed(0)
    return torch.randn(2, spec.in_chans, *spec.image_size, generator=draw)


def _rebuilt(facts: Mapping[str, Any], state: Mapping[str, torch.Tensor], trust: Trust) -> nn.Module:
    if facts["schema"] != SCHEMA:
        raise ValueError(f"schema {facts['schema']}, wanted {SCHEMA}")
    spec = models.ModelSpec.from_json(facts["model"], trust=trust, source="the file")
    made = compact.shrunk(models.create(spec, seed=0), facts["removed"], example(spec))
    made.load_state_dict(dict(state), strict=True)
    return made
