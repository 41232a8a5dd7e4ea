"""Options that several commands share, as annotations for Typer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prunescope.runs import place

STUDY = place.STUDY

Study = Annotated[
    Path, typer.Option(metavar="DIR", envvar="PRUNESCOPE_STUDY", help="Folder that keeps every finished step.")
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
        "what the checkpoint was trained on when left out.",
    ),
]
LimitBatches = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Use only so many batches of the data: for trying things out.")
]
Seed = Annotated[int, typer.Option(metavar="N", min=0, help="Seed of everything random.")]
Device = Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, ...")]
Model = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Network of a foreign checkpoint: a timm name or pkg.mod:factory."),
]
Weights = Annotated[str | None, typer.Option(metavar="[ema|raw]", help="Which weights of a checkpoint that has both.")]
UnsafeLoad = Annotated[
    bool, typer.Option("--unsafe-load", help="Unpickle the checkpoint: it can run any code. Only for files you trust.")
]
Trust = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Let files name this code: pkg.mod:factory. Remembered for the study's folder on this machine; what you "
        "type for --model or --data needs no --trust.",
    ),
]
Output = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the weights here too: .pt or .safetensors.")]
Checkpoint = Annotated[
    str,
    typer.Argument(metavar="CHECKPOINT", help="A file or folder, hf-hub:NAME, a run id or its beginning, or ID@EPOCH."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
