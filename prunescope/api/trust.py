"""Code by its name, "pkg.mod:factory": a file never names code, only a person does.

A name counts where a person typed it (on the command line or in Python) or allowed it (`--trust NAME`). What is read
from a file comes with a `Trust`, the names that the person allowed; any other name in it is refused.
"""

from __future__ import annotations

import importlib
import shlex
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True)
class Trust:
    """The names of code that a person allowed; none by default."""

    names: frozenset[str] = frozenset()

    def also(self, names: Iterable[str]) -> Trust:
        """Return this trust and that in further names."""
        return Trust(self.names | frozenset(names))

    def check(self, name: str, *, source: str) -> None:
        """Raise InputError where `source`, a file, names this code and the person did not allow it.

        >>> Trust(frozenset({"nets:small"})).check("nets:small", source="ckpt.pt")
        """
        if name not in self.names:
            shown = _shown(name)
            raise InputError(f"{source} names code: '{shown}'", fix=f"if you trust it, --trust {shlex.quote(shown)}")


NOTHING = Trust()


LIVE = "live:"
"""How the name of a network begins that is an object of a process: nothing is imported for it."""


def names_code(name: str) -> bool:
    """Whether a name of a model or data set leads to code or to another place (`pkg.mod:factory`, `hf-hub:...`).

    >>> names_code("pkg.mod:factory"), names_code("hf-hub:who/what"), names_code("resnet18.a1_in1k")
    (True, True, False)
    >>> names_code("live:Net-0123456789ab")
    False
    """
    return ":" in name and not name.startswith(LIVE)


def resolve(name: str) -> Any:  # noqa: ANN401 - checked by whoever calls it
    """Return the function that a person calls "pkg.mod:function"; the working directory is searched last.

    Raises UsageError where there is none, or where its module fails to be imported.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise UsageError(f"{name!r} names no factory", fix='write "pkg.mod:function"')
    try:
        with _working_directory_searched():
            found: Any = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # whatever importing a foreign module raises
        ended = f"it ended with exit status {error.code}, as a program does" if isinstance(error, SystemExit) else error
        named = f'write "{Path(module_name).stem}:{attribute}", ' if module_name.endswith(".py") else ""
        raise UsageError(
            f"cannot import '{name}': {ended}",
            fix=f"{named}install its package, or run in its folder, or add its folder to PYTHONPATH",
        ) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise UsageError(
                f"the module {module_name!r} has no {attribute!r}",
                fix=f"it has: {', '.join(each for each in sorted(vars(found)) if not each.startswith('_'))}",
            )
        found = getattr(found, part)
    if not callable(found):
        raise UsageError(f"{name!r} is a {type(found).__name__}, wanted a function", fix="give module:function")
    return found


@contextmanager
def _working_directory_searched() -> Iterator[None]:
    """Let modules be found in the working directory, after everything that is installed."""
    here = str(Path.cwd())
    sys.path.append(here)
    try:
        yield
    finally:
        for place in reversed(range(len(sys.path))):  # the last one: the person may have it there too
            if sys.path[place] == here:
                del sys.path[place]
                break


def _shown(name: str) -> str:
    """Return a name as it may be printed: control characters escaped, at most 80 characters."""
    return repr(name if len(name) <= 80 else f"{name[:80]}...")[1:-1]
