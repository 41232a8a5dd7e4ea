"""Files of the same training beside a checkpoint: what timm's and Lightning's savers leave in the folder."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NUMBERED = (
    re.compile(r"^checkpoint-(?P<epoch>\d+)\.pth(?:\.tar)?$"),
    re.compile(r"(?:^|[-_.])epoch[=_-]?(?P<epoch>\d+)(?=[-_.=]|$)"),
    re.compile(r"^(?:ckpt|model|snapshot)[-_](?P<epoch>\d+)\.(?:ckpt|pth|pt|safetensors)$"),
)
"""How programs name the checkpoint of an epoch: timm, Lightning, and by hand."""

SIBLING_SUFFIXES = (".ckpt", ".pth", ".pt", ".tar", ".safetensors")


def find_sibling_files(path: Path) -> dict[int, Path]:
    """Return the other checkpoints beside a file whose names have an epoch, by that number, in ascending order.

    Of several files of one epoch (Lightning's versions) the first by name counts. The numbers are those of the names:
    most programs count from 0. Empty for a folder, for a name of a hub, and where there is none.

    >>> from pathlib import Path
    >>> find_sibling_files(Path("no-such-folder/checkpoint-3.pth.tar"))
    {}
    """
    if not path.is_file():
        return {}
    found: dict[int, Path] = {}
    for beside in sorted(path.parent.iterdir()):
        epoch = epoch_of_name(beside.name)
        if epoch is not None and beside.is_file() and not beside.samefile(path):
            found.setdefault(epoch, beside)
    return dict(sorted(found.items()))


def epoch_of_name(name: str) -> int | None:
    """Return the epoch in the name of a checkpoint; None where it has none.

    >>> [epoch_of_name(name) for name in ("checkpoint-37.pth.tar", "epoch=12-step=5.ckpt", "last.ckpt", "epoch3.txt")]
    [37, 12, None, None]
    """
    if not name.endswith(SIBLING_SUFFIXES):
        return None
    matches = (pattern.search(name) for pattern in NUMBERED)
    return next((int(match["epoch"]) for match in matches if match), None)
