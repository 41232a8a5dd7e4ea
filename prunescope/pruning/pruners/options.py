"""Options that pruners share."""

from __future__ import annotations

from typing import Annotated, Literal

from prunescope.api import Option

Scope = Annotated[Literal["layer", "global"], Option("rank weights within each layer, or over the model")]
Allocation = Annotated[
    Literal["uniform", "erk", "lamp"],
    Option("density of each layer, with scope layer: uniform, Erdős–Rényi–Kernel, or that of LAMP"),
]
Linear = Annotated[
    bool | None,
    Option("prune linear layers too; default: where convolutions hold less than half of the parameters"),
]
First = Annotated[bool, Option("prune the first layer")]
Last = Annotated[bool, Option("prune the last layer")]
Images = Annotated[int, Option("number of training images for the scores", minimum=1)]
ScoringBatchSize = Annotated[int, Option("images per batch", minimum=1)]
BatchNorm = Annotated[
    Literal["batch", "running"],
    Option("statistics of BatchNorm: of each batch, as in training, or running averages"),
]
