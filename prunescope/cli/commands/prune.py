"""`prunescope prune`: keep a share of a dense model's weights."""

from __future__ import annotations

from typing import Annotated

import typer

from prunescope.cli.commands.plugin_commands import Chosen
from prunescope.cli.options import parameters, parsing, questions
from prunescope.cli.terminal import showing
from prunescope.cli.terminal.command import Output
from prunescope.report.common.console import show
from prunescope.studies.steps.pruning import PruningQuestion


def prune(
    pruner: Chosen,
    checkpoint: parameters.Checkpoint,
    *,
    density: Annotated[float, typer.Option(metavar="D", help="Density: share of the prunable weights to keep.")],
    data: parameters.DataOrInherited = None,
    seed: parameters.Seed = PruningQuestion.seed,
    limit_batches: parameters.LimitBatches = PruningQuestion.limit_batches,
    model: parameters.Model = None,
    weights: parameters.Weights = PruningQuestion.weights,
    unsafe_load: parameters.UnsafeLoad = PruningQuestion.unsafe_load,
    output: parameters.Output = None,
    recalibrate: Annotated[
        bool,
        typer.Option(
            "--recalibrate", help="Re-estimate BatchNorm's statistics under the mask: one pass over the training data."
        ),
    ] = PruningQuestion.recalibrate,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what every layer keeps, and warn of layers that collapse.")
    ] = False,
    trust: parameters.Trust = None,
    study: parameters.Study = parameters.STUDY,
    device: parameters.Device = PruningQuestion.device,
) -> Output:
    """Prune a dense model to a density. Prints the id of the run."""
    from prunescope.report.steps.pruning import find_pruning

    parsing.check_output(output, source=checkpoint)
    question = PruningQuestion(
        checkpoint,
        density=density,
        pruner=pruner.name,
        pruner_options=pruner.options,
        data=data,
        seed=seed,
        limit_batches=limit_batches,
        recalibrate=recalibrate,
        model=model,
        weights=weights,
        unsafe_load=unsafe_load,
        trust=tuple(trust or ()),
        study=study,
        device=device,
    )
    found = find_pruning(question, questions.open_session(question))
    showing.say_lines(found.lines())
    if explain:
        explained = found.explain()
        show(explained.table())
        showing.say_lines(explained.lines())
    showing.save_weights(found, output)
    return Output(text=found.run)
