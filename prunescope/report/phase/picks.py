"""The maps on the page, whose cells are links to the panels of the cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from prunescope.api.wording import density_text
from prunescope.report.common import formatting, svg
from prunescope.report.common.page import as_markup
from prunescope.report.phase import labels, maps, pictures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from prunescope.report.common.figures import Picture
    from prunescope.studies.phase.diagram import PhaseDiagram
    from prunescope.studies.phase.findings import Findings

ABOUT = {
    "test-error": "Median over dense seeds of the mean over replicas. Framed: the best of each density.",
    "above-best": "Test error minus the lowest at the same density. The arrow is the rule’s advice: ↑ hotter, "
    "↓ colder, = keep, · none.",
    "lmc": "Mean over pairs of replicas. About 0: connected; well below 0: a barrier. Dotted: the boundary at the "
    "least and the greatest plausible ε.",
    "cka": "Mean over pairs of replicas. Its useful threshold moves with density: compare within a column.",
}

OTHERS_ABOUT = (
    "Median over dense seeds of the mean over replicas or pairs. The brighter the larger; whether that is better "
    "depends on the reading."
)


@dataclass(frozen=True, kw_only=True)
class ShownMap:
    """A map on the page."""

    key: str
    title: str
    about: str
    picture: Markup
    texts: Sequence[Sequence[str]]
    """What stands in every cell: a list per value of the knob."""


@dataclass(frozen=True, kw_only=True)
class HeatTable:
    """A reading of a further probe in every cell, as a table that is painted."""

    key: str
    title: str
    rows: Sequence[tuple[str, Sequence[tuple[str, str, str]]]]
    """The value of the knob, and of every density: number, background, colour of the number."""


def cell_anchor(value: float, density: float) -> str:
    """Return the id of a cell's panel.

    >>> cell_anchor(80.0, 0.05)
    'cell=80,0.05'
    """
    return f"cell={value:g},{density:g}"


def cell_title(diagram: PhaseDiagram, value: float, density: float) -> str:
    """Name a cell."""
    return f"{labels.value(diagram.knob, value)}, {density_text(density)}"


def shown_maps(findings: Findings, drawn: Mapping[str, Picture]) -> list[ShownMap]:
    """Return the maps that were drawn, the map of regimes first."""
    found = []
    if pictures.REGIMES in drawn:
        words = maps.told_regimes(findings)
        found.append(
            ShownMap(
                key=pictures.REGIMES,
                title="Regimes and advice",
                about="",
                picture=_inlined(drawn, pictures.REGIMES, words),
                texts=maps.verdict_texts(findings),
            )
        )
    return found + [
        ShownMap(
            key=layer.key,
            title=layer.title,
            about=ABOUT[layer.key],
            picture=_inlined(drawn, layer.key, maps.map_caption(findings, layer)),
            texts=maps.layer_texts(findings, layer),
        )
        for layer in maps.LAYERS
        if layer.key in drawn
    ]


def heat_tables(diagram: PhaseDiagram) -> list[HeatTable]:
    """Return a table for every reading of the study's further probes."""
    means = {cell: found.other_means() for cell, found in diagram.cells.items()}
    return [
        HeatTable(key=f"more-{number}", title=name, rows=_painted(diagram, _grid_of(diagram, means, name)))
        for number, name in enumerate(diagram.others)
    ]


def frame_style(diagram: PhaseDiagram) -> str:
    """Return where the links lie over the picture of a map, as a style.

    The rows and columns of links are as even as those of the map.
    """
    left, top, width, height = (100 * share for share in maps.frame_place(diagram))
    return f"left: {left:.3f}%; top: {top:.3f}%; width: {width:.3f}%; height: {height:.3f}%"


def _inlined(drawn: Mapping[str, Picture], name: str, words: str) -> Markup:
    return as_markup(svg.inlined(drawn[name].svg, name=name, label=words))


def _grid_of(diagram: PhaseDiagram, means: Mapping[tuple[float, float], Mapping[str, float]], name: str) -> np.ndarray:
    rows = [[means[value, density].get(name, np.nan) for density in diagram.densities] for value in diagram.values]
    return np.array(rows, dtype=np.float64)


def _painted(diagram: PhaseDiagram, values: np.ndarray) -> list[tuple[str, list[tuple[str, str, str]]]]:
    colours: Any = maps.cell_colours(values, low_is_better=False)
    return [
        (
            formatting.number(value),
            [_painted_cell(float(found), colour) for found, colour in zip(row, paints, strict=True)],
        )
        for value, row, paints in zip(diagram.values, values, colours, strict=True)
    ]


def _painted_cell(value: float, colour: np.ndarray) -> tuple[str, str, str]:
    from matplotlib.colors import to_hex

    if not np.isfinite(value):
        return "n/a", "transparent", "inherit"
    return formatting.number(value), to_hex(tuple(colour.tolist())), maps.ink_on(colour)
