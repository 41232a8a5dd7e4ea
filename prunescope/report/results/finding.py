"""The answer of `open_study`: the finished runs of a study folder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import InputError, StoreError, UsageError
from prunescope.report.common import console
from prunescope.report.common.asking import asks
from prunescope.report.common.finding import Finding
from prunescope.report.diagnosis.finding import DiagnosisFinding, show_diagnosis
from prunescope.report.results.run import RunFinding, summarise_run
from prunescope.runs import coordinates, exports, recording, removing
from prunescope.runs.store import Store
from prunescope.runs.watching import label
from prunescope.studies.grid.studyfolder import check_study_files
from prunescope.studies.results.question import ResultsQuestion
from prunescope.studies.results.reading import ReadableRuns, check_exists, find_run, read_runs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from prunescope.api import Recorder
    from prunescope.runs.session import Session

SUFFIXES = (".h5", ".hdf5", ".json", ".csv", ".parquet")


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an export wrote."""

    runs: int
    problems: tuple[str, ...]
    """Of each damaged file of the study, what is wrong with it; runs among them were left out."""


@dataclass(frozen=True, kw_only=True, repr=False)
class OpenStudy(Finding):
    """A study folder; `report` and `sweep` take it as their study. It is read when something of it is asked for."""

    session: Session = field(repr=False)

    @property
    def study(self) -> Path:
        """The study folder."""
        return self.session.store.study

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all finished runs, the oldest first; of damaged ones see `problems`."""
        return tuple(run.id for run in self._read.runs)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with each damaged file, of the runs and beside them (study.toml, data.json, places.json)."""
        return (*self._problems_beside(), *self._read.problems)

    def show(self, run: str) -> RunFinding | DiagnosisFinding:
        """Return one run as a finding: by its id, or the beginning of it."""
        found = find_run(run, self.session)
        if found.recipe.step == "diagnose":
            return show_diagnosis(found.id, self.session)
        return RunFinding(found=found, session=self.session)

    def show_sound(self, run: str) -> tuple[RunFinding | DiagnosisFinding, tuple[str, ...]]:
        """Return one run as a finding, and what is wrong with damaged runs it was made from.

        A diagnosis that needs one of these is shown as a run: its verdicts, without what led to them.
        """
        try:
            return self.show(run), ()
        except (StoreError, InputError):
            store, problems = self.session.store.sound()
            found = find_run(run, self.session)
            if not problems:
                raise
            return RunFinding(found=found, session=replace(self.session, store=store)), tuple(problems)

    def check(self) -> list[tuple[str, str]]:
        """Return (file, what is wrong) for every damaged file; [] where every byte matches its digest."""
        return [*check_study_files(self.study), *self.session.store.check()]

    def leftovers(self) -> list[Path]:
        """Return what interrupted steps left, which may be deleted."""
        return self.session.store.leftovers()

    def remove(self, run: str, *, dependants: bool = False) -> list[str]:
        """Remove a run and its weights, by its id or the beginning of it; return the ids of what was removed.

        dependants: the runs that start from it too. Raises UsageError where there are any and this is not asked.
        """
        return removing.remove_run(find_run(run, self.session).id, self.session.store, dependants=dependants)

    def collect(self) -> list[Path]:
        """Remove what interrupted steps left, and damaged files that were set aside; return their paths."""
        return removing.remove_leftovers(self.session.store)

    def count(self) -> int:
        """Return the number of finished runs, damaged ones included; no file is read."""
        return len(self.session.store.ids())

    def export(self, path: str | Path) -> Exported:
        """Write all readable runs to one file, .h5, .json, .csv or .parquet; weights stay behind."""
        target, (store, problems) = Path(path), self.session.store.sound()
        if target.suffix not in SUFFIXES:
            raise UsageError(f"'{target}' has the suffix {target.suffix!r}", fix=f"end it in {' or '.join(SUFFIXES)}")
        writers = {".json": exports.export_json, ".csv": exports.export_csv, ".parquet": exports.export_parquet}
        write = writers.get(target.suffix, Store.export)
        return Exported(runs=write(store, target), problems=(*self._problems_beside(), *problems))

    def record(self, *recorders: Recorder) -> int:
        """Hand the epochs and readings of all runs to recorders, and close these; return how many runs had any.

        For a study that was computed without them: TensorBoard, MLflow, or a Recorder of one's own.
        """
        try:
            return recording.record_runs(self.ids, recorders, self.session.store)
        finally:
            for recorder in recorders:
                recorder.close()

    def printed(self) -> RenderableType:
        """Return a table of the runs."""
        rows = [
            (
                run.id,
                label(run.recipe),
                run.created.removesuffix("+00:00").replace("T", " "),
                console.duration(run.wall_seconds),
                summarise_run(run),
            )
            for run in self._read.runs
        ]
        return console.table(("id", "step", "created (UTC)", "took", "result"), rows)

    def as_json(self) -> dict[str, Any]:
        """Return the runs in short."""
        runs = [
            {"id": run.id, "step": run.recipe.step, "plugin": run.recipe.plugin, "created": run.created}
            for run in self._read.runs
        ]
        return {"schema_version": 1, "study": str(self.study), "runs": runs}

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per number that was measured in any run."""
        return tuple(coordinates.read_rows([run.id for run in self._read.runs if run.readings], self.session.store))

    def _problems_beside(self) -> Iterator[str]:
        """Yield what is wrong with the files beside the runs."""
        for name, problem in check_study_files(self.study):
            yield f"{self.study / name} is damaged: {problem}"

    @cached_property
    def _read(self) -> ReadableRuns:
        return read_runs(self.session)


@asks(ResultsQuestion)
def open_study(question: ResultsQuestion, session: Session) -> OpenStudy:
    """Open a study folder: its runs, a table of all its readings, the check of every file."""
    return find_results(question, session)


def find_results(question: ResultsQuestion, session: Session) -> OpenStudy:
    """Answer a question in a session that is open; UsageError where the folder is no study."""
    check_exists(question, session)
    return OpenStudy(session=session)
