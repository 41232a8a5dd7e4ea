"""Options that `lottery` and `instability` share, as annotations for Typer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Words = list[str] | None

Model = Annotated[str, typer.Option(metavar="NAME", help="Network: a timm name or pkg.mod:factory.")]
ModelOption = Annotated[Words, typer.Option(metavar="KEY=VALUE", help="Option of the network, such as width=0.5.")]
Trainer = Annotated[str, typer.Option(metavar="NAME", help="Trainer: sgd, sam or timm.")]
TrainerOption = Annotated[Words, typer.Option(metavar="KEY=VALUE", help="Option of the training, such as epochs=40.")]
Levels = Annotated[int, typer.Option(metavar="N", min=1, help="Rounds of pruning.")]
Schedule = Annotated[
    Literal["geometric", "linear", "cubic"], typer.Option(help="Schedule of the density over the rounds.")
]
Seeds = Annotated[int, typer.Option(metavar="N", min=1, help="Number of dense networks.")]
Report = Annotated[
    Path | None, typer.Option(metavar="FILE.html", help="Write a report: one HTML file that opens offline.")
]
Figures = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the figures as SVG and PNG.")]
