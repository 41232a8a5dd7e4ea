"""Fit a state_dict to an architecture: classes, channels, width and prefix are read off the tensors, all must fit."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from timm.models import is_model, model_entrypoint

from prunescope.api.errors import InputError, MismatchError
from prunescope.api.wording import count_text, verb_text
from prunescope.networks.checkpoints.fingerprints import Fingerprint, Shapes, empty_shapes, fingerprint, shapes
from prunescope.networks.checkpoints.names import views
from prunescope.networks.checkpoints.own_sizes import solve_sizes
from prunescope.networks.identified import identified, names_own_code
from prunescope.networks.models import JSON, ModelSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

WHOLE = 0.9
"""With this share of its tensors' names, a part of a file is a network of the architecture."""

COUNTER = "num_batches_tracked"
"""BatchNorm's counter of batches, which networks saved by torch before 0.4.1 do not have."""


@dataclass(frozen=True, kw_only=True)
class KnownNetwork:
    """What the file, its neighbours and the user give of the network, apart from its tensors."""

    name: str = ""
    """The architecture; empty where it is not given."""
    hints: tuple[str, ...] = ()
    """Texts an architecture's name may occur in, such as the file's name."""
    options: Mapping[str, JSON] = field(default_factory=dict)
    num_classes: int | None = None
    in_chans: int | None = None
    image_size: tuple[int, int] | None = None
    prefer: str = ""
    """ "ema" or "raw": which of two equal parts of the file to take."""
    notes: tuple[str, ...] = ()
    """What of it was left out."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """A network that all tensors fit."""

    spec: ModelSpec
    state: dict[str, Tensor]
    notes: tuple[str, ...] = ()


def fit_state(state: Mapping[str, Tensor], known: KnownNetwork) -> Match:
    """Return the match with the architecture `known.name`; MismatchError where a single tensor does not fit."""
    print_ = fingerprint(known.name)
    prefix, part = best_view(state, print_, prefer=known.prefer)
    spec = infer_spec(shapes(part), print_, known)
    if names_own_code(spec.name):
        spec = solve_sizes(spec, shapes(part), empty_shapes)
    wanted = empty_shapes(spec)
    part, counter_notes = _with_counters(part, wanted)
    check_match(shapes(part), wanted, name=known.name)
    return Match(
        spec=identified(spec),
        state={name: part[name] for name in wanted},
        notes=(*_prefix_notes(prefix, state, part), *_spec_notes(spec, print_, known), *counter_notes),
    )


def best_view(state: Mapping[str, Tensor], print_: Fingerprint, *, prefer: str) -> tuple[str, dict[str, Tensor]]:
    """Return the prefix, and the part of the state under it, of which most names and shapes fit."""
    return best_of(views(state), print_, prefer=prefer)


def best_of(
    parts: Mapping[str, dict[str, Tensor]], print_: Fingerprint, *, prefer: str
) -> tuple[str, dict[str, Tensor]]:
    """Return the prefix and the part, of those by prefix, of which most names and shapes fit."""

    def rank(view: tuple[str, dict[str, Tensor]]) -> tuple[float, int, bool, int]:
        prefix, part = view
        both = {name: part[name] for name in print_.shapes if name in part}
        unexpected = len(part) - len(both)
        return -n_fitting(shapes(both), print_), unexpected, ("ema" in prefix) != (prefer == "ema"), len(prefix)

    ranked = sorted(parts.items(), key=rank)
    _refuse_equal(ranked, print_, rank(ranked[0])[:3], rank)
    return ranked[0]


def _refuse_equal(
    ranked: list[tuple[str, dict[str, Tensor]]],
    print_: Fingerprint,
    best: tuple[float, ...],
    rank: Callable[[tuple[str, dict[str, Tensor]]], tuple[float, ...]],
) -> None:
    """Raise InputError where several whole networks of the architecture lie side by side, none of them the EMA.

    One whose tensors all lie under a longer prefix of another's is the same network, not another one.
    """
    if len(ranked[0][1].keys() & print_.shapes.keys()) < WHOLE * len(print_.shapes):
        return
    equal = [prefix for prefix, part in ranked if rank((prefix, part))[:3] == best and prefix]
    if len(equal) > 1 and not any(one != other and one.startswith(other) for one in equal for other in equal):
        names = "', '".join(equal[:5])
        raise InputError(
            f"the file holds {count_text(len(equal), 'network')} '{print_.name}', under '{names}'",
            fix=f"choose one: --weights {equal[0].rstrip('.')}",
        )


def n_fitting(have: Shapes, print_: Fingerprint) -> float:
    """Count the tensors that are in both: 1 for name and shape, less for the name alone, 1 where data decides."""
    ends = {print_.classifier, print_.classifier.removesuffix("weight") + "bias", print_.stem}
    score = 0.0
    for name, shape in have.items():
        wanted = print_.shapes.get(name)
        if wanted is not None:
            score += 1.0 if shape == wanted or (name in ends and len(shape) == len(wanted)) else 0.25
    return score


# ---- what the tensors show ----------------------------------------------------------------------------------------


def infer_spec(have: Shapes, print_: Fingerprint, known: KnownNetwork) -> ModelSpec:
    """Return the spec of the architecture with classes, channels, width and image size as in the tensors."""
    head, stem = have.get(print_.classifier, ()), have.get(print_.stem, ())
    spec = ModelSpec(
        name=print_.name,
        num_classes=head[0] if head else known.num_classes or 1000,
        in_chans=_channels(stem, print_) or known.in_chans or 3,
        image_size=_image_size(have, print_, known),
        options={**_pooling(head, print_), **known.options},
    )
    if not _is_ours(print_.name) or not stem:
        return spec
    width = stem[0] / print_.shapes[print_.stem][0]
    if width != 1 and "width" not in spec.options:
        spec = replace(spec, options={**spec.options, "width": width})
    return spec if len(stem) > 2 else _with_pixels(spec, stem[1], known)


def _channels(stem: tuple[int, ...], print_: Fingerprint) -> int:
    """Return the channels of images that a stem takes, 0 where it does not say.

    A stem behind space-to-depth (TResNet) has 16 inputs for each channel.
    """
    if len(stem) <= 2:
        return 0
    each = max(1, print_.shapes[print_.stem][1] // print_.in_chans) if print_.stem in print_.shapes else 1
    return stem[1] // each if stem[1] % each == 0 else stem[1]


def _pooling(head: tuple[int, ...], print_: Fingerprint) -> dict[str, JSON]:
    """Return the pooling under which the head has twice the usual inputs: mean and maximum side by side."""
    usual = print_.shapes.get(print_.classifier, ())
    return {"global_pool": "catavgmax"} if len(head) == len(usual) > 1 and head[1] == 2 * usual[1] else {}


def _image_size(have: Shapes, print_: Fingerprint, known: KnownNetwork) -> tuple[int, int]:
    """Return the size that the network is built for: that of the position embedding goes before what is given.

    A network that fits its embedding to the image (`dynamic_img_size`) is trained at other sizes than it is built for.
    """
    grid = _grid_size(have, print_)
    if grid and known.image_size and _places(known.image_size, have) == _places(grid, have):
        return known.image_size
    return grid or known.image_size or print_.image_size


def _places(size: tuple[int, int], have: Shapes) -> int:
    """Return how many patches an image of this size has."""
    patch = have["patch_embed.proj.weight"]
    return (size[0] // patch[2]) * (size[1] // patch[3])


def _is_ours(name: str) -> bool:
    return is_model(name) and model_entrypoint(name).__module__.startswith("prunescope.networks.zoo")


def _with_pixels(spec: ModelSpec, pixels: int, known: KnownNetwork) -> ModelSpec:
    """Split the inputs of a perceptron into channels and pixels: as known, else colour, else grey, of square images."""
    if known.image_size:
        return replace(spec, in_chans=max(1, pixels // math.prod(known.image_size)))
    for chans in (known.in_chans,) if known.in_chans else (3, 1):
        side = math.isqrt(pixels // chans)
        if side * side * chans == pixels:
            return replace(spec, in_chans=chans, image_size=(side, side))
    return spec


def _grid_size(have: Shapes, print_: Fingerprint) -> tuple[int, int] | None:
    """Return the image size a vision transformer's position embedding was made for, if it is a square."""
    positions, wanted = have.get("pos_embed", ()), print_.shapes.get("pos_embed", ())
    patch = have.get("patch_embed.proj.weight", ())
    if len(positions) != 3 or len(wanted) != 3 or len(patch) != 4:
        return None
    tokens = wanted[1] - (print_.image_size[0] // patch[2]) * (print_.image_size[1] // patch[3])
    side = math.isqrt(max(0, positions[1] - tokens))
    return (side * patch[2], side * patch[3]) if side and side * side == positions[1] - tokens else None


def _with_counters(part: dict[str, Tensor], wanted: Shapes) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    missing = set(wanted) - set(part)
    if not missing or any(not name.endswith(COUNTER) for name in missing):
        return part, ()
    note = "the file has no BatchNorm batch counters (torch before 0.4.1): set to zero"
    return part | {name: torch.zeros((), dtype=torch.long) for name in missing}, (note,)


# ---- what is given about it ---------------------------------------------------------------------------------------


def _prefix_notes(prefix: str, state: Mapping[str, Tensor], part: Mapping[str, Tensor]) -> tuple[str, ...]:
    if not prefix:
        return ()
    outside = [name for name in state if not name.startswith(prefix)]
    note = f"network found under the prefix '{prefix}' ({len(part)} of {count_text(len(state), 'tensor')})"
    left_out = (f"tensors outside '{prefix}' left out: {', '.join(outside[:5])}",) if outside else ()
    return (note, *left_out)


def _spec_notes(spec: ModelSpec, print_: Fingerprint, known: KnownNetwork) -> tuple[str, ...]:
    width, size = spec.options.get("width"), "x".join(map(str, spec.image_size))
    sized = not known.image_size and spec.image_size != print_.image_size
    seen = (
        f"{count_text(spec.in_chans, 'channel')}, {size} pixels"
        if size
        else f"{count_text(spec.in_chans, 'number')} or tokens"
    )
    return (
        *((f"width {width} inferred from the first layer",) if width and "width" not in known.options else ()),
        *((f"input of {seen}, inferred from the tensors",) if sized else ()),
    )


def check_match(have: Shapes, wanted: Shapes, *, name: str) -> None:
    """Raise MismatchError unless names and shapes are the same: at most five of each kind are listed."""
    missing = [key for key in wanted if key not in have]
    unexpected = [key for key in have if key not in wanted]
    other = [key for key in wanted if key in have and have[key] != wanted[key]]
    if not (missing or unexpected or other):
        return
    if not (missing or unexpected) and _is_shrunk(have, wanted):
        raise MismatchError(
            f"the checkpoint is structurally pruned: '{other[0]}' has shape {have[other[0]]}, '{name}' requires "
            f"{wanted[other[0]]} ({count_text(len(other), 'tensor')} {verb_text(len(other), 'are')} smaller)",
            fix="prunescope takes masked weights in full shapes; give the network before its channels were removed, "
            "or a factory for the small one: --model pkg.mod:factory",
        )
    listings = [_listing("missing", missing), _listing("unexpected", unexpected), _shape_listing(other, have, wanted)]
    raise MismatchError(f"the checkpoint does not fit '{name}': {'; '.join(text for text in listings if text)}")


def _is_shrunk(have: Shapes, wanted: Shapes) -> bool:
    return all(
        len(have[name]) == len(shape) and all(a <= b for a, b in zip(have[name], shape, strict=True))
        for name, shape in wanted.items()
    )


def _listing(kind: str, names: list[str]) -> str:
    more = ", ..." if len(names) > 5 else ""
    return f"{len(names)} {kind} ({', '.join(names[:5])}{more})" if names else ""


def _shape_listing(names: list[str], have: Shapes, wanted: Shapes) -> str:
    if not names:
        return ""
    first = names[0]
    return f"{len(names)} of another shape ('{first}' has {have[first]}, wanted {wanted[first]})"
