"""Progress on stderr while steps run: bars with the time left on a terminal, otherwise a line for every 10 %."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from prunescope.cli.terminal.console import duration, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.progress import Progress, TaskID

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.store import Store

POLL_SECONDS = 0.5

SILENT_SECONDS = 1.0
"""Work that is done before needs no line."""

LINES = 10
"""Lines of progress from beginning to end where there is no terminal."""


class Meter(Protocol):
    """Shows how far the work is."""

    def show(self, whole: float, running: Mapping[str, float]) -> None:
        """Show the whole, in [0, 1], and the steps under way: label -> how far it is."""


@dataclass
class Lines:
    """A line for every tenth of the work."""

    started: float = field(default_factory=monotonic)
    told: int = 0

    def show(self, whole: float, running: Mapping[str, float]) -> None:
        """Print a line when another tenth is done."""
        tenths, spent = int(whole * LINES + 1e-9), monotonic() - self.started
        if tenths <= self.told or spent < SILENT_SECONDS:
            return
        self.told = tenths
        left = f", about {duration(spent * (1 - whole) / whole)} left" if whole < 1 else ""
        under_way = f" ({next(iter(running))})" if running else ""
        say(f"{tenths / LINES:4.0%} after {duration(spent)}{left}{under_way}")


@dataclass
class Bars:
    """Live bars: the whole with the time left, and every running step."""

    progress: Progress
    whole: TaskID
    steps: dict[str, TaskID] = field(default_factory=dict)

    def show(self, whole: float, running: Mapping[str, float]) -> None:
        """Move the bars; add those of new steps, remove those of finished ones."""
        self.progress.update(self.whole, completed=whole)
        for label in set(self.steps) - set(running):
            self.progress.remove_task(self.steps.pop(label))
        for label, fraction in running.items():
            if label not in self.steps:
                self.steps[label] = self.progress.add_task(label, total=1.0)
            self.progress.update(self.steps[label], completed=fraction)


@contextmanager
def watched(recipes: Sequence[Recipe], store: Store, *, weights: Mapping[str, float] | None = None) -> Iterator[None]:
    """Show the progress of unfinished recipes while the block runs.

    weights: what share of the work each run id is, in any unit; equal shares when None.
    """
    shares = {recipe.id: (weights or {}).get(recipe.id, 0.0 if weights else 1.0) for recipe in recipes}
    labels = {recipe.id: label(recipe) for recipe in recipes}
    stop = threading.Event()
    with _meter() as meter:
        look = _Look(store, shares, labels, meter)
        thread = threading.Thread(target=_poll, args=(look, stop), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            look.once()


@dataclass(frozen=True)
class _Look:
    store: Store
    shares: Mapping[str, float]
    labels: Mapping[str, str]
    meter: Meter

    def once(self) -> None:
        """Ask every step how far it is and show it."""
        done = {run_id: self.store.progress(run_id) for run_id in self.shares}
        total = sum(self.shares.values()) or 1.0
        whole = sum(self.shares[run_id] * fraction for run_id, fraction in done.items()) / total
        running = {self.labels[run_id]: fraction for run_id, fraction in done.items() if 0 < fraction < 1}
        self.meter.show(min(whole, 1.0), running)


def _poll(look: _Look, stop: threading.Event) -> None:
    while not stop.wait(POLL_SECONDS):
        look.once()


@contextmanager
def _meter() -> Iterator[Meter]:
    if not sys.stderr.isatty():
        yield Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as progress:
        yield Bars(progress, progress.add_task("all steps", total=1.0))


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
    if recipe.step in ("rewind", "retrain", "probe") and recipe.inputs:
        step, _, digest = recipe.inputs[0].partition("-")
        about.append(f"from {step}-{digest[:6]}")
    return ", ".join(about)
