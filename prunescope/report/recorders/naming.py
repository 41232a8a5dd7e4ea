"""How a reading is called, and where it stands, in a tool that shows numbers by step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def metric_name(row: Mapping[str, Any]) -> str:
    """Return "<probe>/<reading>", with the replica, pair, layer or place where there are several.

    >>> row = {"probe": "lmc", "reading": "lmc", "axes": "pair", "index": "0"}
    >>> metric_name({**row, "pair": "1-2", "replica": None, "label": None})
    'lmc/lmc/pair_1-2'
    """
    parts = [row["probe"], row["reading"]]
    parts += [f"{kind}_{row[kind]}" for kind in ("replica", "pair") if row[kind] is not None and kind in row["axes"]]
    if row["label"] is not None:
        parts.append(str(row["label"]))
    elif set(row["axes"].split()) - {"replica", "pair"}:
        parts.append(str(row["index"]).replace(" ", "_"))
    return re.sub(r"[^\w./-]", "_", "/".join(parts))


def metric_step(row: Mapping[str, Any]) -> int:
    """Return the percent of the prunable weights that are kept, rounded; 100 for a dense network."""
    return round(100 * (1.0 if row["density"] is None else row["density"]))
