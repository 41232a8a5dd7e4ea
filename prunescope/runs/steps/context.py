"""Where a step is performed: the study that it reads from, and the device that it computes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunescope.data import sources
from prunescope.networks import models
from prunescope.plugins import registry
from prunescope.runs.recipe import run_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from prunescope.api import Data
    from prunescope.networks.checkpoints import Checkpoint
    from prunescope.networks.spec import ModelSpec
    from prunescope.plugins.registry import Loaded
    from prunescope.runs.files.runfile import Run
    from prunescope.runs.store import Store


@dataclass(frozen=True)
class StepContext:
    """What a step takes beside its recipe: it reads its inputs here, and writes nothing but its progress."""

    store: Store
    device: str
    """As torch names it: "auto" is decided before."""

    def read(self, run_id: str, *, only: Collection[str] | None = None) -> Run:
        """Return a finished run: see `Store.read`."""
        return self.store.read(run_id, only=only)

    def load_weights(self, reference: str) -> Checkpoint:
        """Return the checkpoint that a run, or its snapshot, wrote."""
        return self.store.load_weights(reference)

    def has_weights(self, reference: str) -> bool:
        """Return whether a finished run wrote these weights, and they are there."""
        return self.store.weights_path(reference).is_file() and self.store.has(run_of(reference))

    def open_data(self, described: Mapping[str, Any]) -> Data:
        """Return the data that a recipe describes, on the device."""
        return sources.open_source(described, device=self.device, trust=self.store.trust)

    def make_plugin(self, group: str, name: str, options: Mapping[str, Any]) -> Loaded:
        """Return a plugin with the options of a recipe."""
        return registry.make(group, name, options, trust=self.store.trust)

    def parse_spec(self, described: Mapping[str, Any]) -> ModelSpec:
        """Return the network that a recipe describes."""
        return models.ModelSpec.from_json(described, trust=self.store.trust)

    def note_progress(self, run_id: str, fraction: float) -> None:
        """Note how far a step is, in [0, 1]."""
        self.store.note_progress(run_id, fraction)
