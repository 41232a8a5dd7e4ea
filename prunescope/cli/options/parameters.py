"""Options that several commands share, as annotations for Typer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prunescope.runs import place

STUDY = place.STUDY

Study = Annotated[
    Path, typer.Option(metavar="DIR", envvar="PRUNESCOPE_STUDY", help="Study folder, which keeps every finished step.")
]
Data = Annotated[
    str,
    typer.Option(
        metavar="SPEC", help="Data set: digits, patches:noise=0.2, torch/cifar10, a folder of images, pkg.mod:factory."
    ),
]
DataOrInherited = Annotated[
    str | None,
    typer.Option(
        metavar="SPEC",
        help="Data set: digits, patches:noise=0.2, torch/cifar10, a folder of images, pkg.mod:factory; "
        "default: the data of the checkpoint's training.",
    ),
]
LimitBatches = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Use only the first N batches of the data, for a quick trial.")
]
Seed = Annotated[int, typer.Option(metavar="N", min=0, help="Seed of all random numbers.")]
Device = Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, ...")]
Model = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Network of a checkpoint file: a timm name or pkg.mod:factory."),
]
Weights = Annotated[
    str | None, typer.Option(metavar="[ema|raw|NAME]", help="Weights to use of a checkpoint that has several.")
]
UnsafeLoad = Annotated[
    bool,
    typer.Option("--unsafe-load", help="Unpickle without restrictions, for trusted files only: the file can run code."),
]
Trust = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Trust files that name this code: pkg.mod:factory. Stored for the study's folder on this machine; values "
        "of --model and --data are trusted without it.",
    ),
]
Output = Annotated[Path | None, typer.Option(metavar="FILE", help="File for the weights: .pt or .safetensors.")]
Checkpoint = Annotated[
    str,
    typer.Argument(metavar="CHECKPOINT", help="A file or folder, hf-hub:NAME, a run id or its beginning, or ID@EPOCH."),
]
Json = Annotated[bool, typer.Option("--json", help="Print only JSON on stdout.")]
