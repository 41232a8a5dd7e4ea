"""A map of values between named things: dark is small, light is large, and the number is in each cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prunescope.report.common import formatting, svg
from prunescope.report.common.svg import PAINT

if TYPE_CHECKING:
    from prunescope.report.common.view import HeatMap

SIDE = 350.0
"""Of the picture, in CSS pixels."""

MOST_NUMBERS = 12
"""Cells along a side in which a number can be read."""


def heat_map(found: HeatMap, *, name: str) -> str:
    """Draw a map with its scale; rows are the first axis, from the bottom up."""
    values = np.array(found.values)
    low, high = min(0.0, float(values.min())), max(float(values.max()), 1e-12)
    with svg.drawing():
        made = svg.figure(SIDE, SIDE)
        axes = made.add_axes((0.27, 0.27, 0.71, 0.71))
        axes.pcolormesh(values, cmap="cividis", vmin=low, vmax=high)
        svg.tidy(axes)
        places = np.arange(len(found.labels)) + 0.5
        axes.set_xticks(places, found.labels, rotation=90)
        axes.set_yticks(places, found.labels)
        axes.tick_params(labelsize=max(4.0, min(8.0, 110 / len(found.labels))))
        axes.set_xlabel(found.axes[1].replace("_", " "), fontsize=9)
        axes.set_ylabel(found.axes[0].replace("_", " "), fontsize=9)
        if len(found.labels) <= MOST_NUMBERS:
            for (row, column), value in np.ndenumerate(values):
                paint = PAINT["paper"] if value < (low + high) / 2 else PAINT["ink"]
                axes.text(column + 0.5, row + 0.5, f"{value:.2f}", ha="center", va="center", fontsize=5.5, color=paint)
        style = formatting.style_of(found.key)
        ends = " to ".join(formatting.value_text(end, style) for end in (low, high))
        description = f"{found.key} at {found.label}: from {ends}"
        return svg.inline(made, name=name, label=f"{description}, {len(found.labels)} by {len(found.labels)}.")
