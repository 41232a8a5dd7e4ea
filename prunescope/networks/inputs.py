"""Which images a network takes, found by sending empty ones through it on the meta device."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch

from prunescope.api.errors import UsageError
from prunescope.networks.models import create, create_empty
from prunescope.networks.spec import ModelSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn


def takes_size(model: Mapping[str, Any], size: tuple[int, ...]) -> bool:
    """Whether the network of `model` (a ModelSpec as JSON) takes images of (height, width) `size`.

    True too where this cannot be found out: for a network of one's own, one of a hub, or one that does not compute on
    the meta device with images of the size it was built for.

    >>> vit = {"name": "vit_tiny_patch16_224", "num_classes": 2, "in_chans": 3, "image_size": [224, 224]}
    >>> takes_size(vit, (64, 64)), takes_size({**vit, "name": "resnet10t"}, (64, 64))
    (False, True)
    """
    built_for = tuple(model["image_size"])
    if ":" in model["name"] or size == built_for:
        return True
    text = json.dumps(dict(model), sort_keys=True)
    return _computes(text, size) or not _computes(text, built_for)


@lru_cache(maxsize=16)
def _computes(model: str, size: tuple[int, ...]) -> bool:
    spec = ModelSpec.from_json(json.loads(model))
    try:
        network = _empty(spec).eval()
        with torch.no_grad():
            network(torch.empty(2, spec.in_chans, *size, device="meta"))
    except (AssertionError, RuntimeError, ValueError, TypeError, IndexError, UsageError):
        return False
    return True


def _empty(spec: ModelSpec) -> nn.Module:
    """Return the network without weights; some of timm 1.0.16 cannot be built so, and lose theirs afterwards."""
    try:
        return create_empty(spec)
    except (NotImplementedError, RuntimeError, UsageError):
        return create(spec, seed=0).to("meta")
