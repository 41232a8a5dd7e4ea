"""Progress on stderr while steps run: bars with the time left on a terminal, otherwise a line for every 10 %."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from prunescope.api.wording import percent
from prunescope.report.common import costs
from prunescope.report.common.console import duration, say, say_line
from prunescope.runs import watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from rich.progress import Progress, TaskID

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.scheduling.cost import CostEstimate

POLL_SECONDS = 0.5

SILENT_SECONDS = 1.0
"""Work that is done before needs no line."""

SPEED_SECONDS = 120.0
"""Of the last so many seconds the time left is estimated: steps end in bursts."""

LOOK_SHARE = 0.05
"""The share of the time that a look at all steps may take: of 100,000 one takes seconds."""

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
    shown: int = 0

    def show(self, whole: float, running: Mapping[str, float]) -> None:
        """Print a line when another tenth is done."""
        tenths, spent = int(whole * LINES + 1e-9), monotonic() - self.started
        if tenths <= self.shown or spent < SILENT_SECONDS:
            return
        self.shown = tenths
        left = f", about {duration(spent * (1 - whole) / whole)} left" if whole < 1 else ""
        under_way = f" ({next(iter(running))})" if running else ""
        say(f"{percent(tenths / LINES):>5} after {duration(spent)}{left}{under_way}")


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
def watched(
    recipes: Sequence[Recipe], progress: Callable[[str], float], *, weights: Mapping[str, float] | None = None
) -> Iterator[None]:
    """Show the progress of unfinished recipes while the block runs.

    progress: run id -> how far the step is, in [0, 1].
    weights: what share of the work each run id is, in any unit; equal shares when None.
    """
    shares = {recipe.id: (weights or {}).get(recipe.id, 0.0 if weights else 1.0) for recipe in recipes}
    known = {recipe.id: recipe for recipe in recipes}
    labels = {recipe.id: watching.label(recipe, known) for recipe in recipes}
    stop = threading.Event()
    with _meter() as meter:
        look = _Look(progress, shares, labels, meter)
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
    progress: Callable[[str], float]
    shares: Mapping[str, float]
    labels: Mapping[str, str]
    meter: Meter
    finished: set[str] = field(default_factory=set)

    def once(self) -> None:
        """Ask every step how far it is and show it."""
        done = {run_id: 1.0 if run_id in self.finished else self.progress(run_id) for run_id in self.shares}
        self.finished.update(run_id for run_id, fraction in done.items() if fraction >= 1)
        total = sum(self.shares.values()) or 1.0
        whole = sum(self.shares[run_id] * fraction for run_id, fraction in done.items()) / total
        running = {self.labels[run_id]: fraction for run_id, fraction in done.items() if 0 < fraction < 1}
        self.meter.show(min(whole, 1.0), running)


def _poll(look: _Look, stop: threading.Event) -> None:
    pause = POLL_SECONDS
    while not stop.wait(pause):
        started = monotonic()
        look.once()
        pause = max(POLL_SECONDS, (monotonic() - started) / LOOK_SHARE)


@contextmanager
def _meter(what: str = "all steps") -> Iterator[Meter]:
    if not (sys.stderr.isatty() or _in_notebook()):
        yield Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console() if _in_notebook() else Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, redirect_stdout=False, speed_estimate_period=SPEED_SECONDS
    ) as progress:
        yield Bars(progress, progress.add_task(what, total=1.0))


def _in_notebook() -> bool:
    """Whether the program is the kernel of a notebook, which shows bars though stderr is no terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"


@dataclass(frozen=True)
class OnTerminal:
    """Shows notes and progress on stderr: what the commands do, and a library call with `progress=True`."""

    def note(self, text: str) -> None:
        """Print a line."""
        say_line(text)

    def estimated(self, estimate: CostEstimate, slots: int) -> None:
        """Print what is left in a line."""
        if estimate.steps:
            say(f"estimate: {costs.in_words(estimate, slots)}")

    def watch(
        self, recipes: Sequence[Recipe], progress: Callable[[str], float], shares: Mapping[str, float]
    ) -> AbstractContextManager[None]:
        """Show bars on a terminal and in a notebook, lines elsewhere."""
        return watched(recipes, progress, weights=shares)

    @contextmanager
    def meter(self, what: str) -> Iterator[Callable[[float], None]]:
        """Show a bar on a terminal and in a notebook, lines elsewhere."""
        say(what)
        with _meter(what) as shown:
            yield lambda share: shown.show(share, {})
