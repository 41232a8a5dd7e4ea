"""Find the architecture of a state_dict nobody names, or the nearest ones to a state_dict that does not fit.

Building all of timm's architectures takes minutes. So: names that occur in the hints first, then prunescope's own
networks and the common ones, then one small network of each of the twelve families (files) of timm whose source has
most of the words in the tensors' names; only the two families whose tensor names then look most alike are searched
further, short names (the plain variants) first. Where a network is close already, only its family is searched, the
most similar names first.
"""

from __future__ import annotations

import difflib
import inspect
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from timm.models import list_models, model_entrypoint

from prunescope.api.errors import MismatchError, UsageError
from prunescope.networks.checkpoints.fingerprints import Fingerprint, fingerprint, shapes
from prunescope.networks.checkpoints.matching import COUNTER, KnownNetwork, Match, best_of, fit_state, n_fitting
from prunescope.networks.checkpoints.names import views

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

COMMON = (
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "wide_resnet50_2",
    "vit_tiny_patch16_224",
    "vit_small_patch16_224",
    "vit_base_patch16_224",
    "efficientnet_b0",
    "mobilenetv2_100",
    "mobilenetv3_large_100",
    "convnext_tiny",
    "vgg16_bn",
    "densenet121",
    "regnety_004",
)
"""What most checkpoints are; also the plain ones of several architectures with the same names and shapes."""

SMALL = re.compile(r"^test_|atto|femto|pico|nano|tiny|xxs|xxtiny|small")
"""Names of a family's smallest networks, which are the fastest to build."""

OURS = "prunescope"

CLOSE = 0.9
"""With this share of names in common, only relatives of the architecture are tried."""

LIKELY = 12
FAMILIES = 2
PER_FAMILY = 40
ALIKE = 0.2
"""A family with a smaller share of the name patterns is not worth searching."""


@dataclass(frozen=True, kw_only=True)
class FoundArchitecture:
    """The architecture that fits, if there is one, and the nearest ones with the share of tensors that fit."""

    match: Match | None
    nearest: tuple[tuple[str, float], ...]


def search(state: Mapping[str, Tensor], known: KnownNetwork) -> FoundArchitecture:
    """Return the first architecture that all tensors fit, and the three nearest of those that were tried."""
    tried: dict[str, Likeness] = {}
    parts = views(state)
    for name in _candidates(state, known, tried):
        if name in tried:
            continue
        print_ = _try_fingerprint(name)
        if print_ is None:
            continue
        _, part = best_of(parts, print_, prefer=known.prefer)
        tried[name] = likeness(part, print_)
        match = _try_fit(state, replace(known, name=name)) if _same_names(part, print_) else None
        if match is not None:
            return FoundArchitecture(match=match, nearest=((name, 1.0),))
    ranked = sorted(tried, key=lambda name: (-tried[name].tensors, name))
    return FoundArchitecture(match=None, nearest=tuple((name, tried[name].tensors) for name in ranked[:3]))


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """How much of two networks is the same, in [0, 1]: twice what both have / what one has + what the other has."""

    tensors: float
    """By name and shape."""
    names: float


def likeness(part: Mapping[str, Tensor], print_: Fingerprint) -> Likeness:
    """Return how much of the tensors an architecture shares."""
    both = len(part) + len(print_.shapes)
    common = {name: part[name] for name in print_.shapes if name in part}
    return Likeness(tensors=2 * n_fitting(shapes(common), print_) / both, names=2 * len(common) / both)


def hinted_names(hints: tuple[str, ...]) -> list[str]:
    """Return the architectures whose names occur in the hints, longest names first.

    >>> hinted_names(("runs/resnet18_best.pth",))
    ['resnet18']
    """
    text = " ".join(f"_{re.sub(r'[^a-z0-9]+', '_', hint.lower())}_" for hint in hints)
    found = [name for name in list_models() if f"_{name}_" in text]
    ranked = sorted(found, key=lambda name: (-len(name), name))
    return [name for name in ranked if not any(name != longer and name in longer for longer in ranked)]


def _candidates(state: Mapping[str, Tensor], known: KnownNetwork, tried: Mapping[str, Likeness]) -> Iterator[str]:
    """Yield names to try; `tried` holds those tried so far."""
    families = _families()
    yield from hinted_names(known.hints)
    yield from families[OURS]
    if any(name.endswith("head_dist.weight") for name in state):
        yield from (name for name in list_models() if "distilled" in name)
    yield from COMMON
    best = max(tried, key=lambda name: (tried[name].names, tried[name].tensors))
    if tried[best].names >= CLOSE:
        yield from _relatives(best, families[_family(best)])
        return
    patterns = {_pattern(name) for name in state}
    alike: dict[str, float] = {}
    for family in _likely(families, state):
        members = families[family]
        yield members[0]
        if members[0] in tried:
            alike[family] = _pattern_likeness(patterns, fingerprint(members[0]))
    for family in sorted(alike, key=lambda family: (-alike[family], family))[:FAMILIES]:
        if alike[family] >= ALIKE:
            yield from families[family][1 : 1 + PER_FAMILY]


def _relatives(name: str, family: list[str]) -> list[str]:
    """Return those of the family whose names are most like `name`."""
    likeness = {other: difflib.SequenceMatcher(a=name, b=other).ratio() for other in family}
    return sorted(family, key=lambda other: (-likeness[other], other))[:PER_FAMILY]


def _families() -> dict[str, list[str]]:
    """Return timm's architectures by the file they are in, small or plain ones first."""
    found: dict[str, list[str]] = {}
    for name in list_models():
        found.setdefault(_family(name), []).append(name)
    return {
        family: sorted(members, key=lambda name: (not SMALL.search(name), len(name), name))
        for family, members in sorted(found.items())
    }


def _family(name: str) -> str:
    module: str = model_entrypoint(name).__module__
    return OURS if module.startswith("prunescope.") else module.rpartition(".")[2]


def _likely(families: Mapping[str, list[str]], state: Mapping[str, Tensor]) -> list[str]:
    """Return the families whose source mentions most of the words in the tensors' names, best first."""
    words = {word for name in state for word in name.split(".") if not word.isdigit()}
    shared = {
        family: len(words & set(re.findall(r"[A-Za-z_]\w*", inspect.getsource(inspect.getmodule(entry) or entry))))
        for family, members in families.items()
        if family != OURS
        for entry in [model_entrypoint(members[0])]
    }
    return sorted(shared, key=lambda family: (-shared[family], family))[:LIKELY]


def _pattern(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def _pattern_likeness(patterns: set[str], print_: Fingerprint) -> float:
    """Share of name patterns in common; what comes before the network's own names does no harm."""
    others = {_pattern(name) for name in print_.shapes}
    common = sum(1 for other in others if any(mine == other or mine.endswith("." + other) for mine in patterns))
    return common / len(others)


def _same_names(have: Mapping[str, Tensor], print_: Fingerprint) -> bool:
    if abs(len(have) - len(print_.shapes)) > len(print_.shapes):
        return False
    mine, others = ({name for name in names if not name.endswith(COUNTER)} for names in (have, print_.shapes))
    return mine == others


def _try_fingerprint(name: str) -> Fingerprint | None:
    try:
        return fingerprint(name)
    except UsageError:
        return None  # an architecture that needs a package that is not installed


def _try_fit(state: Mapping[str, Tensor], known: KnownNetwork) -> Match | None:
    try:
        return fit_state(state, known)
    except (MismatchError, UsageError):
        return None
