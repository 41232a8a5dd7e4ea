"""`prunescope retrain`: replicas of a pruned model, trained again under its mask."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from prunescope.api.errors import UsageError
from prunescope.cli.commands.plugin_commands import Chosen
from prunescope.cli.options import parameters, parsing, questions
from prunescope.cli.terminal import showing
from prunescope.cli.terminal.command import Output
from prunescope.studies.steps.retraining import RetrainingQuestion


def retrain(
    trainer: Chosen,
    checkpoint: parameters.Checkpoint,
    *,
    seed: parameters.Seed = RetrainingQuestion.seed,
    replicas: Annotated[
        int, typer.Option(metavar="N", min=1, help="Retrainings: seeds SEED, SEED + 1, ...")
    ] = RetrainingQuestion.replicas,
    keep: Annotated[
        Literal["all", "soup"],
        typer.Option(
            help="soup: the replicas' average, BatchNorm re-estimated, where LMC admits it, else the best replica."
        ),
    ] = "all",
    data: parameters.DataOrInherited = None,
    limit_batches: parameters.LimitBatches = RetrainingQuestion.limit_batches,
    model: parameters.Model = None,
    weights: parameters.Weights = RetrainingQuestion.weights,
    unsafe_load: parameters.UnsafeLoad = RetrainingQuestion.unsafe_load,
    output: parameters.Output = None,
    trust: parameters.Trust = None,
    study: parameters.Study = parameters.STUDY,
    device: parameters.Device = RetrainingQuestion.device,
) -> Output:
    """Retrain a pruned model under its mask. Prints the id of each run on a line.

    Replicas of a tiny network are trained together: the same numbers, up to rounding, in less time.
    """
    from prunescope.report.steps.retraining import find_retraining

    parsing.check_output(output, source=checkpoint)
    if output is not None and replicas > 1 and keep == "all":
        raise UsageError(f"--output is one file, --replicas {replicas} makes several", fix="retrain one at a time")
    question = RetrainingQuestion(
        checkpoint,
        replicas=replicas,
        keep=keep,
        trainer=trainer.name,
        trainer_options=trainer.options,
        data=data,
        seed=seed,
        limit_batches=limit_batches,
        model=model,
        weights=weights,
        unsafe_load=unsafe_load,
        trust=tuple(trust or ()),
        study=study,
        device=device,
    )
    found = find_retraining(question, questions.open_session(question))
    showing.say_lines(found.lines())
    showing.save_weights(found, output)
    return Output(text="\n".join(found.runs))
