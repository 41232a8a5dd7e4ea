"""Running steps: one in this process with its real error, or many through an executor, with progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api.errors import PrunescopeError, UsageError
from prunescope.report.common.console import say
from prunescope.report.common.progress import watched
from prunescope.runs.watching import label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.api import Executor, Outcome
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.store import Store


def perform(recipe: Recipe, store: Store, *, device: str) -> str:
    """Perform one step here and return its id; a finished one is only said to be there."""
    from prunescope.runs import pipeline

    if store.has(recipe.id):
        say(f"{label(recipe)}: already there, nothing to compute")
        return recipe.id
    with watched([recipe], store):
        return pipeline.perform(recipe, store, device=device)


def complete(recipes: Sequence[Recipe], store: Store, executor: Executor, *, device: str) -> None:
    """Run every unfinished step; raise the first error when some failed, after the others were finished."""
    from prunescope.runs.scheduling import scheduler

    todo = scheduler.pending(recipes, store)
    if len(todo) < len(recipes):
        say(f"{len(recipes) - len(todo)} of {len(recipes)} steps are there already")
    if not todo:
        return
    say(f"running {len(todo)} step{'s' * (len(todo) > 1)}, the first: {label(todo[0])}")
    with watched(todo, store, weights=weights(todo, store, device)):
        outcomes = list(scheduler.run(recipes, store, executor, device=device))
    _raise_failure(outcomes, todo, store)


def resolve_device(text: str) -> str:
    """Check the device that was named; `auto` stays: it is decided where a step runs."""
    import torch

    if text == "auto":
        return text
    try:
        kind = torch.device(text).type
        torch.empty(1, device=text)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"the device {text!r} cannot be used: {reason}", fix="give --device auto, or cpu") from error
    if kind == "meta":
        raise UsageError("the device 'meta' computes nothing", fix="give --device auto, or cpu")
    return text


def weights(recipes: Sequence[Recipe], store: Store, device: str) -> dict[str, float]:
    """Return the share of each step: what it sends through the network, and a little for anything else."""
    from prunescope.data import sources
    from prunescope.runs.scheduling import cost, devices

    described = [recipe.arguments["data"] for recipe in recipes if "data" in recipe.arguments]
    here = devices.resolve(device)
    data = sources.open_source(described[0], device=here, trust=store.trust) if described else None
    passes = cost.passes_by_id(recipes, data, trust=store.trust)
    least = 0.001 * max(1.0, *passes.values())
    return {run_id: max(number, least) for run_id, number in passes.items()}


def _raise_failure(outcomes: Sequence[Outcome], recipes: Sequence[Recipe], store: Store) -> None:
    """Say every way in which steps failed, and raise one: the first that somebody can mend, where there is one."""
    from prunescope.runs import failures

    failed = {outcome.id: outcome.error for outcome in outcomes if outcome.error and not outcome.skipped}
    if not failed:
        return
    names = {recipe.id: label(recipe) for recipe in recipes}
    finished = sum(not outcome.error for outcome in outcomes)
    say(f"failed: {len(failed)} of {len(recipes)} steps; {finished} were finished and are kept in {store.study}")
    first = {error: run_id for run_id, error in reversed(failed.items())}
    chosen = next((error for error in failed.values() if "\n" in error), next(iter(failed.values())))
    for error, run_id in first.items():
        if error != chosen:
            say(f"failed too: {names[run_id]}: {error.partition(chr(10))[0]}")
    message, _, fix = chosen.partition("\n")
    traceback = failures.path(store.study, first[chosen])
    raise PrunescopeError(
        f"{names[first[chosen]]}: {message}",
        fix=fix or f"its traceback is in {traceback}; if it comes again, report it with that",
    )
