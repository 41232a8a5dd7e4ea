"""A session for a dry run: the finished runs of a study can be read in it, and what it writes is not kept."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prunescope.runs.session import Session


@contextmanager
def keep_nothing(session: Session, *, dry_run: bool = True) -> Iterator[Session]:
    """Yield a session whose study holds links to the finished runs and is removed at the end.

    Where dry_run is false, the session itself.
    """
    if not dry_run:
        yield session
        return
    with tempfile.TemporaryDirectory(prefix="prunescope-") as folder:
        shadow = replace(session.store, study=Path(folder), linked=True)
        shadow.runs.mkdir()
        for path in session.store.runs.glob("[!.]*"):
            (shadow.runs / path.name).symlink_to(path.resolve())
        yield replace(session, store=shadow)
