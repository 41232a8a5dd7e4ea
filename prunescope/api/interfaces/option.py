"""Help and bounds of one option of a plugin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Option:
    """Help and bounds of one option, written as `name: Annotated[type, Option(...)] = default`.

    Types: bool, int, float, str, `Literal[...]` (the choices), `tuple[T, ...]` (comma-separated), and `T | None`.
    """

    help: str
    minimum: float | None = None
    maximum: float | None = None
    code: Callable[[str], bool] | None = None
    """Whether a text names code ("pkg.mod:function") or makes something run it: from a file such a text is refused
    unless the person allowed it (`--trust TEXT`). None: no text of this option does."""
    place: bool = False
    """Of a data set: whether the option only says where its files lie or how they are read. Recipes name data by their
    fingerprint, so that such an option is no part of a run's id; it is noted for this machine, beside the study."""
