"""Whom to cite for what was run: the methods that recipes use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.plugins.citations import known_method

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from prunescope.plugins.citations import Method
    from prunescope.runs.recipe import Recipe

GROUPS = {"train": "trainers", "prune": "pruners", "retrain": "trainers", "probe": "probes"}
"""Step of a recipe -> the group of its plugin."""


def credited_methods(recipes: Iterable[Recipe], *, rules: Sequence[str] = ()) -> tuple[Method, ...]:
    """Return each method that some recipes use, and some rules; plugins that are not installed have a problem."""
    named = {*(pair for recipe in recipes for pair in _named(recipe)), *(("rules", rule) for rule in rules)}
    return tuple(known_method(group, name) for group, name in sorted(named))


def _named(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Yield group and name of every plugin a recipe uses."""
    if recipe.step in GROUPS:
        yield GROUPS[recipe.step], recipe.plugin
    if "data" in recipe.arguments:
        yield "datasets", recipe.arguments["data"]["name"]
    for case in recipe.arguments.get("cases", ()):
        yield "rules", case["rule"]
