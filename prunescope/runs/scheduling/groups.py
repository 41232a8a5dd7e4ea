"""Which trainings of a study are performed together: those that differ in their seeds and inputs only.

How a study is divided follows from its steps alone, not from what is finished, how many workers there are, or how busy
the machine is: K models that are trained together have other last bits than alone, and training amplifies them. A study
that was interrupted ends with the numbers of one that was not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import PluginError, PrunescopeError
from prunescope.networks import models
from prunescope.runs.recipe import run_of
from prunescope.runs.scheduling import devices
from prunescope.runs.steps import fitting
from prunescope.runs.steps.context import StepContext
from prunescope.runs.steps.result import make_usable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.store import Store

Group = tuple["Recipe", ...]


def divide_recipes(recipes: Sequence[Recipe], store: Store, *, device: str) -> dict[str, Group]:
    """Return the group of every training that is not performed alone, by run id.

    recipes: every step of the study, the finished ones too. Trainings of one kind are divided evenly, in their order,
    into as few groups as the trainer's `together` allows; on a GPU these are full but the last, and on a CPU of equal
    size, dense ones, which everything waits for, at least two, so that two processes begin at once. Kinds that are
    finished are not looked at.
    """
    here = devices.resolve(device)
    kinds: dict[str, list[Recipe]] = {}
    origins = _Origins({recipe.id: recipe for recipe in recipes}, StepContext(store, here))
    for recipe in origins.steps.values():
        spec = origins.spec(recipe.id) if recipe.step in fitting.TRAINING_STEPS else None
        if spec is not None:
            kinds.setdefault(_kind(recipe, spec, origins.depth(recipe.id)), []).append(recipe)
    found: dict[str, Group] = {}
    for kind in kinds.values():
        if len(kind) > 1 and not all(store.has(recipe.id) for recipe in kind):
            most = _together(kind[0], origins)
            if here.startswith("cuda"):
                divided = fully(kind, most)
            else:
                divided = evenly(kind, min(most, -(-len(kind) // 2)) if kind[0].step == "train" else most)
            found |= {recipe.id: group for group in divided if len(group) > 1 for recipe in group}
    return found


def fully(kind: Sequence[Recipe], most: int) -> list[Group]:
    """Divide recipes into groups of so many, and one of what is left: a GPU is as fast with many as with a few less.

    >>> [len(group) for group in fully([None] * 14, 6)]
    [6, 6, 2]
    """
    return [tuple(kind[start : start + most]) for start in range(0, len(kind), most)]


def evenly(kind: Sequence[Recipe], most: int) -> list[Group]:
    """Divide recipes into as few groups as possible of at most so many, their sizes equal to one.

    >>> [len(group) for group in evenly([None] * 14, 6)]
    [5, 5, 4]
    """
    count = -(-len(kind) // most)
    ends = [-(-len(kind) * number // count) for number in range(count + 1)]
    return [tuple(kind[start:end]) for start, end in pairwise(ends)]


def _kind(recipe: Recipe, spec: Mapping[str, Any], depth: int) -> str:
    """Return what trainings that can be performed together have in common.

    depth: how many trainings lie behind, so that none of a kind needs another (rounds of pruning and retraining).
    """
    arguments = {name: value for name, value in recipe.arguments.items() if name != "seed"}
    return json.dumps(
        [depth, recipe.step, recipe.plugin, recipe.version, recipe.options, arguments, spec],
        sort_keys=True,
        default=str,
    )


def _together(recipe: Recipe, origins: _Origins) -> int:
    """Ask the trainer how many it trains at a time; 1 where the step cannot even begin: the step itself reports why."""
    context = origins.context
    try:
        loaded = context.make_plugin("trainers", recipe.plugin, recipe.options)
        spec = context.parse_spec(origins.spec(recipe.id) or {})
        if models.is_large(spec):
            return 1
        model = models.create(spec, seed=0).to(context.device)
        data = context.open_data(recipe.arguments["data"])
        make_usable(model, spec, data)
    except PrunescopeError:
        return 1
    with loaded.unchanged(data):
        found = loaded.instance.together(model, data)
    if not isinstance(found, int) or found < 1:
        raise PluginError(
            f"trainer {recipe.plugin!r} of {loaded.plugin.distribution}: together() returned {found!r}",
            fix="return how many models to train at a time; 1 for one by one",
        )
    return found


@dataclass(frozen=True)
class _Origins:
    """Finds the network that a step works on, through its inputs."""

    steps: Mapping[str, Recipe]
    context: StepContext
    known: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)
    depths: dict[str, int] = field(default_factory=dict)

    def spec(self, run_id: str) -> Mapping[str, Any] | None:
        """Return the network as recipes describe it; None where no step and no finished run has it."""
        if run_id not in self.known:
            self.known[run_id] = self._look(run_id)
        return self.known[run_id]

    def depth(self, run_id: str) -> int:
        """Return how many trainings among the steps lie behind one, on the longest way."""
        if run_id not in self.depths:
            recipe = self.steps.get(run_id)
            inputs = [run_of(reference) for reference in recipe.inputs] if recipe else []
            behind = [self.depth(needed) + self._trains(needed) for needed in inputs]
            self.depths[run_id] = max(behind, default=0)
        return self.depths[run_id]

    def _trains(self, run_id: str) -> bool:
        return run_id in self.steps and self.steps[run_id].step in fitting.TRAINING_STEPS

    def _look(self, run_id: str) -> Mapping[str, Any] | None:
        recipe = self.steps.get(run_id)
        if recipe is None:
            return self._read(run_id)
        if "model" in recipe.arguments:
            return dict(recipe.arguments["model"])
        return self.spec(run_of(recipe.inputs[0])) if recipe.inputs else None

    def _read(self, run_id: str) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] | None = self.context.read(run_id).facts.get("model")
        except PrunescopeError:
            return None  # the step that needs the run reports what is wrong with it
        return found
