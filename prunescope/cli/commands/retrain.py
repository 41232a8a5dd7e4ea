"""`prunescope retrain`: replicas of a pruned model, trained again under its mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from prunescope.api.errors import UsageError
from prunescope.cli.commands.train import write_weights
from prunescope.cli.options import parameters, parsing
from prunescope.cli.terminal import steps
from prunescope.cli.terminal.command import Output
from prunescope.plugins.registry import Loaded
from prunescope.report.common.console import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.store import Store


def retrain(
    trainer: Loaded,
    checkpoint: parameters.Checkpoint,
    *,
    seed: parameters.Seed = 0,
    replicas: Annotated[int, typer.Option(metavar="N", min=1, help="Retrainings: seeds SEED, SEED + 1, ...")] = 1,
    data: parameters.DataOrInherited = None,
    limit_batches: parameters.LimitBatches = None,
    model: parameters.Model = None,
    weights: parameters.Weights = None,
    unsafe_load: parameters.UnsafeLoad = False,
    output: parameters.Output = None,
    trust: parameters.Trust = None,
    study: parameters.Study = parameters.STUDY,
    device: parameters.Device = "auto",
) -> Output:
    """Retrain a pruned model under its mask; prints the id of each run on a line.

    Replicas of a tiny network are trained together: the same numbers, up to rounding, in less time.
    """
    from prunescope.runs import plan

    parsing.check_output(output)
    if output is not None and replicas > 1:
        raise UsageError(f"--output is one file, --replicas {replicas} makes several", fix="retrain one at a time")
    where = steps.resolve_device(device)
    store = parsing.open_store(study, allowed=trust, model=model, data=data, plugin=trainer)
    pruned = parsing.checkpoint(checkpoint, store, weights=weights, model=model, unsafe=unsafe_load)
    if store.load_weights(pruned).mask is None:
        raise UsageError(
            f"{pruned} is not pruned: it has no mask to retrain under",
            fix=f"prune it first: prunescope prune magnitude {pruned} --density 0.1",
        )
    source = parsing.source(data, [pruned], store, limit_batches=limit_batches)
    seeds = range(seed, seed + replicas)
    recipes = [plan.retrain(pruned=pruned, trainer=trainer, data=source, seed=number) for number in seeds]
    ids = _perform(recipes, store, device=where)
    for number, run_id in zip(seeds, ids, strict=True):
        for last in store.read(run_id).history[-1:]:
            say(f"seed {number}: loss {last.train_loss:.4f}, error {last.train_error:.1%}, in training")
    write_weights(ids[0], store, output)
    return Output(text="\n".join(ids))


def _perform(recipes: Sequence[Recipe], store: Store, *, device: str) -> list[str]:
    """Retrain here, replicas of a tiny network together; return the ids of the runs."""
    from prunescope.plugins import registry

    if len(recipes) == 1:
        return [steps.perform(recipes[0], store, device=device)]
    here = registry.make("executors", "local", {"workers": 1}).instance
    steps.complete(recipes, store, here, device=device)
    return [recipe.id for recipe in recipes]
