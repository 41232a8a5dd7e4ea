"""Undo what wrappers do to a state_dict: prefixes, the two tensors of torch.nn.utils.prune, spectral norm."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from prunescope.api.wording import count_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

INSIDE = {
    "_orig_mod.": "torch.compile",
    "_fsdp_wrapped_module.": "FSDP",
    "_checkpoint_wrapped_module.": "activation checkpointing",
    "_forward_module.": "Lightning Fabric",
}
"""What wraps a layer anywhere in a network -> who puts it into the names."""

COUNTERS = ("total_ops", "total_params")
"""What thop.profile() leaves in every layer."""

DEEPEST_PREFIX = 3
"""Dots of a prefix."""

SMALLEST_SHARE = 0.1
"""A prefix that fewer of the tensors share is not taken for a network in a larger one."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """Tensors under the network's own names, and the masks that stood beside them."""

    state: dict[str, Tensor]
    masks: dict[str, Tensor] = field(default_factory=dict)
    """By the masked tensor's name, bool, True = kept."""
    notes: tuple[str, ...] = ()


def strip_wrappers(state: Mapping[str, Tensor]) -> Named:
    """Remove `module.` before every name and what INSIDE lists anywhere, in any order and number.

    >>> strip_wrappers({"module._orig_mod.module.fc.weight": torch.zeros(1)}).state
    {'fc.weight': tensor([0.])}
    """
    notes: list[str] = []
    names = {name: name for name in state if name != "n_averaged"}  # the counter of torch's AveragedModel
    counters = [name for name in names if name.rpartition(".")[2] in COUNTERS]
    if counters:
        names = {name: new for name, new in names.items() if name not in counters}
        notes.append(f"{len(counters)} counters of thop ({', '.join(COUNTERS)}) left out")
    for wrapper, whose in INSIDE.items():
        if any(wrapper in new for new in names.values()):
            names = {name: new.replace(wrapper, "") for name, new in names.items()}
            notes.append(f"prefix '{wrapper}' of {whose} removed")
    while names and all(new.startswith("module.") for new in names.values()):
        names = {name: new.removeprefix("module.") for name, new in names.items()}
        if not any("'module.'" in note for note in notes):
            notes.append("prefix 'module.' (of DataParallel, or of an average of weights) removed")
    return Named(state={new: state[name] for name, new in names.items()}, notes=tuple(notes))


def views(state: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Return, by prefix, what could be the network: everything (prefix ""), and each part under a common prefix."""
    counts = Counter(prefix for name in state for prefix in _prefixes(name))
    common = [prefix for prefix, count in counts.items() if count >= SMALLEST_SHARE * len(state)]
    found: dict[str, dict[str, Tensor]] = {"": dict(state)}
    for prefix in sorted(common, key=lambda prefix: (prefix.count("."), prefix)):
        found[prefix] = {name.removeprefix(prefix): item for name, item in state.items() if name.startswith(prefix)}
    return found


def _prefixes(name: str) -> list[str]:
    """Return what comes before the first, second and third dot of a name, with the dot.

    >>> _prefixes("a.b.c.d.e")
    ['a.', 'a.b.', 'a.b.c.']
    """
    parts = name.split(".", DEEPEST_PREFIX)[:-1]
    return [prefix for end in range(1, len(parts) + 1) if len(prefix := ".".join(parts[:end]) + ".") > 1]


def fold_pruning(state: Mapping[str, Tensor]) -> Named:
    """Turn each pair X_orig, X_mask of torch.nn.utils.prune into X = X_orig * X_mask and a mask.

    X_orig with X_u and X_v beside it belongs to torch.nn.utils.spectral_norm and is no pruning: it becomes
    X = X_orig / σ with σ = uᵀ W v.
    """
    folded: dict[str, Tensor] = {}
    masks: dict[str, Tensor] = {}
    normed: list[str] = []
    for name, tensor in state.items():
        base = name.removesuffix("_orig")
        if name.endswith("_orig") and f"{base}_mask" in state:
            kept = state[f"{base}_mask"] != 0
            folded[base], masks[base] = tensor * kept, kept
        elif name.endswith("_orig") and f"{base}_u" in state and f"{base}_v" in state:
            folded[base] = tensor / _sigma(tensor, state[f"{base}_u"], state[f"{base}_v"])
            normed.append(base)
        elif not _is_companion(name, state):
            folded[name] = tensor
    return Named(state=folded, masks=masks, notes=(*_mask_notes(masks), *_norm_notes(normed)))


def _sigma(weight: Tensor, u: Tensor, v: Tensor) -> Tensor:
    return torch.dot(u, torch.mv(weight.reshape(weight.shape[0], -1), v))


def _is_companion(name: str, state: Mapping[str, Tensor]) -> bool:
    """Whether `name` is the mask of a pruned tensor or a vector of spectral norm."""
    for suffix in ("_mask", "_u", "_v"):
        if name.endswith(suffix) and f"{name.removesuffix(suffix)}_orig" in state:
            return True
    return False


def _mask_notes(masks: Mapping[str, Tensor]) -> tuple[str, ...]:
    if not masks:
        return ()
    biases = [name for name in masks if name.rpartition(".")[2] != "weight"]
    note = f"masks of torch.nn.utils.prune found for {count_text(len(masks), 'tensor')}"
    ignored = (
        f"pruned tensors that are not weights are set to zero once and can change in training: {', '.join(biases[:5])}",
    )
    return (note, *(ignored if biases else ()))


def _norm_notes(normed: list[str]) -> tuple[str, ...]:
    return (f"spectral norm of {count_text(len(normed), 'tensor')} folded into their weights",) if normed else ()
