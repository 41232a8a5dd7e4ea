"""Finished dense trainings whose snapshots a study uses after its axis of epochs was edited."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from prunescope.api.errors import PrunescopeError
from prunescope.runs.recipe import snapshot_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.store import Store


@dataclass(frozen=True)
class FinishedTrainings:
    """The dense trainings of a study folder, found by their recipe but for the snapshots."""

    store: Store

    def find(self, recipe: Recipe) -> Mapping[int, Recipe]:
        """Return the finished trainings that differ from a recipe in their snapshots alone, by the epochs they kept.

        The recipe itself goes first where it is finished, then the one that kept most of the epochs.
        """
        if self.store.has(recipe.id):
            return dict.fromkeys(recipe.arguments["snapshots"], recipe)
        wanted = set(recipe.arguments["snapshots"])
        alike = self._by_rest.get(_without_snapshots(recipe), {})
        found: dict[int, Recipe] = {}
        for _, (one, kept) in sorted(alike.items(), key=lambda item: (-len(wanted & item[1][1]), item[0])):
            found = {**dict.fromkeys(kept, one), **found}
        return found

    @cached_property
    def _by_rest(self) -> Mapping[str, dict[str, tuple[Recipe, frozenset[int]]]]:
        """Every finished training and the epochs it kept, by its recipe without snapshots and its id."""
        found: dict[str, dict[str, tuple[Recipe, frozenset[int]]]] = defaultdict(dict)
        for run_id in self.store.ids():
            if run_id.startswith("train-"):
                try:
                    run = self.store.read(run_id, only=())
                except PrunescopeError:  # the sweep names what is damaged
                    continue
                kept = {snapshot_of(name.removesuffix(".safetensors")) for name in run.weights}
                epochs = frozenset(epoch for epoch in kept if epoch is not None)
                found[_without_snapshots(run.recipe)][run_id] = (run.recipe, epochs)
        return found


def _without_snapshots(recipe: Recipe) -> str:
    rest = {name: value for name, value in recipe.arguments.items() if name != "snapshots"}
    return replace(recipe, arguments=rest).canonical()
