"""Options that the commands of the case studies share, as annotations for Typer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Words = list[str] | None

Density = Annotated[float, typer.Option(metavar="D", help="Share of weights to keep: 0.1 keeps 10 %.")]
Replicas = Annotated[int, typer.Option(metavar="N", min=2, help="Retrainings of each pruned model.")]
Pruner = Annotated[str, typer.Option(metavar="NAME", help="How to prune.")]
PrunerOption = Annotated[Words, typer.Option(metavar="KEY=VALUE", help="Option of the pruner.")]
Trainer = Annotated[
    str | None, typer.Option(metavar="NAME", help="How to retrain; as the checkpoint was trained if left out.")
]
TrainerOption = Annotated[
    Words, typer.Option(metavar="KEY=VALUE", help="Option of the trainer, such as learning_rate=0.05.")
]
RetrainEpochs = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Epochs of a retraining; a fifth of the dense ones if left out.")
]
Rule = Annotated[str, typer.Option(metavar="NAME", help="What judges the evidence.")]
RuleOption = Annotated[Words, typer.Option(metavar="KEY=VALUE", help="Option of the rule.")]
Rules = Annotated[Path | None, typer.Option(metavar="PACK.json", help="Thresholds that `prunescope calibrate` fitted.")]
Workers = Annotated[int, typer.Option(metavar="N", min=0, help="Worker processes; 0: one per core, on a GPU one.")]
Executor = Annotated[str, typer.Option(metavar="NAME", help="What runs the steps.")]
ExecutorOption = Annotated[Words, typer.Option(metavar="KEY=VALUE", help="Option of the executor.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what it would cost, and stop.")]
