"""`prunescope train`: a dense network from scratch."""

from __future__ import annotations

from typing import Annotated

import typer

from prunescope.cli.commands.plugin_commands import Chosen
from prunescope.cli.options import parameters, parsing, questions
from prunescope.cli.terminal import showing
from prunescope.cli.terminal.command import Output
from prunescope.studies.steps.training import TrainingQuestion


def train(
    trainer: Chosen,
    *,
    model: Annotated[str, typer.Option(metavar="NAME", help="Network: a timm name or pkg.mod:factory.")],
    data: parameters.Data,
    model_option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Option of the network, such as width=0.5.")
    ] = None,
    seed: parameters.Seed = TrainingQuestion.seed,
    snapshots: Annotated[str | None, typer.Option(metavar="EPOCH,...", help="Epochs whose weights are stored.")] = None,
    snapshot_every: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Store the weights every N epochs.")
    ] = TrainingQuestion.snapshot_every,
    limit_batches: parameters.LimitBatches = TrainingQuestion.limit_batches,
    output: parameters.Output = None,
    trust: parameters.Trust = None,
    study: parameters.Study = parameters.STUDY,
    device: parameters.Device = TrainingQuestion.device,
) -> Output:
    """Train a dense network. Prints the id of the run."""
    from prunescope.report.steps.training import find_training

    parsing.check_output(output)
    question = TrainingQuestion(
        model,
        data,
        model_options={key: parsing.value(text) for key, text in parsing.pairs("--model-option", model_option).items()},
        trainer=trainer.name,
        trainer_options=trainer.options,
        seed=seed,
        snapshots=() if snapshots is None else parsing.whole_numbers("--snapshots", snapshots),
        snapshot_every=snapshot_every,
        limit_batches=limit_batches,
        trust=tuple(trust or ()),
        study=study,
        device=device,
    )
    found = find_training(question, questions.open_session(question))
    showing.say_lines(found.lines())
    showing.save_weights(found, output)
    return Output(text=found.run)
