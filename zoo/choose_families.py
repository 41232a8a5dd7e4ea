"""Write families.json: the smallest network of each architecture family of timm, and its parameters.

A family is a file of timm and the first word of a name in it. Networks of names that say "large" are built only where
the family has no others. Takes ten minutes: every candidate is built, on the meta device where it can be.
"""

from __future__ import annotations

import json
import re
import warnings
from collections import defaultdict

import timm
import torch
from members import CHOSEN, CLASSES
from timm.models import list_models, model_entrypoint

LARGE = re.compile(r"large|huge|giant|xl|gigantic|_so|152|101|200|270|350|420|_b[3-8]|base|_l\b|_l_|_m48|_m36|big")

MOST = 40
"""Networks of a family that are built."""


def main() -> None:
    """Run the program."""
    warnings.simplefilter("ignore")
    families = defaultdict(list)
    for name in list_models():
        if model_entrypoint(name).__module__.startswith("timm."):
            families[_family(name)].append(name)
    chosen = {}
    for family, names in sorted(families.items()):
        small = [name for name in names if not LARGE.search(name)] or names
        chosen[family] = min(((name, _size(name)) for name in small[:MOST]), key=lambda found: found[1])
        print(family, *chosen[family], flush=True)
    CHOSEN.write_text(json.dumps(chosen, indent=1) + "\n")


def _family(name: str) -> str:
    file = model_entrypoint(name).__module__.rpartition(".")[2]
    word = re.match(r"[a-z]+", name.removeprefix("tf_").removeprefix("test_"))
    return f"{file}/{word[0] if word else name}"


def _size(name: str) -> int:
    """Return the number of parameters; of a network that computes with its weights as it is built, with memory."""
    try:
        with torch.device("meta"):
            model = timm.create_model(name, num_classes=CLASSES)
    except (NotImplementedError, RuntimeError):
        model = timm.create_model(name, num_classes=CLASSES)
    return sum(parameter.numel() for parameter in model.parameters())


if __name__ == "__main__":
    main()
