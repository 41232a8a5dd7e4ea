"""A recipe names a network of one's own together with what it computes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from prunescope.api.trust import names_code
from prunescope.networks.spec import TIMM_SOURCES

if TYPE_CHECKING:
    from prunescope.networks.spec import ModelSpec


def identified(spec: ModelSpec) -> ModelSpec:
    """Return the spec with the identity of its code, where a person's own function makes the network.

    A network that is registered with timm is known by its name. Raises UsageError where it cannot be built.
    """
    if not names_own_code(spec.name):
        return spec
    from prunescope.networks.models import identify

    return replace(spec, identity=identify(spec))


def names_own_code(name: str) -> bool:
    """Whether a person's own function makes the network of this name.

    >>> names_own_code("mine:net"), names_own_code("hf-hub:who/what"), names_own_code("resnet18")
    (True, False, False)
    """
    return names_code(name) and not name.startswith(TIMM_SOURCES)
