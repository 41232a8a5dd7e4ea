"""The kept weights of a pruned run that are effective: on a path of kept weights from the input to an output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError

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
    model = run.facts["model"]
    return paths.effective(session.build_network(run.id), run.mask, (model["in_chans"], *model["image_size"]))
