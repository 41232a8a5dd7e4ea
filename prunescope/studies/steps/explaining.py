"""What a mask keeps of each layer, and where it cuts the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from prunescope.api import Mask
    from prunescope.runs.files.runfile import Run
    from prunescope.runs.session import Session


@dataclass(frozen=True, kw_only=True)
class ExplainedLayer:
    """What a mask keeps of one tensor of weights, or of all."""

    name: str
    weights: int
    kept: int
    effective: int | None
    """Kept weights on a path from the input to an output; None where that is not defined for the network."""


@dataclass(frozen=True, kw_only=True)
class ExplainedMask:
    """What a mask keeps."""

    layers: tuple[ExplainedLayer, ...]
    total: ExplainedLayer
    why_not: str
    """Why effective density is not defined for the network; empty where it is."""

    @property
    def collapsed(self) -> tuple[str, ...]:
        """The tensors that keep no weight."""
        return tuple(layer.name for layer in self.layers if not layer.kept)

    @property
    def unreached(self) -> tuple[str, ...]:
        """The tensors whose kept weights all lie on no path."""
        return tuple(layer.name for layer in self.layers if layer.kept and layer.effective == 0)


def explain_mask(run: Run, session: Session) -> ExplainedMask:
    """Count what the mask of a pruned run keeps of every tensor, and what of it lies on a path.

    Raises UsageError for a run without a mask.
    """
    from prunescope.runs.effective import find_effective

    if run.mask is None:
        raise UsageError(f"{run.id} has no mask", fix="prune it first")
    effective, why_not = None, ""
    try:
        effective = find_effective(run, session)
    except UsageError as error:
        why_not = error.message
    total = ExplainedLayer(
        name="all",
        weights=run.mask.n_weights,
        kept=run.mask.n_kept,
        effective=None if effective is None else effective.n_kept,
    )
    return ExplainedMask(layers=_layers(run.mask, effective), total=total, why_not=why_not)


def _layers(mask: Mask, effective: Mask | None) -> tuple[ExplainedLayer, ...]:
    return tuple(
        ExplainedLayer(
            name=name,
            weights=kept.numel(),
            kept=int(kept.sum()),
            effective=None if effective is None else int(effective.kept[name].sum()),
        )
        for name, kept in mask.kept.items()
    )
