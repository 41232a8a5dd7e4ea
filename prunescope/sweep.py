"""Runs recipes in dependency order through an executor: what is finished is not run again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from prunescope import pipeline
from prunescope.api import Task
from prunescope.recipe import run_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prunescope.api import Executor, Outcome
    from prunescope.recipe import Recipe
    from prunescope.store import Store


def pending(recipes: Sequence[Recipe], store: Store) -> list[Recipe]:
    """Return the recipes that are not finished yet, each once, in the order given."""
    once = {recipe.id: recipe for recipe in recipes}
    return [recipe for run_id, recipe in once.items() if not store.has(run_id)]


def tasks(recipes: Sequence[Recipe], store: Store) -> list[Task]:
    """Return one task per unfinished recipe; each waits for those of its inputs that are among them."""
    todo = pending(recipes, store)
    ids = {recipe.id for recipe in todo}
    return [
        Task(
            id=recipe.id,
            needs=tuple(sorted({run_of(reference) for reference in recipe.inputs} & ids)),
            recipe=recipe.canonical(),
            study=str(store.study),
        )
        for recipe in todo
    ]


def run(recipes: Sequence[Recipe], store: Store, executor: Executor, *, device: str) -> Iterator[Outcome]:
    """Run what is not finished; yield how each step ended."""
    yield from executor.run(tasks(recipes, store), partial(pipeline.perform_task, device=device))
