"""From the options of a command to its question."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from prunescope.cli.options import parsing

if TYPE_CHECKING:
    from prunescope.runs.place import AskedPlace
    from prunescope.runs.session import Session

Q = TypeVar("Q")


def build_question(kind: type[Q], request: object, **others: Any) -> Q:  # noqa: ANN401 - any fields of the question
    """Return the question that a command's options ask.

    A field of the question takes the value of the option of its name, and `x_options` the texts of `--x-option`; where
    an option is None the question's default stays. others: fields of which the options have another form.
    """
    given = {field.name: _given(request, field.name) for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in {**given, **others}.items() if value is not None})


def open_session(question: AskedPlace) -> Session:
    """Return the session of a question: notes and progress go to stderr, and no plugin can end the command."""
    from prunescope.report.common.progress import OnTerminal
    from prunescope.runs import session

    return replace(session.open_session(question, watcher=OnTerminal()), apart=True)


def _given(request: object, name: str) -> Any:  # noqa: ANN401 - an option's value
    option = name.removesuffix("s")
    if name.endswith("_options") and hasattr(request, option):
        return parsing.pairs(f"--{option.replace('_', '-')}", getattr(request, option))
    return getattr(request, name, None)
