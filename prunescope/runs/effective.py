"""The kept weights of a pruned run that are effective: on a path of kept weights from the input to an output."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from prunescope.api.errors import PrunescopeError, UsageError
from prunescope.api.trust import names_code

if TYPE_CHECKING:
    from prunescope.api import Mask
    from prunescope.runs.files.runfile import Run
    from prunescope.runs.session import Session


def find_effective(run: Run, session: Session) -> Mask:
    """Return the effective weights of a run, which was read with its mask.

    UsageError where the run has no mask, or effective density is not defined for its network (`landscape.paths`).
    """
    from prunescope.landscape import paths

    if run.mask is None:
        raise UsageError(f"{run.id} has no mask", fix="prune it first")
    return paths.effective(session.build_network(run.id), run.mask, _shape(run, session))


def _shape(run: Run, session: Session) -> tuple[int, ...]:
    """Return the shape of one input: of a person's own network that of its data, where they are found."""
    from prunescope.data import sources

    model, source = run.facts["model"], run.recipe.arguments.get("data")
    if names_code(model["name"]) and source:
        with suppress(PrunescopeError):
            data = sources.open_source(source, device="cpu", trust=session.store.trust)
            return (data.in_chans, *data.image_size)
    return (model["in_chans"], *model["image_size"])
