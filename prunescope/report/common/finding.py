"""What an answer is to a person and to a program: every public function returns a finding, which shows itself."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from rich.console import RenderableType

TEXT_WIDTH = 100
"""Columns of a finding as text."""


class Finding(ABC):
    """An answer: a frozen value that prints itself, and is a card in a notebook, a table, a page and JSON."""

    @abstractmethod
    def printed(self) -> RenderableType:
        """Return what a terminal shows."""

    @abstractmethod
    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values, with its `schema_version`."""

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per reading, with its coordinates (see `runs.coordinates`); () where nothing was measured."""
        return ()

    def page(self) -> str:
        """Return the HTML report: one file that opens offline. UsageError where this finding has none."""
        raise UsageError(f"a {type(self).__name__} has no report", fix="print it, or use .to_json()")

    def __str__(self) -> str:
        from prunescope.report.common import console

        return console.as_text(self.printed(), width=TEXT_WIDTH)

    def __repr__(self) -> str:
        """Return the text, as `print` shows it: the fields hold every epoch and reading."""
        return str(self)

    def _repr_html_(self) -> str:
        """Return the card that a notebook shows."""
        from prunescope.report.common import console

        return console.as_html(self.printed(), width=TEXT_WIDTH)

    def frame(self) -> pd.DataFrame:
        """Return the readings as a pandas table; UsageError where pandas is not installed."""
        try:
            import pandas as pd
        except ImportError as error:
            raise UsageError("frame() requires pandas", fix="pip install 'prunescope[pandas]'") from error
        return pd.DataFrame(list(self.rows()))

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the finding as a JSON text, and write it to `path` where one is given."""
        from prunescope.runs.files.whole import write_whole

        text = json.dumps(self.as_json(), indent=2, allow_nan=False)
        if path is not None:
            write_whole(Path(path), text)
        return text

    def report(self, path: str | Path) -> Path:
        """Write the HTML report to `path`; return it."""
        from prunescope.runs.files.whole import write_whole

        target = Path(path)
        if target.suffix != ".html":
            raise UsageError(f"the report '{target}' has the suffix {target.suffix!r}", fix="end it in .html")
        write_whole(target, self.page())
        return target
