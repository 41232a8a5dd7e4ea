"""Some of a study's steps: those of one shard, those a pattern names, and all that these need."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError
from prunescope.runs.recipe import run_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.runs.recipe import Recipe
    from prunescope.studies.grid.layout import Grid


def shard(grid: Grid, number: int, *, of: int) -> dict[str, Recipe]:
    """Return the named steps of one of several parts of the grid, numbered from 1, with the dense runs they need.

    The parts hold equally many cells, to one. Cells of one dense run lie together, so that few dense runs are
    needed by two shards; in one study folder even those are computed once.
    """
    cells = sorted(grid.cells, key=lambda cell: run_of(cell.dense))
    mine = cells[len(cells) * (number - 1) // of : len(cells) * number // of]
    wanted = {recipe.id for cell in mine for recipe in cell.recipes}
    return with_needs(grid.named, {name for name, recipe in grid.named.items() if recipe.id in wanted})


def only(named: Mapping[str, Recipe], patterns: Sequence[str]) -> dict[str, Recipe]:
    """Return the steps that any pattern names, with all they need.

    A pattern is a kind of step ("train", "retrain"), the beginning of a run id, or a name with wildcards
    ("probe/lmc/*", "*density=0.1,*"). Raises UsageError for a pattern that names nothing.
    """
    wanted: set[str] = set()
    for pattern in patterns:
        found = {name for name, recipe in named.items() if _matches(name, recipe, pattern)}
        if not found:
            raise UsageError(
                f"--only {pattern!r} names no step of this study",
                fix=f"the first is called {next(iter(named))!r}; see all: prunescope sweep STUDY --list",
            )
        wanted |= found
    return with_needs(named, wanted)


def with_needs(named: Mapping[str, Recipe], wanted: set[str]) -> dict[str, Recipe]:
    """Return the wanted steps and all they depend on, in the order given."""
    names = {recipe.id: name for name, recipe in named.items()}
    found: set[str] = set()
    left = list(wanted)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += [names[run_of(reference)] for reference in named[name].inputs]
    return {name: recipe for name, recipe in named.items() if name in found}


def _matches(name: str, recipe: Recipe, pattern: str) -> bool:
    return recipe.step == pattern or fnmatchcase(name, pattern) or ("-" in pattern and recipe.id.startswith(pattern))
