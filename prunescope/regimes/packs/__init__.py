"""Rule packs: thresholds fitted to studies, with what they were fitted to, as a JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import InputError
from prunescope.api.regular import read_regular_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PACK_SCHEMA = 1

KIND = "prunescope-rules"

OBSOLETE = {"md-tree": ("accuracy", "accuracy_without")}
"""Options of a rule that earlier packs have: pooled accuracies, which mean nothing for a leaf."""

MAKE = "give the file that this writes: prunescope calibrate STUDY --output PACK.json"


@dataclass(frozen=True, kw_only=True)
class Pack:
    """Options of a rule, and where they hold."""

    rule: str
    options: Mapping[str, Any]
    """Of the rule, as its plugin takes them."""
    knobs: Mapping[str, tuple[float, float]]
    """Knob -> the range of values that was fitted."""
    models: tuple[str, ...]
    data: tuple[str, ...]
    fit: Mapping[str, Any] = field(default_factory=dict)
    """How it was fitted: cells, accuracy in and out of sample, intervals, studies."""
    others: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Other rules that the same studies fitted -> their options."""

    def options_of(self, rule: str) -> Mapping[str, Any] | None:
        """Return the fitted options of a rule; None where it was not fitted."""
        return self.options if rule == self.rule else self.others.get(rule)


def dump(pack: Pack) -> str:
    """Return a pack as the text of its file."""
    return json.dumps({"kind": KIND, "schema_version": PACK_SCHEMA, **asdict(pack)}, indent=2, sort_keys=True) + "\n"


def _current(rule: str, options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in OBSOLETE.get(rule, ())}


def load_pack(path: Path) -> Pack:
    """Return the pack in a file; InputError for anything else, and for a pack of another schema."""
    try:
        found = json.loads(read_regular_text(path))
    except OSError as error:
        raise InputError(f"cannot read the rule pack {path}: {error.strerror or error}", fix=MAKE) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not a rule pack: it is not JSON", fix=MAKE) from error
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise InputError(f"{path} is not a rule pack: its kind is not {KIND!r}", fix=MAKE)
    if found.get("schema_version") != PACK_SCHEMA:
        raise InputError(
            f"{path} has schema {found.get('schema_version')}, this prunescope reads {PACK_SCHEMA}",
            fix="calibrate again with this version",
        )
    try:
        return Pack(
            rule=str(found["rule"]),
            options=dict(found["options"]),
            knobs={name: (float(low), float(high)) for name, (low, high) in found["knobs"].items()},
            models=tuple(found["models"]),
            data=tuple(found["data"]),
            fit=dict(found["fit"]),
            others={name: _current(name, dict(options)) for name, options in found.get("others", {}).items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"{path} is a damaged rule pack: {error}", fix="calibrate again") from error
