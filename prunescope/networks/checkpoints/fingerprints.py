"""Names and shapes of an architecture's tensors, built on the meta device: no memory, no initialisation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from timm.models import get_pretrained_cfg

from prunescope.api.errors import UsageError
from prunescope.networks.models import ModelSpec, create, create_empty

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

Shapes: TypeAlias = dict[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """An architecture as it comes by default, and where it meets the data."""

    name: str
    shapes: Shapes
    classifier: str
    """The last layer's weight; empty where it is not known."""
    stem: str
    """The first layer's weight."""
    in_chans: int
    """Channels of its images by default."""
    image_size: tuple[int, int]


def shapes(state: Mapping[str, Tensor]) -> Shapes:
    """Return the shape of every tensor."""
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def empty_shapes(spec: ModelSpec) -> Shapes:
    """Return names and shapes of the network of `spec`.

    A network that computes with its own weights while it is built cannot be built on the meta device: such a one is
    built for real.
    """
    try:
        return shapes(create_empty(spec).state_dict())
    except UsageError:
        return shapes(create(spec, seed=0).state_dict())


@lru_cache(maxsize=1024)
def fingerprint(name: str) -> Fingerprint:
    """Return the fingerprint of an architecture by its timm name or "pkg.mod:factory"."""
    config = _config(name)
    chans, height, width = config.get("input_size") or (3, 224, 224)
    spec = ModelSpec(
        name=name,
        num_classes=config.get("num_classes") or 1000,
        in_chans=chans,
        image_size=(height, width),
    )
    found = empty_shapes(spec)
    return Fingerprint(
        name=name,
        shapes=found,
        classifier=_weight(config.get("classifier"), found) or _last_matrix(found),
        stem=_weight(config.get("first_conv"), found) or _first_kernel(found),
        in_chans=chans,
        image_size=(height, width),
    )


def _config(name: str) -> dict[str, Any]:
    config = None if ":" in name else get_pretrained_cfg(name, allow_unregistered=True)
    return {} if config is None else asdict(config)


def _weight(layer: str | tuple[str, ...] | list[str] | None, found: Shapes) -> str:
    first = layer if isinstance(layer, str) or not layer else layer[0]
    return f"{first}.weight" if f"{first}.weight" in found else ""


def _last_matrix(found: Shapes) -> str:
    return next((name for name, shape in reversed(found.items()) if len(shape) == 2), "")


def _first_kernel(found: Shapes) -> str:
    return next((name for name, shape in found.items() if len(shape) >= 2), "")
