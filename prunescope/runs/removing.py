"""Remove runs from a study, and what interrupted steps left there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api.errors import StoreError, UsageError
from prunescope.api.wording import count_text, verb_text
from prunescope.runs.files.whole import sync_folder
from prunescope.runs.recipe import run_of

if TYPE_CHECKING:
    from pathlib import Path

    from prunescope.runs.store import Store


def find_dependants(run_id: str, store: Store) -> list[str]:
    """Return the finished runs that start from a run, directly or not, in the order of their ids."""
    inputs = {one: {run_of(each) for each in store.read(one, only=()).recipe.inputs} for one in store.ids()}
    found: set[str] = set()
    while more := {one for one, given in inputs.items() if given & {run_id, *found}} - found:
        found |= more
    return sorted(found)


def remove_run(run_id: str, store: Store, *, dependants: bool = False) -> list[str]:
    """Remove a run with its weights, and return the ids of what was removed.

    dependants: remove the runs that start from it too. Raises UsageError where there are any and this is not asked.
    """
    others = find_dependants(run_id, store)
    if others and not dependants:
        raise UsageError(
            f"{count_text(len(others), 'run')} {verb_text(len(others), 'start')} from {run_id}: "
            f"{', '.join(others[:3])}{', ...' if len(others) > 3 else ''}",
            fix="remove these too: --dependants",
        )
    removed = [*reversed(others), run_id]
    for one in removed:
        with store.lock(one):
            _unlink([store.path(one), *sorted(store.runs.glob(f"{one}*.safetensors"))])
    sync_folder(store.runs)
    return removed


def remove_leftovers(store: Store) -> list[Path]:
    """Remove what interrupted steps left, and the files of damaged runs that were set aside; return their paths."""
    aside = store.study / "damaged"
    found = [*store.leftovers(), *(sorted(aside.iterdir()) if aside.is_dir() else [])]
    _unlink(found)
    return found


def _unlink(paths: list[Path]) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"cannot remove {path}: {error.strerror or error}", fix="check the permissions of its folder"
            ) from error
