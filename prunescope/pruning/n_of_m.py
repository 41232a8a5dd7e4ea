"""N:M sparsity: N of every M consecutive weights are kept."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import torch

from prunescope.api import Mask
from prunescope.api.errors import UsageError
from prunescope.networks.masks import keep_counts, total

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

LARGEST_GROUP = 64
"""What a message suggests at most."""


def kept_of(group: int, density: float) -> int:
    """Return the N of N:M for a density.

    Raises:
        UsageError: no N gives this density.

    >>> kept_of(4, 0.5)
    2
    """
    kept = round(group * density)
    if not 1 <= kept <= group or abs(kept / group - density) > 1e-9:
        exact = Fraction(density).limit_denominator(LARGEST_GROUP)
        possible = ", ".join(f"{number / group:g}" for number in range(1, group + 1))
        other = f"; or groups of {exact.denominator} for {exact}" if abs(float(exact) - density) < 1e-9 else ""
        raise UsageError(
            f"no N:{group} keeps a density of {density:g}: N would be {group * density:g}",
            fix=f"with groups of {group} the density is one of {possible}{other}",
        )
    return kept


def n_of_m(weights: Mapping[str, Tensor], density: float, *, group: int) -> Mask:
    """Keep the N = density · M weights of largest magnitude in every group of M = `group`.

    A group is M consecutive weights that one output multiplies, input channel fastest, then the place in the kernel:
    the order in which the sparse tensor cores of GPUs read them. Where M does not divide an output's weights, what is
    left at the end is a shorter group; the short groups together keep what exact counts leave for them: each the floor
    of density · its size, and one more where the next weight is among the largest of the model's.
    Source: Zhou et al. 2021, section 3; 2:4 is NVIDIA's. Their code lets a short row run on into the next output.

    Raises:
        UsageError: density · M is no whole number from 1 to M.

    >>> n_of_m({"w": torch.tensor([[3.0, 1.0, -4.0, 2.0]])}, 0.5, group=4).kept["w"].tolist()
    [[True, False, True, False]]
    """
    kept = kept_of(group, density)
    rows = {name: _input_rows(weight.detach().abs()) for name, weight in weights.items()}
    wanted = total({name: weight.numel() for name, weight in weights.items()}, density)
    whole = {name: _keep_groups(row[:, : row.shape[1] // group * group], group, kept) for name, row in rows.items()}
    short = {name: row[:, row.shape[1] // group * group :] for name, row in rows.items()}
    ends = _keep_short(short, density, wanted - sum(int(one.sum()) for one in whole.values()))
    return Mask({name: _unrow(torch.cat([whole[name], ends[name]], dim=1), weight) for name, weight in weights.items()})


def _input_rows(scores: Tensor) -> Tensor:
    """Return a row for every output, the input channel fastest."""
    return scores.movedim(1, -1).reshape(scores.shape[0], -1)


def _unrow(rows: Tensor, weight: Tensor) -> Tensor:
    moved = weight.movedim(1, -1)
    return rows.reshape(moved.shape).movedim(-1, 1).contiguous()


def _keep_groups(whole: Tensor, group: int, kept: int) -> Tensor:
    """Keep the `kept` largest of every whole group; ties by place."""
    return (_rank(whole.reshape(-1, group)) < kept).reshape(whole.shape)


def _keep_short(short: Mapping[str, Tensor], density: float, wanted: int) -> dict[str, Tensor]:
    """Keep the floor of density · size of every short group, then the largest of their next ones, up to `wanted`."""
    least = {name: int(density * group.shape[1] + 1e-9) for name, group in short.items()}
    ranks = {name: _rank(group) for name, group in short.items()}
    kept = {name: rank < least[name] for name, rank in ranks.items()}
    left = wanted - sum(int(one.sum()) for one in kept.values())
    following = {name: ranks[name] == least[name] for name in short}
    scores = torch.cat([torch.where(following[name], group, -1.0).flatten() for name, group in short.items()])
    more = torch.split(keep_counts({"": scores}, {"": left}).kept[""], [group.numel() for group in short.values()])
    return {name: kept[name] | one.reshape(kept[name].shape) for name, one in zip(short, more, strict=True)}


def _rank(groups: Tensor) -> Tensor:
    """Return the place of every score in its row, from the largest, 0, on; the first of equal ones comes first."""
    order = torch.sort(groups, dim=1, descending=True, stable=True).indices
    places = torch.arange(groups.shape[1], device=groups.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places)
