"""Finished dense trainings are used again whatever snapshots they kept: these change no number of a training."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from prunescope.api.errors import PrunescopeError
from prunescope.runs.recipe import snapshot_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.store import Store


@dataclass(frozen=True)
class _Finished:
    """A finished training."""

    recipe: Recipe
    kept: frozenset[int]
    """The epochs of its snapshots."""
    created: str
    """When it ended, as ISO 8601 in UTC."""


@dataclass(frozen=True)
class FinishedTrainings:
    """The dense trainings of a study folder, found by their recipe but for the snapshots."""

    store: Store

    def find(self, recipe: Recipe) -> Mapping[int, Recipe]:
        """Return the finished trainings that differ from a recipe in their snapshots alone, by the epochs they kept.

        The recipe itself goes first where it is finished, then the one that kept most of the epochs.
        """
        wanted = set(recipe.arguments.get("snapshots", ()))
        if self.store.has(recipe.id):
            return dict.fromkeys(wanted, recipe)
        alike = self._by_rest.get(_without_snapshots(recipe), {})
        found: dict[int, Recipe] = {}
        for _, one in sorted(alike.items(), key=lambda item: (-len(wanted & item[1].kept), item[0])):
            found = {**dict.fromkeys(one.kept, one.recipe), **found}
        return found

    def find_first(self, recipe: Recipe) -> Recipe | None:
        """Return the finished training that stands for a recipe whatever snapshots it keeps; None where there is none.

        That is the one that was made first: asked again, the answer is the same, whatever was added meanwhile.
        """
        alike = self._by_rest.get(_without_snapshots(recipe), {}).values()
        return min(alike, key=lambda one: (one.created, len(one.kept), one.recipe.id)).recipe if alike else None

    @cached_property
    def _by_rest(self) -> Mapping[str, dict[str, _Finished]]:
        """Every finished training, by its recipe without snapshots and its id."""
        found: dict[str, dict[str, _Finished]] = defaultdict(dict)
        for run_id in self.store.ids():
            if run_id.startswith("train-"):
                try:
                    run = self.store.read(run_id, only=())
                except PrunescopeError:  # the sweep names what is damaged
                    continue
                kept = {snapshot_of(name.removesuffix(".safetensors")) for name in run.weights}
                epochs = frozenset(epoch for epoch in kept if epoch is not None)
                found[_without_snapshots(run.recipe)][run_id] = _Finished(run.recipe, epochs, run.created)
        return found


def _without_snapshots(recipe: Recipe) -> str:
    rest = {name: value for name, value in recipe.arguments.items() if name != "snapshots"}
    return replace(recipe, arguments=rest).canonical()


def with_snapshots(recipe: Recipe, epochs: Iterable[int]) -> Recipe:
    """Return a recipe that keeps these epochs instead of its own."""
    return replace(recipe, arguments={**recipe.arguments, "snapshots": sorted(epochs)})
