"""`prunescope retrain`: replicas of a pruned model, trained again under its mask."""

from __future__ import annotations

from typing import Annotated

import typer

from prunescope.cli import given, parameters, steps
from prunescope.cli.command import Output
from prunescope.cli.console import say
from prunescope.cli.train import write_weights
from prunescope.errors import UsageError
from prunescope.registry import Loaded


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
    study: parameters.Study = parameters.STUDY,
    device: parameters.Device = "auto",
) -> Output:
    """Retrain a pruned model under its mask; prints the id of each run on a line."""
    from prunescope import plan

    given.check_output(output)
    if output is not None and replicas > 1:
        raise UsageError(f"--output is one file, --replicas {replicas} makes several", fix="retrain one at a time")
    store, where = given.open_store(study), steps.resolve_device(device)
    pruned = given.checkpoint(checkpoint, store, weights=weights, model=model, unsafe=unsafe_load)
    if store.load_weights(pruned).mask is None:
        raise UsageError(
            f"{pruned} is not pruned: it has no mask to retrain under",
            fix=f"prune it first: prunescope prune magnitude {pruned} --density 0.1",
        )
    source = given.source(data, [pruned], store, limit_batches=limit_batches)
    ids = []
    for number in range(seed, seed + replicas):
        recipe = plan.retrain(pruned=pruned, trainer=trainer, data=source, seed=number)
        ids.append(steps.perform(recipe, store, device=where))
        for last in store.read(ids[-1]).history[-1:]:
            say(f"seed {number}: loss {last.train_loss:.4f}, error {last.train_error:.1%}, in training")
    write_weights(ids[0], store, output)
    return Output(text="\n".join(ids))
