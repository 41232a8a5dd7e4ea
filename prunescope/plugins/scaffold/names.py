"""How a new plugin, its distribution, package and class are called."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from typing import Literal

from prunescope import api
from prunescope.api.errors import UsageError

Kind = Literal["probe", "pruner", "trainer", "rule", "dataset", "executor"]

PATTERN = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

LONGEST_NAME = 30
"""Letters of a name; longer ones would not fit into the lines of the templates."""


@dataclass(frozen=True)
class Names:
    """The names of one plugin, all of which follow from the first."""

    plugin: str
    kind: Kind

    @property
    def distribution(self) -> str:
        """What pip installs, and the folder."""
        return f"prunescope-{self.plugin}"

    @property
    def package(self) -> str:
        """What Python imports."""
        return self.distribution.replace("-", "_")

    @property
    def noun(self) -> str:
        """What a sentence calls its kind."""
        return "data set" if self.kind == "dataset" else self.kind

    @property
    def article(self) -> str:
        """The article before `noun`."""
        return "an" if self.noun[0] in "aeiou" else "a"

    @property
    def klass(self) -> str:
        """The class of the plugin.

        >>> Names("weight-norm", "probe").klass
        'WeightNorm'
        """
        return "".join(part.capitalize() for part in self.plugin.split("-"))


def names(plugin: str, kind: Kind) -> Names:
    """Return the names of a new plugin; a leading "prunescope-" is left out.

    >>> names("prunescope-weight-norm", "probe").package
    'prunescope_weight_norm'

    Raises:
        UsageError: no name for a plugin, or one that Python or prunescope.api has taken.
    """
    found = Names(plugin.removeprefix("prunescope-"), kind)
    if not PATTERN.fullmatch(found.plugin) or len(found.plugin) > LONGEST_NAME:
        raise UsageError(
            f"a plugin cannot be called {plugin!r}",
            fix=f"at most {LONGEST_NAME} lower-case letters, digits and single dashes, a letter first: weight-norm",
        )
    if keyword.iskeyword(found.klass) or found.klass in api.__all__:
        raise UsageError(
            f"a plugin called {plugin!r} would have the class {found.klass}, a name in use",
            fix=f"choose another name, for example my-{found.plugin}",
        )
    return found
