"""Options that the commands of the case studies share, as annotations for Typer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Words = list[str] | None

Density = Annotated[float, typer.Option(metavar="D", help="Density: 0.1 keeps 10 % of the prunable weights.")]
Replicas = Annotated[int, typer.Option(metavar="N", min=2, help="Retrainings of each pruned model.")]
Pruner = Annotated[str, typer.Option(metavar="NAME", help="Pruner.")]
PrunerOption = Annotated[Words, typer.Option(metavar="KEY=VALUE", help="Option of the pruner.")]
Trainer = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Trainer of the retraining; default: as in the training of the checkpoint."),
]
TrainerOption = Annotated[
    Words, typer.Option(metavar="KEY=VALUE", help="Option of the trainer, such as learning_rate=0.05.")
]
RetrainEpochs = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Epochs of a retraining; default: a fifth of the dense epochs.")
]
Rule = Annotated[str, typer.Option(metavar="NAME", help="Rule that judges the evidence.")]
RuleOption = Annotated[Words, typer.Option(metavar="KEY=VALUE", help="Option of the rule.")]
Rules = Annotated[
    Path | None, typer.Option(metavar="PACK.json", help="Rule pack: thresholds fitted by `prunescope calibrate`.")
]
Workers = Annotated[int, typer.Option(metavar="N", min=0, help="Worker processes; 0: one per core, or one on a GPU.")]
Executor = Annotated[str, typer.Option(metavar="NAME", help="Executor of the steps.")]
ExecutorOption = Annotated[Words, typer.Option(metavar="KEY=VALUE", help="Option of the executor.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the estimated cost, and stop.")]
