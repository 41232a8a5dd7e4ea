"""The pruner and the probe: thin shells around channels and compact networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Option, Probe, Pruner, Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from prunescope.api import Data, Mask, Replica


@dataclass(frozen=True, kw_only=True)
class ChannelPruning(Pruner):
    """Keep whole channels, those of largest norm, with all that depends on them (DepGraph, Fang 2023).

    The mask speaks of all convolution and linear weights: a channel that is removed leaves the layers that read it too.
    It keeps at most round(density * n) weights, as near as whole channels come.
    """

    exact = False

    citations = ("fang2023depgraph", "li2017pruning")

    def mask(self, model: nn.Module, data: Data, density: float, *, seed: int) -> Mask:  # noqa: ARG002
        """Rank channels over the whole model by the norm of their weights, relative to the mean of their layer."""
        from prunescope.networks.masks import total
        from prunescope.networks.models import prunable
        from prunescope_structured import channels, choosing

        weights = {name: weight.detach() for name, weight in prunable(model, linear=True).items()}
        sets = channels.find(model, _images(data))
        wanted = total({name: weight.numel() for name, weight in weights.items()}, density)
        scores = choosing.importance(sets, weights)
        removed = choosing.choose(sets, scores, choosing.counter(sets, weights), wanted)
        return choosing.mask(sets, removed, weights)

    def compact_network(self, model: nn.Module, mask: Mask, inputs: Tensor) -> nn.Module:
        """Return the network without the channels that the mask leaves empty, in eval mode."""
        from prunescope_structured.compact import compact

        return compact(model, mask, inputs)[0]


@dataclass(frozen=True, kw_only=True)
class Compact(Probe):
    """Size and latency of the network without the channels that its mask leaves empty, measured."""

    batch_size: Annotated[int, Option("images per timed pass", minimum=1)] = 64
    repeats: Annotated[int, Option("timed passes", minimum=1)] = 20

    replicas = 1

    citations = ("fang2023depgraph",)

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:  # noqa: ARG002
        """Return `parameters`, `channels_removed`, `latency_masked` and `latency_compact`."""
        from prunescope.landscape.latency import latency
        from prunescope_structured.compact import compact

        (replica,) = replicas
        images = _images(data, count=self.batch_size)
        made, removed = (
            (replica.model, {}) if replica.mask is None else compact(replica.model, replica.mask, images[:2])
        )
        times = {
            name: latency(model, images, repeats=self.repeats)
            for name, model in (("latency_masked", replica.model), ("latency_compact", made))
        }
        return {
            "parameters": Reading(float(sum(parameter.numel() for parameter in made.parameters())), unit="1"),
            "channels_removed": Reading(float(sum(map(len, removed.values()))), unit="1"),
            **{
                name: Reading(time.median, unit="second", n=self.repeats, estimator=f"median, {len(images)} images")
                for name, time in times.items()
            },
        }

    def passes(self, *, replicas: int, train: int, test: int) -> float:  # noqa: ARG002
        """Return the timed images of both networks."""
        return float(2 * replicas * self.batch_size * self.repeats)


def _images(data: Data, *, count: int = 2) -> Tensor:
    images, _ = next(iter(data.train.batches(count, limit=1)))
    return images
