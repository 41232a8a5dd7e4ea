"""What the panel of a cell shows: verdict, LMC curves, the readings of every replica, how to compute it again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

from prunescope.api.wording import cka_text, lmc_text, points_text
from prunescope.report.common import cell_plots, formatting
from prunescope.report.common.page import as_markup
from prunescope.report.common.view import PathCurve
from prunescope.report.phase import picks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from prunescope.api import Diagnosis
    from prunescope.studies.phase.diagram import DiagramCell, PhaseDiagram, Sample
    from prunescope.studies.phase.findings import Findings

LEAST_TOP = 0.02
"""Of the error axis of LMC curves, a fraction."""


@dataclass(frozen=True, kw_only=True)
class ShownCell:
    """One cell of a phase diagram, as its panel shows it."""

    anchor: str
    title: str
    cell: DiagramCell
    verdict: Diagnosis | None
    above_best: float
    """Test error minus the lowest of the density; NaN where there is none."""
    dense_error: Sequence[float]
    """Test error of the dense models that were pruned, a fraction, where it was measured."""
    paths: Markup | None
    place: Markup | None
    """The cell among the others of its density."""
    readings: Sequence[tuple[str, Sequence[str]]]
    """What was read, and its values of every dense seed."""
    commands: Sequence[str]


def shown_cells(findings: Findings) -> list[ShownCell]:
    """Return every cell, density by density, the hottest first."""
    diagram, above = findings.diagram, findings.diagram.above_best()
    top, columns = paths_top(findings), _columns(diagram)
    found = []
    for column, density in enumerate(diagram.densities):
        for row, value in enumerate(diagram.values):
            cell = diagram.cells[value, density]
            title = picks.cell_title(diagram, value, density)
            known = (diagram.dense_error.get((value, seed)) for seed in diagram.seeds)
            found.append(
                ShownCell(
                    anchor=picks.cell_anchor(value, density),
                    title=title,
                    cell=cell,
                    verdict=findings.verdicts.get((value, density)),
                    above_best=float(above[row, column]),
                    dense_error=[error for error in known if error is not None],
                    paths=_paths(findings, cell, top=top, title=title),
                    place=_place(columns[density], row, name=f"column-{column}", title=title),
                    readings=_readings(cell),
                    commands=_commands(diagram, cell),
                )
            )
    return found


def shared_frames(findings: Findings) -> Markup:
    """Return what the pictures of cells refer to: the axes of LMC curves, and the errors of every density."""
    diagram = findings.diagram
    words = [formatting.number(value) for value in diagram.values]
    frames = [
        cell_plots.column_frame(f"column-{number}", column, words)
        for number, column in enumerate(_columns(diagram).values())
    ]
    return as_markup("".join([cell_plots.path_frame(paths_top(findings)), *frames]))


def paths_top(findings: Findings) -> float:
    """Return the height of the error axis of all LMC curves, so that cells compare."""
    samples = [sample for cell in findings.diagram.cells.values() for sample in cell.samples]
    highest = max((value for sample in samples for path in sample.paths for value in path), default=0.0)
    return 1.1 * max(highest, findings.epsilon.high, LEAST_TOP)


def first_cell(findings: Findings) -> str:
    """Return the anchor of the cell to begin with: the colder side of the transition at the lowest density."""
    diagram, across = findings.diagram, findings.transition
    value = across.colder if across else diagram.values[len(diagram.values) // 2]
    return picks.cell_anchor(value, diagram.densities[0])


def pair_names(count: int) -> list[str]:
    """Name the pairs of replicas, of which there are `count`.

    >>> pair_names(3), pair_names(2)
    (['1–2', '1–3', '2–3'], ['1', '2'])
    """
    replicas = next((size for size in range(2, count + 2) if comb(size, 2) == count), 0)
    pairs = [f"{a}–{b}" for a, b in combinations(range(1, replicas + 1), 2)]
    return pairs or [str(number) for number in range(1, count + 1)]


def _columns(diagram: PhaseDiagram) -> Mapping[float, list[tuple[float, float, float] | None]]:
    """Return of every density the test error along the knob in percent: centre, lowest, highest."""
    return {
        density: [_percent_range(diagram.cells[value, density]) for value in diagram.values]
        for density in diagram.densities
    }


def _percent_range(cell: DiagramCell) -> tuple[float, float, float] | None:
    found = cell.summary("test_error")
    return None if found is None else (100 * found.centre, 100 * found.low, 100 * found.high)


def _paths(findings: Findings, cell: DiagramCell, *, top: float, title: str) -> Markup | None:
    samples = [sample for sample in cell.samples if sample.paths and len(sample.lmc) == len(sample.paths)]
    if not samples:
        return None
    families = [(f"dense seed {sample.seed}", _curves(sample)) for sample in samples]
    found = cell.summary("lmc")
    text = f"Training error between replicas at {title}"
    label = f"{text}: LMC {lmc_text(found.centre)}." if found else text
    epsilon = (findings.epsilon.low, findings.epsilon.high)
    stderr = [sample.lmc_stderr for sample in samples]
    return as_markup(cell_plots.draw_paths(families, top=top, epsilon=epsilon, stderr=stderr, label=label))


def _curves(sample: Sample) -> list[PathCurve]:
    names = pair_names(len(sample.paths))
    return [
        PathCurve(pair=name, values=path, lmc=lmc)
        for name, path, lmc in zip(names, sample.paths, sample.lmc, strict=True)
    ]


def _place(column: Sequence[tuple[float, float, float] | None], row: int, *, name: str, title: str) -> Markup | None:
    found = column[row]
    if found is None:
        return None
    label = f"Test error at {title}: {found[0]:.2f} %, among all values of the knob at this density."
    return as_markup(cell_plots.draw_place(name, column, row, label=label))


def _readings(cell: DiagramCell) -> list[tuple[str, list[str]]]:
    """Return a row for every reading: its name, and of every dense seed the value of each replica or pair."""
    samples = cell.samples
    errors = [[points_text(one) for one in found.test_error] for found in samples]
    rows = [
        ("test error of each replica, %", [", ".join(texts) for texts in errors]),
        ("LMC of each pair", [_lmc(found) for found in samples]),
        ("CKA of each pair", [", ".join(map(cka_text, found.cka)) for found in samples]),
    ]
    for name in dict.fromkeys(name for found in samples for name in found.others):
        values = [found.others.get(name, ()) for found in samples]
        style = formatting.style_of(name)
        texts = [", ".join(formatting.value_text(one, style) for one in known) for known in values]
        rows.append((name, texts))
    return [(name, texts) for name, texts in rows if any(texts)]


def _lmc(sample: Sample) -> str:
    errors = sample.lmc_stderr if len(sample.lmc_stderr) == len(sample.lmc) else (None,) * len(sample.lmc)
    return ", ".join(
        lmc_text(lmc) + (f" ± {cka_text(error)}" if error else "")
        for lmc, error in zip(sample.lmc, errors, strict=True)
    )


def _commands(diagram: PhaseDiagram, cell: DiagramCell) -> tuple[str, ...]:
    """Return what computes the cell and its inputs again, in a study of its own, and what lists its runs.

    A diagram that was read from a table has no study: () then.
    """
    if diagram.source:
        return ()
    pattern = shlex.quote(f"*/{diagram.knob}={cell.value:g},density={cell.density:g},*")
    study, again = shlex.quote(f"{diagram.name}/study.toml"), shlex.quote(f"{diagram.name}-again")
    return (
        f"prunescope sweep {study} --study {again} --only {pattern}",
        f"prunescope sweep {shlex.quote(diagram.name)} --list --only {pattern}",
    )
