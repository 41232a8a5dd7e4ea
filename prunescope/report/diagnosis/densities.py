"""What the panel of a density shows: the verdicts, the LMC curves, every value of every reading, and its runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api.wording import lmc_text
from prunescope.report.common import cell_plots, formatting
from prunescope.report.common.page import as_markup
from prunescope.report.common.plots import common_top

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from prunescope.report.common.view import Headline, MadeRun, Paths, ReadingCell, Report, Row


@dataclass(frozen=True, kw_only=True)
class ShownDensity:
    """One density of a diagnosis, as its panel shows it."""

    anchor: str
    label: str
    verdicts: Sequence[Headline]
    paths: Markup | None
    readings: Sequence[tuple[str, str, str]]
    """What was read, over what its values run, and every value."""
    runs: Sequence[MadeRun]


def shown_densities(report: Report) -> list[ShownDensity]:
    """Return the densities that were judged, in the order of the verdicts."""
    labels = dict.fromkeys((verdict.density, verdict.label) for verdict in report.verdicts)
    return [
        ShownDensity(
            anchor=density_anchor(density),
            label=label,
            verdicts=[verdict for verdict in report.verdicts if verdict.density == density],
            paths=_drawn(report, density),
            readings=_readings(report, density),
            runs=[run for run in report.made if run.label == label],
        )
        for density, label in labels
    ]


def density_frame(report: Report) -> Markup | None:
    """Return the axes that the LMC curves of all densities share; None where there are no curves."""
    return as_markup(cell_plots.path_frame(common_top(report.paths))) if report.paths else None


def density_anchor(density: float) -> str:
    """Return the id of a density's panel.

    >>> density_anchor(0.05)
    'density=0.05'
    """
    return f"density={density:g}"


def _drawn(report: Report, density: float) -> Markup | None:
    found = next((paths for paths in report.paths if paths.density == density), None)
    return None if found is None else as_markup(_curves(found, common_top(report.paths)))


def _curves(found: Paths, top: float) -> str:
    return cell_plots.draw_paths(
        [(f"{found.label} density", found.curves)],
        top=top,
        epsilon=found.epsilon or (0.0, 0.0),
        stderr=[()],
        label=f"Training error between replicas at {found.label}: LMC {lmc_text(found.lmc)}.",
    )


def _readings(report: Report, density: float) -> list[tuple[str, str, str]]:
    chosen = [number for number, column in enumerate(report.columns) if column.density == density]
    rows = [(row, row.cells[number]) for number in chosen for row in (*report.evidence, *report.others)]
    return [(row.label, _over(cell), _values(row, cell)) for row, cell in rows if cell.values]


def _over(cell: ReadingCell) -> str:
    return f"each {cell.over}" if cell.over else ""


def _values(row: Row, cell: ReadingCell) -> str:
    """Write every value of a reading as the tables write a single one."""
    from dataclasses import replace

    unit = formatting.row_unit(row.unit)
    texts = [formatting.cell(replace(cell, values=(value,)), row.style, row.unit) for value in cell.values]
    return ", ".join(texts) + (f" {unit}" if unit else "")
