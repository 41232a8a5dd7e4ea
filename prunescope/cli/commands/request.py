"""The options of `diagnose`, one field each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from prunescope.cli.options import parameters
from prunescope.studies.diagnosis.question import DiagnosisQuestion

DENSITIES = ",".join(f"{density:g}" for density in DiagnosisQuestion.densities)

LEVELS = "0: weights alone, 1: one checkpoint and data, 2: another replica, 3: pruned and retrained"

Words = list[str] | None


@dataclass(frozen=True, kw_only=True)
class Request:
    """Options of `diagnose`."""

    checkpoints: Annotated[
        list[str],
        typer.Argument(
            metavar="CHECKPOINT",
            help="A file or folder, hf-hub:NAME, a run id or its beginning, or ID@EPOCH; "
            "then further replicas of the dense model.",
        ),
    ]
    data: parameters.DataOrInherited = None
    density: Annotated[
        str,
        typer.Option("--density", "--densities", metavar="D,...", help="Densities, or none."),
    ] = DENSITIES
    replicas: Annotated[
        int,
        typer.Option(
            metavar="N", help="Whole retrainings of each pruned model; 0: none, the direction alone, without a regime."
        ),
    ] = DiagnosisQuestion.replicas
    family: Annotated[
        Words,
        typer.Option(
            metavar="GLOB",
            help="Other networks of this training at other temperatures: files or run ids; none: compare with none. "
            "Left out: its own snapshots, or the numbered checkpoints beside it.",
        ),
    ] = None
    certainty: Annotated[
        float, typer.Option(metavar="P", min=0.5, max=1, help="Least probability of an advised direction.")
    ] = DiagnosisQuestion.certainty
    level: Annotated[int | None, typer.Option(metavar="N", min=0, max=3, help=f"Level of evidence ({LEVELS}).")] = None
    pruner: Annotated[str, typer.Option(metavar="NAME", help="Pruner.")] = DiagnosisQuestion.pruner
    pruner_option: Annotated[Words, typer.Option(metavar="KEY=VALUE", help="Option of the pruner.")] = None
    trainer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Trainer of the retraining; default: as in the training of the checkpoint."),
    ] = None
    trainer_option: Annotated[
        Words, typer.Option(metavar="KEY=VALUE", help="Option of the trainer, such as learning_rate=0.05.")
    ] = None
    retrain_epochs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Epochs of a retraining; default: a fifth of the dense epochs."),
    ] = None
    probe: Annotated[Words, typer.Option(metavar="NAME", help="Additional probe.")] = None
    probe_option: Annotated[
        Words, typer.Option(metavar="PROBE.KEY=VALUE", help="Option of a probe, such as lmc.batch_size=128.")
    ] = None
    rule: Annotated[str, typer.Option(metavar="NAME", help="Rule that judges each density.")] = DiagnosisQuestion.rule
    rule_option: Annotated[Words, typer.Option(metavar="KEY=VALUE", help="Option of the rule.")] = None
    rules: Annotated[
        Path | None, typer.Option(metavar="PACK.json", help="Rule pack: thresholds fitted by `prunescope calibrate`.")
    ] = None
    model: parameters.Model = None
    weights: parameters.Weights = None
    unsafe_load: parameters.UnsafeLoad = DiagnosisQuestion.unsafe_load
    seed: parameters.Seed = DiagnosisQuestion.seed
    limit_batches: parameters.LimitBatches = None
    device: parameters.Device = DiagnosisQuestion.device
    workers: Annotated[
        int, typer.Option(metavar="N", min=0, help="Worker processes; 0: one per core, on a GPU one in total.")
    ] = DiagnosisQuestion.workers
    executor: Annotated[str, typer.Option(metavar="NAME", help="Executor of the steps.")] = DiagnosisQuestion.executor
    executor_option: Annotated[Words, typer.Option(metavar="KEY=VALUE", help="Option of the executor.")] = None
    json: parameters.Json = False
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write a report: one HTML file that opens offline.")
    ] = None
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE.md", help="Write a report as Markdown, for a pull request.")
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the estimated cost, and stop.")] = (
        DiagnosisQuestion.dry_run
    )
    fail_on: Annotated[
        Words,
        typer.Option(metavar="VERDICT", help="Return exit code 1 for this advice (raise, lower) or regime (I, II-A)."),
    ] = None
    trust: parameters.Trust = None
    study: parameters.Study = parameters.STUDY
