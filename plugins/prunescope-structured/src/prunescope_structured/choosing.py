"""Which channels to keep so that the kept weights come as near a count as whole channels allow."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10
from typing import TYPE_CHECKING

import torch

from prunescope.api import Mask
from prunescope.api.errors import LEAST_DENSITY, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from torch import Tensor

    from prunescope_structured.channels import Channels

Channel = tuple[int, int]
"""Number of the set and of the channel in it."""


def importance(sets: Sequence[Channels], weights: Mapping[str, Tensor]) -> list[Tensor]:
    """Return the importance of each channel of each set.

    For every weight the set touches, the squared norm of the channel's slice; averaged over the weights, then divided
    by its mean over the set (Fang et al. 2023, section 3.3: group L2 norm, mean reduction, mean normalisation).
    Channels of different sets compare; 1 is the mean of each.
    """
    found = []
    for one in sets:
        norms = torch.zeros(one.count, dtype=torch.float64)
        for member in one.members:
            weight = weights[member.parameter].detach().cpu().double()
            squares = weight.square().transpose(0, member.axis).flatten(1).sum(dim=1)
            norms += torch.stack([squares[list(place)].sum() for place in member.places])
        mean = norms.mean()
        found.append(norms / mean if mean > 0 else torch.ones_like(norms))
    return found


def choose(sets: Sequence[Channels], scores: Sequence[Tensor], counter: Counter, wanted: int) -> list[Channel]:
    """Return the channels to remove: at most `wanted` weights stay, as many as whole channels in order allow.

    Channels go in the order of their scores, ties by position, until few enough weights stay; every set keeps one.
    Then those that were removed come back, the best first, where there is room.

    Raises:
        UsageError: one channel in every set is more than `wanted`.
    """
    ranked = sorted(
        (float(score), number, channel) for number, found in enumerate(scores) for channel, score in enumerate(found)
    )
    last = {(number, int(found.argmax())) for number, found in enumerate(scores)}
    order = [(number, channel) for _, number, channel in ranked if (number, channel) not in last]
    removed: list[Channel] = []
    for channel in order:
        if counter.kept <= wanted:
            break
        counter.remove(channel)
        removed.append(channel)
    if counter.kept > wanted:
        raise UsageError(
            f"one channel in each of {len(sets)} places keeps {counter.kept} weights, wanted {wanted} at most",
            fix=f"{LEAST_DENSITY} {rounded_up(counter.kept / counter.total)}",
        )
    for channel in reversed(removed):
        counter.restore(channel)
        if counter.kept > wanted:
            counter.remove(channel)
        else:
            removed = [other for other in removed if other != channel]
    return removed


def rounded_up(density: float) -> str:
    """Return a density with three digits that is no smaller, so that asking for it keeps as many weights.

    >>> rounded_up(75 / 1290), rounded_up(0.25)
    ('0.0582', '0.25')
    """
    digits = 2 - floor(log10(density))
    return f"{ceil(round(density * 10**digits, 9)) / 10**digits:.3g}"


@dataclass
class Counter:
    """Counts the weights that stay: rows x columns x kernel of every tensor."""

    sets: Sequence[Channels]
    rest: dict[str, list[int]]
    """Parameter -> rows, columns, size of the kernel; the first two fall as channels go."""

    @property
    def kept(self) -> int:
        """Weights that stay."""
        return sum(rows * columns * kernel for rows, columns, kernel in self.rest.values())

    @property
    def total(self) -> int:
        """All weights."""
        return self.all

    def __post_init__(self) -> None:
        self.all = self.kept

    def remove(self, channel: Channel) -> None:
        """Take a channel away."""
        self._add(channel, -1)

    def restore(self, channel: Channel) -> None:
        """Give it back."""
        self._add(channel, 1)

    def _add(self, channel: Channel, sign: int) -> None:
        number, index = channel
        for member in self.sets[number].members:
            self.rest[member.parameter][member.axis] += sign * len(member.places[index])


def counter(sets: Sequence[Channels], weights: Mapping[str, Tensor]) -> Counter:
    """Return a counter of some weights, all of them kept."""
    rest = {name: [weight.shape[0], weight.shape[1], weight[0, 0].numel()] for name, weight in weights.items()}
    return Counter(sets, rest)


def mask(sets: Sequence[Channels], removed: Iterable[Channel], weights: Mapping[str, Tensor]) -> Mask:
    """Return the mask that leaves out every weight of the removed channels."""
    kept = {name: torch.ones(weight.shape, dtype=torch.bool) for name, weight in weights.items()}
    for number, channel in removed:
        for member in sets[number].members:
            kept[member.parameter].transpose(0, member.axis)[list(member.places[channel])] = False
    return Mask({name: tensor.to(weights[name].device) for name, tensor in kept.items()})


def removed(sets: Sequence[Channels], kept: Mapping[str, Tensor]) -> dict[str, list[int]]:
    """Return, by root, the channels of which a mask keeps no weight: those that can be taken out of the network.

    Every set keeps at least one.
    """
    found: dict[str, list[int]] = {}
    for one in sets:
        empty = [channel for channel in range(one.count) if not _any_kept(one, channel, kept)]
        if empty:
            found[one.root] = empty[: one.count - 1]
    return found


def _any_kept(one: Channels, channel: int, kept: Mapping[str, Tensor]) -> bool:
    return any(
        member.parameter not in kept
        or bool(kept[member.parameter].transpose(0, member.axis)[list(member.places[channel])].any())
        for member in one.members
    )
