"""Recipe = step + plugin + options + arguments + inputs; its canonical JSON; the id that follows from it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STEPS = ("import", "train", "prune", "rewind", "retrain", "soup", "probe", "diagnose")

ID_DIGITS = 16


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides the result of one step, and nothing else (no paths, no device, no clock)."""

    step: str
    """One of STEPS."""
    plugin: str = ""
    version: int = 1
    """The plugin's version: it changes when the same options give other numbers."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The plugin's options that differ from their defaults."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What else the step depends on: model, data, seed, density, ..."""
    inputs: tuple[str, ...] = ()
    """Ids of the runs (or snapshots "<id>@<epoch>") the step starts from."""

    @cached_property
    def id(self) -> str:
        """The run's name: the step and the digest of the recipe, for example "train-0f3a5c...".

        >>> Recipe(step="train", plugin="sgd", arguments={"seed": 0}).id
        'train-f7c0af6f9dedefbc'
        """
        return f"{self.step}-{hashlib.sha256(self.canonical().encode()).hexdigest()[:ID_DIGITS]}"

    def canonical(self) -> str:
        """Return the recipe as JSON with sorted keys and no spaces; equal recipes give equal text."""
        return json.dumps(
            {
                "arguments": self.arguments,
                "inputs": list(self.inputs),
                "options": self.options,
                "plugin": self.plugin,
                "step": self.step,
                "version": self.version,
            },
            sort_keys=True,
            separators=(",", ":"),
            allow_nan=False,
        )


def parse(text: str) -> Recipe:
    """Return the recipe that `Recipe.canonical` wrote; InputError for anything else."""
    try:
        values = json.loads(text)
        recipe = Recipe(**{**values, "inputs": tuple(values["inputs"])})
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(f"not a recipe: {text[:80]!r}", fix="give the JSON that prunescope wrote") from error
    if recipe.step not in STEPS:
        raise InputError(f"unknown step {recipe.step!r} in a recipe", fix=f"one of: {', '.join(STEPS)}")
    return recipe


def task_id(group: Sequence[Recipe]) -> str:
    """Return the id of the job that performs these recipes: the run's own, or one of the group."""
    if len(group) == 1:
        return group[0].id
    members = " ".join(recipe.id for recipe in group)
    return f"{group[0].step}-together-{hashlib.sha256(members.encode()).hexdigest()[:ID_DIGITS]}"


def run_of(reference: str) -> str:
    """Return the run a reference points into.

    >>> run_of("train-0123@10"), run_of("train-0123")
    ('train-0123', 'train-0123')
    """
    return reference.partition("@")[0]


def snapshot_of(reference: str) -> int | None:
    """Return the epoch of a snapshot reference "<id>@<epoch>", None for the run's end.

    >>> snapshot_of("train-0123@10"), snapshot_of("train-0123")
    (10, None)
    """
    epoch = reference.partition("@")[2]
    return int(epoch) if epoch else None
