"""Architectures whose tensors have the same names and shapes, and that compute something else.

A bare state_dict of EfficientNet-B0 fits timm's port of TensorFlow's too, which pads and normalises otherwise. Which
one was trained the tensors do not say.
"""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from timm.models import is_model, list_models, model_entrypoint

from prunescope.api.errors import PrunescopeError
from prunescope.networks.checkpoints.fingerprints import empty_shapes, shapes
from prunescope.networks.models import create

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from prunescope.networks.spec import ModelSpec

ALIKE = 16
"""Architectures of the same file of timm that are tried, those of the most similar names."""

CLOSE = 1e-4
"""Outputs that differ by less, as a share of the largest, are the same."""


def find_twins(spec: ModelSpec, state: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Return the names of other architectures that take the same tensors and compute something else with them."""
    have = shapes(state)
    others = [replace(spec, name=name) for name in _relatives(spec.name)]
    fitting = [other for other in others if _shapes(other) == have]
    mine = _outputs(spec, state) if fitting else None
    return tuple(other.name for other in fitting if not _same(mine, _outputs(other, state)))


def _relatives(name: str) -> list[str]:
    architecture = name.partition(".")[0]
    if not is_model(architecture):
        return []
    family = model_entrypoint(architecture).__module__
    names = [one for one in list_models() if one != architecture and model_entrypoint(one).__module__ == family]
    return difflib.get_close_matches(architecture, names, n=ALIKE, cutoff=0.6)


def _shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    try:
        return empty_shapes(spec)
    except (PrunescopeError, RuntimeError):
        return {}


def _outputs(spec: ModelSpec, state: Mapping[str, Tensor]) -> Tensor | None:
    try:
        model = create(spec, seed=0).eval()
        model.load_state_dict(dict(state), strict=True)
        images = torch.randn(1, spec.in_chans, *spec.image_size, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            outputs = model(images)
    except (PrunescopeError, RuntimeError, AssertionError, ValueError):
        return None
    return outputs if isinstance(outputs, torch.Tensor) else None


def _same(mine: Tensor | None, other: Tensor | None) -> bool:
    """Whether two outputs are the same; those of a network that cannot be called are not compared."""
    if mine is None or other is None or mine.shape != other.shape:
        return mine is None or other is None
    return float((mine - other).abs().max()) <= CLOSE * float(mine.abs().max())
