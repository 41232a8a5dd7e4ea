"""A finding for a person or a program: terminal, HTML, JSON, table; and, called, the function `prunescope.report`."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class CallableRoom(ModuleType):
    """This package as a function: the question `report` has the name of the room that answers it (docs/adr/0025)."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - those of the function
        """Answer the question `report`."""
        return _function()(*args, **kwargs)

    @property
    def __signature__(self) -> Any:  # noqa: ANN401 - an inspect.Signature
        """The parameters of the function."""
        return _function().__signature__

    @property
    def __doc__(self) -> Any:  # type: ignore[override]  # noqa: ANN401 - text
        """The documentation of the function."""
        return _function().__doc__


def _function() -> Any:  # noqa: ANN401 - its type is that of the public function
    from prunescope.report.phase.finding import report

    return report


sys.modules[__name__].__class__ = CallableRoom
