"""What a mask keeps of each layer, and where it cuts the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError
from prunescope.report.common.console import say, show, table

if TYPE_CHECKING:
    from prunescope.api import Mask
    from prunescope.report.steps.pruning import Pruning


def explain(pruned: Pruning) -> None:
    """Print kept weights and density of every layer, on stderr; warn of layers that keep nothing."""
    mask = pruned.found.mask
    if mask is None:
        return
    try:
        from prunescope.pruning.paths import effective

        reached: Mask | None = effective(pruned.network(), mask, pruned.input_shape())
        why = ""
    except UsageError as error:
        reached, why = None, error.message
    show(table(("layer", "kept", "of", "density", "effective"), _layer_rows(mask, reached)))
    if reached is None:
        say(f"effective density: n/a: {why}")
    else:
        say(f"effective density {reached.density:.4%}: kept weights on a path from the image to an output")
    _warn(mask, reached)


def _layer_rows(mask: Mask, reached: Mask | None) -> list[tuple[str, ...]]:
    rows = [_layer_row(name, kept.numel(), int(kept.sum()), _count(reached, name)) for name, kept in mask.kept.items()]
    return [*rows, _layer_row("all", mask.n_weights, mask.n_kept, reached.n_kept if reached else None)]


def _count(reached: Mask | None, name: str) -> int | None:
    return None if reached is None else int(reached.kept[name].sum())


def _layer_row(name: str, of: int, kept: int, reached: int | None) -> tuple[str, ...]:
    return name, f"{kept:,}", f"{of:,}", f"{kept / of:.2%}", "n/a" if reached is None else f"{reached / of:.2%}"


def _warn(mask: Mask, reached: Mask | None) -> None:
    """Warn of collapsed layers, and of layers whose kept weights no path reaches."""
    empty = [name for name, kept in mask.kept.items() if not bool(kept.any())]
    for name in empty:
        say(f"warning: {name} keeps no weight: this layer has collapsed, nothing passes it but a shortcut around it")
    if reached is None:
        return
    cut = [name for name, kept in reached.kept.items() if not bool(kept.any()) and name not in empty]
    if not reached.n_kept:
        say("warning: no path of kept weights joins the image with an output: the network is cut")
    else:
        for name in cut:
            say(f"warning: no kept weight of {name} lies on a path from the image to an output")
