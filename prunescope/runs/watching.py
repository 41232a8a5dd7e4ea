"""How a session reports what it does: notes, and the progress of its steps. Nothing here prints."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
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


def label(recipe: Recipe) -> str:
    """Name a step as a person would.

    >>> from prunescope.runs.recipe import Recipe
    >>> label(Recipe(step="prune", plugin="magnitude", arguments={"density": 0.1, "seed": 0}))
    'prune magnitude, density 0.1'
    >>> label(Recipe(step="retrain", plugin="sgd", arguments={"seed": 2}, inputs=("prune-0f3a5c0000000000",)))
    'retrain sgd, seed 2, from prune-0f3a5c'
    """
    about = [f"{recipe.step} {recipe.plugin}".strip()]
    if "density" in recipe.arguments:
        about.append(f"density {recipe.arguments['density']:g}")
    elif recipe.step in ("train", "retrain"):
        about.append(f"seed {recipe.arguments['seed']}")
    if recipe.step in ("rewind", "retrain", "soup", "probe") and recipe.inputs:
        step, _, digest = recipe.inputs[0].partition("-")
        about.append(f"from {step}-{digest[:6]}")
    return ", ".join(about)
