"""From a question and the function that answers it to a public function that a notebook calls."""

from __future__ import annotations

import dataclasses
import inspect
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from prunescope.api.errors import UsageError
from prunescope.report.common.progress import OnTerminal
from prunescope.runs.place import AskedPlace
from prunescope.runs.session import Session, open_session
from prunescope.runs.watching import Silent, Watcher

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
Q = TypeVar("Q", bound=AskedPlace)
F = TypeVar("F")

LIVE = ("train", "prune", "retrain", "probe", "diagnose", "map", "select", "advise", "fit_budget", "export")
"""The functions that take a `torch.nn.Module`; the others train networks from scratch, or read a study."""


def asks(question: Callable[P, Q]) -> Callable[[Callable[[Q, Session], F]], Callable[P, F]]:
    """Make a function of a question and a session one of the question's fields.

    The fields of `question`, a frozen dataclass, are the parameters and hold the defaults. What the function prints
    goes to the watcher that the field `progress` names: nothing where it is False.
    """

    def wrap(answer: Callable[[Q, Session], F]) -> Callable[P, F]:
        def ask(*args: P.args, **kwargs: P.kwargs) -> F:
            asked = question(*args, **kwargs)
            _refuse_networks(asked, answer.__name__)
            try:
                return answer(asked, open_session(asked, watcher=watcher_of(asked.progress)))
            finally:
                for recorder in asked.recorders:
                    recorder.close()

        ask.__name__, ask.__qualname__, ask.__module__ = answer.__name__, answer.__qualname__, answer.__module__
        ask.__doc__ = _documented(answer, question)
        ask.__signature__ = _signature(answer, question)  # type: ignore[attr-defined]
        return ask

    return wrap


def _refuse_networks(asked: AskedPlace, function: str) -> None:
    """Raise UsageError for a live network where a question takes none."""
    torch = sys.modules.get("torch")
    if torch is None:
        return
    for field in dataclasses.fields(asked):
        if isinstance(getattr(asked, field.name), torch.nn.Module) and not takes_networks(str(field.type)):
            raise UsageError(
                f"{function}() got a live network as {field.name}",
                fix=f'give a name, such as a timm name or "pkg.mod:factory"; {", ".join(LIVE)} take live networks',
            )


def takes_networks(kind: str) -> bool:
    """Return whether a field of this type takes a live network.

    >>> takes_networks("str | nn.Module"), takes_networks("Sequence[Network]"), takes_networks("str | None")
    (True, True, False)
    """
    return "Network" in kind or "nn.Module" in kind


def watcher_of(progress: bool | Watcher) -> Watcher:  # noqa: FBT001 - a field of Question
    """Return what receives notes and progress: the terminal or notebook for True, nobody for False."""
    if isinstance(progress, bool):
        return OnTerminal() if progress else Silent()
    return progress


def _signature(answer: Callable[..., object], question: Callable[..., object]) -> inspect.Signature:
    known, order = inspect.signature(question), {name: place for place, name in enumerate(_field_names(question))}
    parameters = sorted(known.parameters.values(), key=lambda one: (one.kind, order[one.name]))
    return known.replace(parameters=parameters, return_annotation=inspect.signature(answer).return_annotation)


def _documented(answer: Callable[..., object], question: Callable[..., object]) -> str:
    """Return the docstring of the answer with the help of every field of the question below it."""
    arguments = [f"    {name}: {field_help(question, name)}" for name in _field_names(question)]
    return "\n".join([inspect.getdoc(answer) or "", "", "Args:", *arguments])


def _field_names(question: object) -> list[str]:
    """Return the fields of a question, its own before those that it shares with others."""
    known = {field.name for field in dataclasses.fields(question)}  # type: ignore[arg-type]
    named = [name for cls in inspect.getmro(question) for name in vars(cls).get("__annotations__", ())]  # type: ignore[arg-type]
    return [name for name in dict.fromkeys(named) if name in known]


def field_help(question: object, name: str) -> str:
    """Return the text below a field in the source of a dataclass, or of one it inherits from."""
    classes = [cls for cls in inspect.getmro(question) if dataclasses.is_dataclass(cls)]  # type: ignore[arg-type]
    return next((text for cls in classes if (text := field_helps(cls).get(name))), "")


def field_helps(cls: type) -> dict[str, str]:
    """Return the docstrings below the fields of one class, by field; {} where its source cannot be read."""
    import ast
    import textwrap

    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0].body  # type: ignore[attr-defined]
    except (OSError, SyntaxError, TypeError):
        return {}
    found = {}
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[field.target.id] = " ".join(str(text.value.value).split())  # type: ignore[union-attr]
    return found
