"""Early-warning signals along an ordered axis of a study: its readings, judged by prunescope-earlywarning."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import EvidenceError, UsageError

if TYPE_CHECKING:
    from types import ModuleType

    from prunescope_earlywarning import Judged

    from prunescope.studies.phase.series import Series

DISTRIBUTION = "prunescope-earlywarning"


@dataclass(frozen=True, kw_only=True)
class JudgedSeries:
    """A series and what the statistics say of it."""

    series: Series
    judged: Judged


@dataclass(frozen=True, kw_only=True)
class EarlyWarnings:
    """What the fluctuations of a reading say along an axis of a study."""

    study: str
    axis: str
    reading: str
    reverse: bool
    test: dict[str, Any]
    """The choices of the test."""
    found: tuple[JudgedSeries, ...]
    caveats: tuple[str, ...]
    """What no verdict should be shown without."""

    def __str__(self) -> str:
        return "\n".join(f"{one.judged.verdict}\t{one.series.name}" for one in self.found)

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "schema_version": 1,
            "study": self.study,
            "axis": self.axis,
            "reading": self.reading,
            "reverse": self.reverse,
            **self.test,
            "series": [{"series": asdict(one.series), **asdict(one.judged)} for one in self.found],
            "caveats": list(self.caveats),
        }


def warn(  # noqa: PLR0913 - the options of the command, each by name
    study: Path | str,
    *,
    axis: str = "epoch",
    reading: str = "history/train_loss",
    reverse: bool = False,
    window: float = 0.5,
    bandwidth: float = 0.1,
    null: str = "ar1",
    surrogates: int = 500,
    level: float = 0.05,
    seed: int = 0,
) -> EarlyWarnings:
    """Look for critical slowing down along an axis of a study: rising variance and autocorrelation of a reading.

    axis: the study's knob, "density", or "epoch" (training time); reading: "<probe>/<name>", along "epoch"
    "history/train_loss" or "history/train_error"; reverse: go from the largest value of the axis down. The others are
    choices of the test: see prunescope_earlywarning.

    Raises:
        UsageError: prunescope-earlywarning is not installed, there is no study, or an option does not fit it.
        EvidenceError: the study has no finished step with that reading.
    """
    statistics = _statistics()
    test = statistics.TrendTest(
        window=window, bandwidth=bandwidth, null=null, surrogates=surrogates, level=level, seed=seed
    )
    found = _read(Path(study), axis, reading)
    order = -1 if reverse else 1
    return EarlyWarnings(
        study=str(study),
        axis=axis,
        reading=reading,
        reverse=reverse,
        test=asdict(test),
        found=tuple(
            JudgedSeries(series=one, judged=statistics.judge(one.places[::order], one.values[::order], test))
            for one in found
        ),
        caveats=statistics.CAVEATS,
    )


def _statistics() -> ModuleType:
    try:
        return import_module("prunescope_earlywarning")
    except ModuleNotFoundError as error:
        if error.name != "prunescope_earlywarning":
            raise
        raise UsageError("early warnings need a plugin", fix=f"pip install {DISTRIBUTION}") from error


def _read(study: Path, axis: str, reading: str) -> list[Series]:
    from prunescope.runs.store import Store
    from prunescope.studies.grid import studyfolder
    from prunescope.studies.phase.series import read_series

    if not (study / studyfolder.STUDY_FILE).is_file():
        raise UsageError(
            f"{study} is no study: it has no {studyfolder.STUDY_FILE}",
            fix="give the folder that `prunescope sweep` printed",
        )
    found = read_series(studyfolder.load_grid(study), Store(study), axis=axis, reading=reading)
    if not found:
        raise EvidenceError(
            f"{study} has no finished step with {reading}",
            fix=f"name a reading of its probes, or let it run: prunescope sweep {study}",
        )
    return found
