"""What a recipe holds of its network: plain values, so that laying out a study loads no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeAlias

from prunescope.api.errors import InputError
from prunescope.api.trust import NOTHING, names_code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.api.trust import Trust

JSON: TypeAlias = bool | int | float | str | list["JSON"] | dict[str, "JSON"] | None

TIMM_SOURCES = ("hf-hub:", "hf_hub:", "local-dir:")

IDENTITY = re.compile(r"([0-9a-f]{12}-[0-9a-f]{12})?")
"""What it computes and its code, as digests."""

MOST_OPTIONS = 1_000_000
"""Classes, channels, pixels of a side, or items of an option, that a file may ask for."""

DEEPEST = 3
"""How deep lists in options may lie in each other."""


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Which network, and the data it is made for."""

    name: str
    """A timm name, `hf-hub:...`, `local-dir:...`, or "pkg.mod:factory"."""
    num_classes: int
    in_chans: int
    image_size: tuple[int, ...]
    """(height, width) in pixels; of other inputs the dimensions after the first, () where there is one alone."""
    options: Mapping[str, JSON] = field(default_factory=dict)
    """More arguments of the network's constructor, for example {"width": 0.5}."""
    identity: str = ""
    """Of a network of one's own: what it computes and its code, as digests (`networks.identity`)."""

    def to_json(self) -> dict[str, JSON]:
        """Return the spec as JSON values."""
        own: dict[str, JSON] = {"identity": self.identity} if self.identity else {}
        return {
            **own,
            "name": self.name,
            "num_classes": self.num_classes,
            "in_chans": self.in_chans,
            "image_size": list(self.image_size),
            "options": dict(sorted(self.options.items())),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any], *, trust: Trust = NOTHING, source: str = "a recipe") -> ModelSpec:
        """Return the spec that `to_json` wrote, as `source` (a file) has it.

        Raises InputError for anything else, and for a name of code that `trust` does not hold.
        """
        try:
            spec = cls(
                name=str(values["name"]),
                num_classes=_count(values["num_classes"]),
                in_chans=_count(values["in_chans"]),
                image_size=tuple(_count(side) for side in values["image_size"]),
                options=_plain_options(values.get("options", {})),
                identity=_identity(values.get("identity", "")),
            )
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise InputError(
                f"not a model's description: {str(values)[:80]}",
                fix="give name, num_classes, in_chans, image_size (a list of sides), and options of plain values",
            ) from error
        if names_code(spec.name):
            trust.check(spec.name, source=source)
        return spec


def _identity(value: object) -> str:
    if not isinstance(value, str) or not IDENTITY.fullmatch(value):
        raise ValueError(f"{str(value)[:40]!r} is not the identity of a network")
    return value


def _count(value: Any) -> int:  # noqa: ANN401 - whatever a file holds
    number = int(value)
    if not 0 <= number <= MOST_OPTIONS:
        raise ValueError(f"{number} is not from 0 to {MOST_OPTIONS}")
    return number


def _plain_options(values: Mapping[str, Any]) -> dict[str, JSON]:
    wrong = [name for name, value in values.items() if not (isinstance(name, str) and _is_plain(value, depth=DEEPEST))]
    if wrong:
        raise ValueError(f"the option {wrong[0]!r} is not a plain value")
    return dict(values)


MOST_BITS = 64
"""Of a whole number among the options of a network."""


def _is_plain(value: object, *, depth: int) -> bool:
    if isinstance(value, list):
        return depth > 0 and len(value) <= MOST_OPTIONS and all(_is_plain(item, depth=depth - 1) for item in value)
    if isinstance(value, int):
        return value.bit_length() <= MOST_BITS
    return value is None or isinstance(value, str) or (isinstance(value, float) and isfinite(value))
