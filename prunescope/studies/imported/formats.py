"""Which programs' results are read, and by what file a folder of each is recognised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api.errors import InputError
from prunescope.studies.imported import open_lth, shrinkbench, three_regime, timm_runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from prunescope.studies.imported.foreign import ForeignResults
    from prunescope.studies.imported.source_files import SourceFiles


@dataclass(frozen=True, kw_only=True)
class ForeignFormat:
    """The results of one program."""

    marker: str
    """A file that no other program writes."""
    beside: str = ""
    """A file that must lie beside it."""
    read: Callable[[SourceFiles], ForeignResults]


FORMATS = {
    "timm": ForeignFormat(marker=timm_runs.SUMMARY, beside=timm_runs.ARGUMENTS, read=timm_runs.read_timm),
    "open-lth": ForeignFormat(marker=open_lth.REPORT, read=open_lth.read_open_lth),
    "shrinkbench": ForeignFormat(marker=shrinkbench.PARAMS, beside=shrinkbench.LOGS, read=shrinkbench.read_shrinkbench),
    "three-regime": ForeignFormat(marker=three_regime.LOG, read=three_regime.read_three_regime),
}
"""Name that a person types -> the format."""


def recognise_format(files: SourceFiles) -> str:
    """Return the one format whose files lie in a folder; InputError where none does, or several."""
    paths = list(files.walk())
    places = {(path.parent, path.name) for path in paths}
    found = [
        name
        for name, one in FORMATS.items()
        if any(path.name == one.marker and (not one.beside or (path.parent, one.beside) in places) for path in paths)
    ]
    if len(found) == 1:
        return found[0]
    wanted = "; ".join(f"{name}: {one.marker}" for name, one in FORMATS.items())
    if found:
        raise InputError(f"{files.root} holds results of {', '.join(found)}", fix=f"choose: --format {found[0]}")
    raise InputError(
        f"{files.root} holds no results that are recognised", fix=f"wanted one of these files in it: {wanted}"
    )
