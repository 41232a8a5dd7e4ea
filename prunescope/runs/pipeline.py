"""The steps: train, prune, retrain, probe, diagnose, each a function of its recipe and of finished runs.

`perform` is the one door: already done? return. The clock is read for provenance only, never for a result.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from prunescope.api.errors import PluginError
from prunescope.api.trust import NOTHING
from prunescope.runs import locations
from prunescope.runs.recipe import Recipe, parse
from prunescope.runs.scheduling import devices
from prunescope.runs.steps import averaging, fitting, judging, probing, pruning, rewinding
from prunescope.runs.steps.context import StepContext
from prunescope.runs.steps.finishing import finish_run
from prunescope.runs.steps.keeping import forget_states
from prunescope.runs.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from prunescope.api import Job
    from prunescope.api.trust import Trust
    from prunescope.runs.steps.result import StepResult


def perform_job(job: Job, *, device: str, trust: Trust = NOTHING) -> None:
    """Perform a job of an executor in this process; BusyError while another process performs any of it.

    trust: the code that the study's files may name.
    """
    recipes, store = [parse(text) for text in job.recipes], Store(Path(job.study), trust=trust)
    locations.read_places(store.study)
    if len(recipes) == 1:
        perform(recipes[0], store, device=device, wait=False)
    else:
        perform_together(recipes, store, device=device)


def perform(recipe: Recipe, store: Store, *, device: str, wait: bool = True) -> str:
    """Perform one step and return its id; a finished one is not computed again.

    While another process performs it: wait for that, or raise BusyError when `wait` is False. device: "auto" is decided
    here, where the step runs.
    """
    steps: dict[str, Callable[[Recipe, StepContext], StepResult]] = {
        "train": fitting.fit_network,
        "prune": pruning.prune_network,
        "rewind": rewinding.rewind_network,
        "retrain": fitting.fit_network,
        "soup": averaging.average_replicas,
        "probe": probing.measure_replicas,
        "diagnose": judging.judge_cases,
    }
    if store.has(recipe.id):
        return recipe.id
    here = devices.resolve(device)
    with store.lock(recipe.id, wait=wait):
        if store.has(recipe.id):
            return recipe.id
        started = monotonic()
        with _exits_caught(recipe):
            made = steps[recipe.step](recipe, StepContext(store, here))
        finish_run(recipe, made, store, device=here, seconds=monotonic() - started)
        if recipe.step in fitting.TRAINING_STEPS:
            forget_states([recipe], store)
        return recipe.id


@contextmanager
def _exits_caught(recipe: Recipe) -> Iterator[None]:
    """Turn an attempt to end the program into an error: a step that is not performed ends no command with 0."""
    try:
        yield
    except SystemExit as error:
        raise PluginError(
            f"the {recipe.step} step with {recipe.plugin!r} was to end the program: SystemExit: {error.code}",
            fix="let the plugin raise an error instead of sys.exit()",
        ) from error


def perform_together(recipes: Sequence[Recipe], store: Store, *, device: str) -> None:
    """Perform trainings that one call of their trainer can do; BusyError while another process performs one of them.

    All are trained, the finished ones again, so that the others come out as they do undisturbed; only what is missing
    is written. When one fails, nothing is.
    """
    missing = [recipe for recipe in recipes if not store.has(recipe.id)]
    here = devices.resolve(device)
    with ExitStack() as stack:
        for recipe in sorted(missing, key=lambda recipe: recipe.id):
            stack.enter_context(store.lock(recipe.id, wait=False))
        wanted = {recipe.id for recipe in missing if not store.has(recipe.id)}
        if not wanted:
            return
        started = monotonic()
        with _exits_caught(recipes[0]):
            made = fitting.fit_networks(recipes, StepContext(store, here), wanted=sorted(wanted))
        seconds = (monotonic() - started) / len(recipes)
        for recipe, one in zip(recipes, made, strict=True):
            if recipe.id in wanted:
                finish_run(recipe, one, store, device=here, seconds=seconds)
        forget_states(recipes, store)
