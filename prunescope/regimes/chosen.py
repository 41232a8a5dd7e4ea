"""The rule that judges, from the options of a command and the pack of thresholds it names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError
from prunescope.plugins import registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.plugins.registry import Loaded


DENSE_RULE = "md-tree"


def rule(name: str, options: Mapping[str, object], pack: str | Path | None, *, network: str | None = None) -> Loaded:
    """Return the rule of that name; a pack gives its thresholds, single options go before it.

    network: of the model that is judged; the rule gives no confidence where the pack was fitted to others. Raises
    UsageError for a pack of another rule.
    """
    values: dict[str, object] = {}
    if pack is not None:
        from prunescope.regimes import packs

        found = packs.load_pack(Path(pack))
        fitted = found.options_of(name)
        if fitted is None:
            raise UsageError(f"{pack} is a pack for the rule {found.rule!r}", fix=f"give --rule {found.rule}")
        values |= fitted
        if network is not None and network not in found.models:
            values["trusted"] = False
    return registry.make("rules", name, values | dict(options))


def dense_rule(pack: str | Path | None, *, network: str | None) -> Loaded:
    """Return the rule that judges the dense model: with the thresholds of the pack where it has some for it."""
    from prunescope.regimes import packs

    fitted = pack is not None and packs.load_pack(Path(pack)).options_of(DENSE_RULE) is not None
    return rule(DENSE_RULE, {}, pack if fitted else None, network=network)
