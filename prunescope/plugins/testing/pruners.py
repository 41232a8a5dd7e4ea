"""Checks a pruner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from prunescope.api import Pruner
from prunescope.networks import masks
from prunescope.networks.models import prunable
from prunescope.plugins.checks import check_mask_type
from prunescope.plugins.testing import state
from prunescope.plugins.testing.plugin import accepted_option, check_plugin, require, seeded_check, title
from prunescope.plugins.testing.toys import toy_data, toy_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from prunescope.api import Data, Mask

CHECKED_DENSITIES = (0.002, 0.05, 0.1, 1 / 3, 0.5, 0.9, 1.0)


def check_pruner(
    pruner: Pruner,
    *,
    model: nn.Module | None = None,
    data: Data | None = None,
    densities: Sequence[float] = CHECKED_DENSITIES,
) -> None:
    """Check that a pruner keeps exactly what it is asked to, even where scores tie, and leaves the model as it was.

    Its masks are bool, name prunable weights, have their shapes, and are the same again for the same seed. Where
    `exact` is False they keep at most what is asked: give it densities that it can reach.

    Raises:
        AssertionError: what is wrong.
    """
    check_plugin(pruner, Pruner)
    data = data or toy_data()
    model = model or toy_model(num_classes=data.num_classes, in_chans=data.in_chans)
    for density in densities:
        _check_mask(pruner, model, data, density)
    flat = toy_model(num_classes=data.num_classes, in_chans=data.in_chans)
    with torch.no_grad():
        for weight in prunable(flat, linear=True).values():
            weight.fill_(0.1)
    for density in densities:
        _check_mask(pruner, flat, data, density, what=" of a model whose weights are all equal")


def _check_mask(pruner: Pruner, model: nn.Module, data: Data, density: float, *, what: str = "") -> None:
    who = f"{title(pruner)} at density {density:g}{what}"
    before = {**state.of_model(model), **state.of_data(data), **state.of_torch()}
    mask = _mask(pruner, model, data, density)
    changed = state.changed_names(before, {**state.of_model(model), **state.of_data(data), **state.of_torch()})
    require(not changed, f"{who} changes {changed}: the core applies the mask")
    with accepted_option():
        check_mask_type(who, mask)
        masks.check_mask(mask, model, density, who=who, exact=pruner.exact)
    others = sorted(set(mask.kept) - set(prunable(model, linear=True)))
    require(
        not others,
        f"{who} masks {others}, which are not prunable (prunescope.networks.models.prunable)",
    )
    changed = state.changed_names(state.of_mask(mask), state.of_mask(_mask(pruner, model, data, density)))
    require(not changed, f"{who} returns another mask for the same seed ({changed}): use a generator with this seed")


def _mask(pruner: Pruner, model: nn.Module, data: Data, density: float) -> Mask:
    with seeded_check(0):
        return pruner.mask(model, data, density, seed=0)
