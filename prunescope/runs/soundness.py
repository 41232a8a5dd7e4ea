"""Reading a study one of whose files is damaged: what is sound is shown, and what is not is named."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from prunescope.api.errors import REPAIR, EvidenceError, InputError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from prunescope.runs.session import Session

T = TypeVar("T")


def read_sound(read: Callable[[Session], T], session: Session) -> tuple[T, tuple[str, ...]]:
    """Return what `read` finds in a study, in its sound files where some are damaged, and what is wrong with those.

    The damage is reported at once: it counts also where the sound files do not suffice. Raises what `read` raises.
    """
    try:
        return read(session), ()
    except (StoreError, InputError):
        store, problems = session.store.sound()
        if not problems:
            raise
    for problem in problems:
        session.note(f"error: {problem}")
    session.note(f"fix: {REPAIR}")
    with blaming_damage(problems):
        return read(replace(session, store=store)), tuple(problems)


@contextmanager
def blaming_damage(problems: Sequence[str]) -> Iterator[None]:
    """Raise StoreError, whose exit code is that of damage, where results suffice for nothing and some are damaged."""
    try:
        yield
    except EvidenceError as error:
        if not problems:
            raise
        raise StoreError(f"{error.message}; {len(problems)} damaged results are left out", fix=REPAIR) from error
