"""What is known of a trained network: weights, architecture, mask, and how it was trained."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prunescope.networks.checkpoints.fingerprints import empty_shapes, shapes
from prunescope.networks.checkpoints.matching import check_match
from prunescope.networks.models import JSON, ModelSpec, create

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from prunescope.api import Mask


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A trained network as prunescope uses it, whatever file it came from."""

    spec: ModelSpec
    state: Mapping[str, Tensor]
    """The state_dict of that network: its names, shapes and types."""
    mask: Mask | None = None
    """Which weights are kept, where the network was pruned."""
    knobs: Mapping[str, float] = field(default_factory=dict)
    """Temperature-like settings of the training, where known."""
    training: Mapping[str, JSON] = field(default_factory=dict)
    """How it was trained, in the names of prunescope's trainers, where known."""
    notes: tuple[str, ...] = ()
    """What was chosen, inferred or left out, one sentence each."""
    format: str = "prunescope"
    """The layout it was read from."""
    sha256: str = ""
    """Digest of the file it was read from."""
    settings_beside: bool = False
    """Whether settings were read from other files: config.json, args.yaml or preprocessor_config.json beside it."""
    data: Mapping[str, JSON] | None = None
    """What is known of the training data and its transforms, in timm's names."""
    normalization: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    """Mean and standard deviation per channel that images are normalised with, in [0, 1] units."""
    recipe: str = ""
    """The recipe of the run that made it, as JSON; empty where prunescope did not make it."""
    provenance: Mapping[str, JSON] = field(default_factory=dict)
    """Where it comes from: versions, run ids, ..."""


def to_model(checkpoint: Checkpoint) -> nn.Module:
    """Return the network with the checkpoint's weights, every one of them; MismatchError where one does not fit."""
    model = create(checkpoint.spec, seed=0)
    own = model.state_dict()
    check_match(shapes(checkpoint.state), shapes(own), name=checkpoint.spec.name)
    state = OrderedDict(checkpoint.state)
    state._metadata = own._metadata  # type: ignore[attr-defined]  # noqa: SLF001 - versions of layers, which some require
    model.load_state_dict(state, strict=True)
    return model


def check_size(checkpoint: Checkpoint) -> None:
    """Raise MismatchError where weights do not fit the network that their file names, before it takes memory."""
    if ":" not in checkpoint.spec.name:
        check_match(shapes(checkpoint.state), empty_shapes(checkpoint.spec), name=checkpoint.spec.name)
