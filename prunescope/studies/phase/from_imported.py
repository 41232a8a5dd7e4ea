"""A phase diagram of imported results: the cells that other programs measured, marked as theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prunescope.regimes.direction import hottest_first
from prunescope.studies.imported.foreign import CKA, LMC, PATH, TEST_ERROR
from prunescope.studies.imported.study import average_errors
from prunescope.studies.phase.diagram import PhaseDiagram, Sample, fill_cells
from prunescope.studies.phase.provenance import StudyProvenance

if TYPE_CHECKING:
    from prunescope.studies.imported.study import ImportedCell, ImportedStudy


def draw_imported(study: ImportedStudy, *, name: str) -> PhaseDiagram:
    """Return the diagram of imported results; a dense seed that was imported twice at a value counts twice."""
    values = tuple(hottest_first({cell.value for cell in study.cells}, knob=study.knob))
    densities = tuple(sorted({cell.density for cell in study.cells}))
    samples: dict[tuple[float, float], list[Sample]] = {}
    for cell in study.cells:
        samples.setdefault((cell.value, cell.density), []).append(_imported_sample(cell))
    return PhaseDiagram(
        name=name,
        knob=study.knob,
        values=values,
        densities=densities,
        cells=fill_cells(samples, values=values, densities=densities),
        seeds=tuple(sorted({cell.seed for cell in study.cells})),
        drops=study.drops,
        dense_error=average_errors(study.dense),
        source=study.source,
    )


def describe_imported(study: ImportedStudy) -> StudyProvenance:
    """Return what is known of how the numbers were made: no step of prunescope."""
    facts = [*study.settings.items(), ("knob", study.knob), ("imported", study.source), ("evidence", study.evidence)]
    return StudyProvenance(facts=(*facts, *(("note", note) for note in study.notes)))


def _imported_sample(cell: ImportedCell) -> Sample:
    def numbers(name: str) -> tuple[float, ...]:
        found = cell.readings.get(name)
        return () if found is None else tuple(np.asarray(found.value, dtype=np.float64).reshape(-1).tolist())

    paths = cell.readings.get(PATH)
    return Sample(
        seed=cell.seed,
        test_error=numbers(TEST_ERROR),
        lmc=numbers(LMC),
        cka=numbers(CKA),
        paths=() if paths is None else tuple(map(tuple, np.asarray(paths.value, dtype=np.float64).tolist())),
    )
