"""What a mask keeps of each layer, as a finding."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from prunescope.api.wording import error_text, percent
from prunescope.report.common.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from prunescope.studies.steps.explaining import ExplainedLayer, ExplainedMask

MASK_COLUMNS = ("layer", "kept", "of", "density", "effective")


@dataclass(frozen=True, kw_only=True, repr=False)
class MaskExplanation(Finding):
    """What a mask keeps of each layer, and warnings of layers that collapse."""

    found: ExplainedMask
    run: str
    """The pruned run."""

    def printed(self) -> RenderableType:
        """Return the table of layers, and the lines below it."""
        from rich.console import Group
        from rich.text import Text

        return Group(self.table(), *map(Text, self.lines()))

    def table(self) -> RenderableType:
        """Return a row for every layer, and one for all."""
        from prunescope.report.common import console

        return console.table(MASK_COLUMNS, [_cells(layer) for layer in (*self.found.layers, self.found.total)])

    def lines(self) -> Sequence[str]:
        """Return the effective density, and a warning for every layer that nothing passes."""
        return tuple(_lines(self.found))

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per layer: its weights, those kept, and those on a path."""
        return [{"run": self.run, **asdict(layer)} for layer in self.found.layers]

    def as_json(self) -> dict[str, Any]:
        """Return the counts of every layer and of all."""
        return {"schema_version": 1, "run": self.run, **asdict(self.found)}


def _cells(layer: ExplainedLayer) -> tuple[str, ...]:
    effective = "n/a" if layer.effective is None else error_text(layer.effective / layer.weights)
    return layer.name, f"{layer.kept:,}", f"{layer.weights:,}", error_text(layer.kept / layer.weights), effective


def _lines(found: ExplainedMask) -> Iterator[str]:
    effective = found.total.effective
    if effective is None:
        yield f"effective density: n/a: {found.why_not}"
    else:
        reached = effective / found.total.weights
        yield f"effective density {percent(reached, 4)}: kept weights on a path from the image to an output"
    for name in found.collapsed:
        yield f"warning: {name} keeps no weight: this layer has collapsed, nothing passes it but a shortcut around it"
    if effective == 0:
        yield "warning: no path of kept weights joins the image with an output: the network is cut"
        return
    for name in found.unreached:
        yield f"warning: no kept weight of {name} lies on a path from the image to an output"
