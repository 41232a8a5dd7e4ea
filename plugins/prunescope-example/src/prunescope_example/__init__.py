"""An example plugin for prunescope: a probe of the distance between the weights of replicas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from prunescope.api import Option, Probe, Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from prunescope.api import Data, Replica


@dataclass(frozen=True, kw_only=True)
class WeightDistance(Probe):
    """L2 distance and cosine similarity between the prunable weights of two replicas.

    distance = ||a - b||, cosine = <a, b> / (||a|| ||b||), with a and b the weights of the whole model or of one layer
    as vectors (Fort, Hu & Lakshminarayanan 2019, section 4). Masked weights are zero in both and add nothing. Distance
    is in [0, inf) and grows with the scale of the weights, which BatchNorm makes meaningless; cosine is in [-1, 1] and
    per layer does not depend on it. Where a layer is pruned away, cosine is 1 if in both replicas, else 0.
    """

    scope: Annotated[Literal["global", "layer"], Option("compare the whole models, or layer by layer")] = "global"
    linear: Annotated[bool, Option("compare linear layers too, not convolutions only")] = False

    replicas = 2  # the core calls measure() for every pair and stacks the readings along "pair"
    needs_data = False

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:  # noqa: ARG002
        """Compare one pair."""
        import numpy as np
        import torch

        from prunescope.networks.models import prunable

        a, b = (prunable(replica.model, linear=self.linear) for replica in replicas)
        pairs = [(a[name].detach().flatten().double(), b[name].detach().flatten().double()) for name in a]
        if self.scope == "global":
            distance, cosine = compare(*(torch.cat(side) for side in zip(*pairs, strict=True)))
            return {"distance": Reading(distance, unit="1"), "cosine": Reading(cosine, unit="1")}
        columns = zip(("distance", "cosine"), np.array([compare(*pair) for pair in pairs]).T, strict=True)
        return {name: Reading(column, unit="1", axes=("layer",), labels=tuple(a)) for name, column in columns}

    def passes(self, *, replicas: int, train: int, test: int) -> float:  # noqa: ARG002
        """No image goes through a network: it costs nothing worth estimating."""
        return 0.0


def compare(a: Tensor, b: Tensor) -> tuple[float, float]:
    """Return L2 distance and cosine similarity of two vectors."""
    norms = float(a.norm() * b.norm())
    return float((a - b).norm()), float(a @ b) / norms if norms else float(a.equal(b))
