"""Write families.json: the smallest network of each architecture family of timm, its parameters, how it is shrunk.

A family is a file of timm and the first word of a name in it. Networks of names that say "large" are built only where
the family has no others. A network of more than MOST_WHOLE parameters gets fewer or narrower blocks, of the same kinds,
where its constructor takes any of SMALLER. Takes ten minutes: every candidate is built, on the meta device where it
can be. `--shrink` keeps the networks of the file and shrinks them again.
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from collections import defaultdict

import timm
import torch
from members import CHOSEN, CLASSES, make_member
from members import smallest as smallest_image
from timm.models import list_models, model_entrypoint

from prunescope.api.errors import PrunescopeError

LARGE = re.compile(r"large|huge|giant|xl|gigantic|_so|152|101|200|270|350|420|_b[3-8]|base|_l\b|_l_|_m48|_m36|big")

MOST = 40
"""Networks of a family that are built."""

MOST_WHOLE = 8_000_000
"""Parameters of a network that is left as it is."""

SMALLER: tuple[dict[str, object], ...] = (
    {"depth": 2, "embed_dim": 96, "num_heads": 3},
    {"depth": 2, "embed_dim": 64, "num_heads": 2},
    {"depth": 2},
    {"depths": [2, 1, 1, 1]},
    {"depths": [2, 1]},
    {"layers": [1, 1, 1, 1]},
    {"layers": [2, 1, 1, 1]},
    {"stages": [1, 1, 1, 1]},
    {"mlp_ratio": 0.05},
    {"stem_size": 32, "num_features": 1344},
)
"""Arguments of timm's constructors that keep every kind of block; two blocks where windows are shifted."""


def main() -> None:
    """Run the program."""
    warnings.simplefilter("ignore")
    chosen = json.loads(CHOSEN.read_text()) if "--shrink" in sys.argv else _choose()
    shrunk = {family: _shrink(name, count) for family, (name, count, *_) in chosen.items()}
    CHOSEN.write_text(json.dumps(shrunk, indent=1) + "\n")


def _choose() -> dict[str, tuple[str, int]]:
    families = defaultdict(list)
    for name in list_models():
        if model_entrypoint(name).__module__.startswith("timm."):
            families[_family(name)].append(name)
    chosen = {}
    for family, names in sorted(families.items()):
        small = [name for name in names if not LARGE.search(name)] or names
        chosen[family] = min(((name, _size(name)) for name in small[:MOST]), key=lambda found: found[1])
        print(family, *chosen[family], flush=True)
    return chosen


def _shrink(name: str, count: int) -> tuple[str, int, dict[str, object], int]:
    """Return the name, the parameters of the whole network, the arguments that make it smallest, what it has then."""
    sizes = {}
    for place, options in enumerate(SMALLER if count > MOST_WHOLE else ()):
        try:
            sizes[place] = _size(name, options)
        except Exception as error:  # noqa: BLE001 - whatever a constructor raises for an argument that it does not take
            print(name, options, type(error).__name__, flush=True)
    sizes = {place: size for place, size in sizes.items() if _computes(name, SMALLER[place])}
    smallest = min(sizes, key=lambda place: sizes[place], default=None)
    if smallest is None or sizes[smallest] > 0.9 * count:
        return name, count, {}, count
    print(name, count, "->", sizes[smallest], SMALLER[smallest], flush=True)
    return name, count, SMALLER[smallest], sizes[smallest]


def _family(name: str) -> str:
    file = model_entrypoint(name).__module__.rpartition(".")[2]
    word = re.match(r"[a-z]+", name.removeprefix("tf_").removeprefix("test_"))
    return f"{file}/{word[0] if word else name}"


def _computes(name: str, options: dict[str, object]) -> bool:
    """Whether the shrunk network is one that prunescope builds, and takes images of some size."""
    try:
        smallest_image(make_member("timm", "", name, options))
    except PrunescopeError:
        return False
    return True


def _size(name: str, options: dict[str, object] | None = None) -> int:
    """Return the number of parameters; of a network that computes with its weights as it is built, with memory."""
    try:
        with torch.device("meta"):
            model = timm.create_model(name, num_classes=CLASSES, **options or {})
    except (NotImplementedError, RuntimeError):
        model = timm.create_model(name, num_classes=CLASSES, **options or {})
    return sum(parameter.numel() for parameter in model.parameters())


if __name__ == "__main__":
    main()
