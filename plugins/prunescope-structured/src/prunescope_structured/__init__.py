"""Channel pruning for prunescope: masks of whole channels, and compact networks made from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from torch import nn

__all__ = ["load"]


def load(path: Path | str, *, trust: Collection[str] = ()) -> nn.Module:
    """Return the compact network that `prunescope-compact` wrote as .safetensors, in eval mode.

    trust: networks of one's own, "pkg.mod:factory", that the file may name.
    """
    from pathlib import Path

    from prunescope_structured import files

    return files.load(Path(path), trust=trust)
