"""How a session reports what it does: notes, and the progress of its steps. Nothing here prints."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from prunescope.api.knobs import KNOBS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.scheduling.cost import CostEstimate

    Watched = AbstractContextManager[None]
    Progress = Callable[[str], float]


class Watcher(Protocol):
    """Receives what a session reports."""

    def note(self, text: str) -> None:
        """Receive one line: an assumption, an estimate, a step that failed."""

    def estimated(self, estimate: CostEstimate, slots: int) -> None:
        """Receive what is left to compute; `slots` jobs run at a time."""

    def watch(self, recipes: Sequence[Recipe], progress: Progress, shares: Mapping[str, float]) -> Watched:
        """Show the progress of unfinished recipes while the block runs.

        progress: run id -> how far the step is, in [0, 1].
        shares: run id -> its share of the work, in any unit; equal shares where empty.
        """

    def meter(self, what: str) -> AbstractContextManager[Callable[[float], None]]:
        """Show the progress of what is not a step while the block runs; it receives the share done, in [0, 1]."""


@dataclass(frozen=True)
class Silent:
    """Shows nothing: what a library call does unless it is asked for progress."""

    def note(self, text: str) -> None:
        """Drop the line."""

    def estimated(self, estimate: CostEstimate, slots: int) -> None:
        """Drop the estimate."""

    def watch(self, recipes: Sequence[Recipe], progress: Progress, shares: Mapping[str, float]) -> Watched:
        """Show nothing."""
        del recipes, progress, shares
        return nullcontext()

    def meter(self, what: str) -> AbstractContextManager[Callable[[float], None]]:
        """Show nothing."""
        del what
        return nullcontext(lambda _: None)


def label(recipe: Recipe, known: Mapping[str, Recipe] | None = None) -> str:
    """Name a step as a person would: with its density and temperature where it has them, or a step that it starts from.

    known: other steps by id, among which its inputs are looked for.

    >>> from prunescope.runs.recipe import Recipe
    >>> prune = Recipe(step="prune", plugin="magnitude", arguments={"density": 0.1, "seed": 0}, inputs=("train-0@40",))
    >>> label(prune)
    'prune magnitude, density 0.1, 40 epochs'
    >>> retrain = Recipe(step="retrain", plugin="sgd", arguments={"seed": 2}, inputs=(prune.id,))
    >>> label(retrain, {prune.id: prune})
    'retrain sgd, density 0.1, 40 epochs, seed 2'
    >>> label(Recipe(step="retrain", plugin="sgd", arguments={"seed": 2}, inputs=("prune-0f3a5c0000000000",)))
    'retrain sgd, seed 2, from prune-0f3a5c'
    """
    line = list(_line(recipe, known or {}))
    density = next((one.arguments["density"] for one in line if "density" in one.arguments), None)
    about = [f"{recipe.step} {recipe.plugin}".strip()]
    about += [f"density {density:g}"] if density is not None else []
    about += _temperature(line)
    if recipe.step in ("train", "retrain"):
        about.append(f"seed {recipe.arguments['seed']}")
    if recipe.step in ("rewind", "retrain", "soup", "probe") and recipe.inputs and density is None:
        step, _, digest = recipe.inputs[0].partition("-")
        about.append(f"from {step}-{digest[:6]}")
    return ", ".join(about)


def _line(recipe: Recipe, known: Mapping[str, Recipe]) -> Iterator[Recipe]:
    """Yield a step, the step that it starts from, and so on, as far as they are known."""
    step: Recipe | None = recipe
    while step is not None:
        yield step
        step = known.get(step.inputs[0].partition("@")[0]) if step.inputs else None


def _temperature(line: Sequence[Recipe]) -> list[str]:
    """Return the knobs of the dense training that its recipe gives; the epochs of a snapshot of it."""
    epoch = next((one.inputs[0].partition("@")[2] for one in line if one.inputs and "@" in one.inputs[0]), "")
    options = next((one.options for one in line if one.step == "train"), {})
    found = {name: options[name] for name in KNOBS if isinstance(options.get(name), int | float)}
    return [KNOBS[name].at(f"{value:g}") for name, value in (found | ({"epochs": int(epoch)} if epoch else {})).items()]
