"""Early-warning signals along an ordered axis of a study: its readings, judged by prunescope-earlywarning."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import EvidenceError, UsageError
from prunescope.runs.place import STUDY_FILE

if TYPE_CHECKING:
    from types import ModuleType

    from prunescope_earlywarning import Judged

    from prunescope.runs.session import Session
    from prunescope.studies.phase.series import Series
    from prunescope.studies.phase.warning_question import WarningQuestion

DISTRIBUTION = "prunescope-earlywarning"


@dataclass(frozen=True, kw_only=True)
class JudgedSeries:
    """A series and its statistics."""

    series: Series
    judged: Judged


@dataclass(frozen=True, kw_only=True)
class EarlyWarnings:
    """What the fluctuations of a reading show along an axis of a study."""

    study: str
    axis: str
    reading: str
    reverse: bool
    test: dict[str, Any]
    """The choices of the test."""
    found: tuple[JudgedSeries, ...]
    caveats: tuple[str, ...]
    """What no verdict should be shown without."""
    problems: tuple[str, ...] = ()
    """What is wrong with damaged files of the study, which are left out."""


def answer_warning(asked: WarningQuestion, session: Session) -> EarlyWarnings:
    """Look for critical slowing down along an axis of a study: rising variance and autocorrelation of a reading.

    Raises:
        UsageError: prunescope-earlywarning is not installed, there is no study, or an option does not fit it.
        EvidenceError: the study has no finished step with that reading.
    """
    statistics = _statistics()
    test = statistics.TrendTest(
        window=asked.window,
        bandwidth=asked.bandwidth,
        null=asked.null,
        surrogates=asked.surrogates,
        level=asked.level,
        seed=asked.seed,
    )
    order = -1 if asked.reverse else 1
    series, problems = read_warned(asked, session)
    return EarlyWarnings(
        study=str(asked.study),
        axis=asked.axis,
        reading=asked.reading,
        reverse=asked.reverse,
        test=asdict(test),
        found=tuple(
            JudgedSeries(series=one, judged=statistics.judge(one.places[::order], one.values[::order], test))
            for one in series
        ),
        problems=problems,
        caveats=statistics.CAVEATS,
    )


def _statistics() -> ModuleType:
    try:
        return import_module("prunescope_earlywarning")
    except ModuleNotFoundError as error:
        if error.name != "prunescope_earlywarning":
            raise
        raise UsageError("early warnings require a plugin", fix=f"pip install {DISTRIBUTION}") from error


def read_warned(asked: WarningQuestion, session: Session) -> tuple[list[Series], tuple[str, ...]]:
    """Return the series of a reading along an axis, and what is wrong with damaged files, which are left out."""
    from prunescope.runs.soundness import blaming_damage, read_sound
    from prunescope.studies.grid import studyfolder
    from prunescope.studies.phase.series import read_series

    study = asked.folder
    if not (study / STUDY_FILE).is_file():
        raise UsageError(
            f"{study} is not a study: it has no {STUDY_FILE}",
            fix="give the folder that `prunescope sweep` printed",
        )
    grid = studyfolder.load_grid(study, trust=session.store.trust)
    found, problems = read_sound(
        lambda sound: read_series(grid, sound, axis=asked.axis, reading=asked.reading), session
    )
    if not found:
        with blaming_damage(problems):
            raise EvidenceError(
                f"{study} has no finished step with {asked.reading}",
                fix=f"name a reading of its probes, or run: prunescope sweep {study}",
            )
    return found, problems
