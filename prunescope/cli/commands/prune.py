"""`prunescope prune`: keep a share of a dense model's weights."""

from __future__ import annotations

from typing import Annotated

import typer

from prunescope.api.errors import UsageError
from prunescope.cli.commands import explain as explaining
from prunescope.cli.commands.train import write_weights
from prunescope.cli.options import parameters, parsing
from prunescope.cli.terminal import steps
from prunescope.cli.terminal.command import Output
from prunescope.plugins.registry import Loaded
from prunescope.report.common.console import say


def prune(
    pruner: Loaded,
    checkpoint: parameters.Checkpoint,
    *,
    density: Annotated[float, typer.Option(metavar="D", help="Share of the prunable weights to keep.")],
    data: parameters.DataOrInherited = None,
    seed: parameters.Seed = 0,
    limit_batches: parameters.LimitBatches = None,
    model: parameters.Model = None,
    weights: parameters.Weights = None,
    unsafe_load: parameters.UnsafeLoad = False,
    output: parameters.Output = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what every layer keeps, and warn of layers that collapse.")
    ] = False,
    trust: parameters.Trust = None,
    study: parameters.Study = parameters.STUDY,
    device: parameters.Device = "auto",
) -> Output:
    """Prune a dense model to a density; prints the id of the run."""
    from prunescope.data import sources
    from prunescope.runs import plan

    if not 0 < density <= 1:
        raise UsageError(f"--density got {density:g}", fix="it wants the share that is kept: 0.1 keeps 10 %")
    parsing.check_output(output)
    where = steps.resolve_device(device)
    store = parsing.open_store(study, allowed=trust, model=model, data=data, plugin=pruner)
    dense = parsing.checkpoint(checkpoint, store, weights=weights, model=model, unsafe=unsafe_load)
    source = parsing.source(data, [dense], store, limit_batches=limit_batches)
    recipe = plan.prune(dense=dense, pruner=pruner, density=density, data=source, seed=seed)
    run_id = steps.perform(recipe, store, device=where)
    say(f"kept {store.read(run_id).facts['density']:.4%} of the prunable weights of {dense}")
    if explain:
        loaded = sources.open_source(source.to_json(), device="cpu", trust=store.trust)
        explaining.explain(run_id, store, shape=(loaded.in_chans, *loaded.image_size))
    write_weights(run_id, store, output)
    return Output(text=run_id)
