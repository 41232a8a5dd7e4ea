"""The rule that judges, from the options of a command and the pack of thresholds it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope import registry
from prunescope.cli import given
from prunescope.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from prunescope.registry import Loaded


def rule(name: str, options: list[str] | None, pack: Path | None, *, network: str | None = None) -> Loaded:
    """Return the rule of that name; a pack gives its thresholds, single options go before it.

    network: of the model that is judged; the rule gives no confidence where the pack was fitted to others. Raises
    UsageError for a pack of another rule.
    """
    values: dict[str, object] = {}
    if pack is not None:
        from prunescope.cases import packs

        found = packs.load(pack)
        if found.rule != name:
            raise UsageError(f"{pack} is a pack for the rule {found.rule!r}", fix=f"give --rule {found.rule}")
        values |= found.options
        if network is not None and network not in found.models:
            values["trusted"] = False
    return registry.make("rules", name, values | given.pairs("--rule-option", options))
