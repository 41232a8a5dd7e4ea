"""What a recipe says of its network: plain values, so that laying out a study loads no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from prunescope.api.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON: TypeAlias = bool | int | float | str | list["JSON"] | dict[str, "JSON"] | None


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

    def to_json(self) -> dict[str, JSON]:
        """Return the spec as JSON values."""
        return {
            "name": self.name,
            "num_classes": self.num_classes,
            "in_chans": self.in_chans,
            "image_size": list(self.image_size),
            "options": dict(sorted(self.options.items())),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ModelSpec:
        """Return the spec that `to_json` wrote; InputError for anything else."""
        try:
            return cls(
                name=str(values["name"]),
                num_classes=int(values["num_classes"]),
                in_chans=int(values["in_chans"]),
                image_size=tuple(int(side) for side in values["image_size"]),
                options=dict(values.get("options", {})),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"not a model's description: {str(values)[:80]}",
                fix="name, num_classes, in_chans and image_size [height, width] (or a list of other length) are needed",
            ) from error
