"""Load any checkpoint a practitioner has: the one way in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from timm.models import is_model

from prunescope.api import Mask
from prunescope.api.errors import InputError, MismatchError, PrunescopeError
from prunescope.api.trust import NOTHING
from prunescope.api.wording import count_text, percent, verb_text
from prunescope.networks.checkpoints import grids, knobs, neighbours, transforms
from prunescope.networks.checkpoints.chosen_weights import take_weights
from prunescope.networks.checkpoints.fingerprints import shapes
from prunescope.networks.checkpoints.finite import check_finite
from prunescope.networks.checkpoints.foreign import explain_mismatch
from prunescope.networks.checkpoints.layouts import FileLayout, refuse_missing_choice
from prunescope.networks.checkpoints.matching import KnownNetwork, Match, fit_state
from prunescope.networks.checkpoints.names import fold_pruning, strip_wrappers
from prunescope.networks.checkpoints.own import is_own, unpack
from prunescope.networks.checkpoints.pickled import refuse_other_network
from prunescope.networks.checkpoints.places import CheckpointPlace, locate
from prunescope.networks.checkpoints.reading import Content, read_content
from prunescope.networks.checkpoints.record import Checkpoint
from prunescope.networks.checkpoints.search import hinted_names, search
from prunescope.networks.checkpoints.twins import find_twins
from prunescope.networks.constructors import sifted
from prunescope.networks.layers import choose_prunable
from prunescope.networks.masks import infer
from prunescope.networks.models import RESERVED, create, prunable

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from prunescope.api.trust import Trust
    from prunescope.networks.checkpoints.sniffing import Kind
    from prunescope.networks.models import JSON

ZEROS = 0.01
"""From this share of exact zeros among the prunable weights on they are taken for a mask; training leaves a few too."""


def load_checkpoint(  # the one function everybody calls: each argument is an option of the command line
    path: Path | str,
    *,
    weights: str | None = None,
    model: str | None = None,
    options: Mapping[str, JSON] | None = None,
    image_size: tuple[int, int] | None = None,
    unsafe: bool = False,
    trust: Trust = NOTHING,
) -> Checkpoint:
    """Return the checkpoint at a path, in a folder, or under timm's `local-dir:` and `hf-hub:` names.

    weights: "ema", "raw", or the name of a set of weights in the file; None takes EMA weights where there are any.
    model: the architecture, where the file does not have it or has it wrong; with `options` for its constructor.
    image_size: the input's (height, width), where it is known. unsafe: let the file execute code while it is read.
    trust: names of networks of one's own ("pkg.mod:factory") that the file may ask for; `model` is one of them.

    Raises:
        InputError: nothing there, unreadable, damaged, something else, unsafe, with NaN in its weights, or naming code.
        UsageError: an unknown `model`, or `weights` that the file does not have.
        MismatchError: a single tensor that does not fit the architecture.
    """
    place = locate(str(path))
    content = _read_parts(place, unsafe=unsafe) if place.shards else read_content(place.weights, unsafe=unsafe)
    source = str(place.weights)
    if is_own(content):
        own = unpack(content, source=source, trust=trust.also([model] if model else []))
        check_finite(own.state, source=source)
        refuse_missing_choice(weights, found="raw", source=source)
        if model in {None, own.spec.name}:
            return own
        layout = FileLayout(state=dict(own.state), format=own.format)
    else:
        layout = take_weights(content.value, weights=weights, source=source)
        if content.kind == "safetensors":
            layout = replace(layout, format="safetensors")
    facts = _gather(place, layout)
    known = _known(facts, place, layout, prefer="raw" if weights == "raw" else "ema")
    if image_size:
        known = replace(known, image_size=image_size)
    if model:
        known = replace(known, name=model, options=options or {}, notes=())
    return replace(_assemble(layout, facts, known, source=source), sha256=content.sha256)


def _read_parts(place: CheckpointPlace, *, unsafe: bool) -> Content:
    """Return the tensors of all shards as the content of one file; InputError where two shards hold one tensor."""
    value: dict[str, Any] = {}
    digest = hashlib.sha256()
    kind: Kind = "safetensors"
    for path in place.shards:
        part = read_content(path, unsafe=unsafe)
        if not isinstance(part.value, Mapping) or value.keys() & part.value.keys():
            raise InputError(f"'{path}' is not a shard: another one holds the same", fix="download the folder again")
        value |= part.value
        digest.update(part.sha256.encode())
        kind = part.kind
    return Content(kind=kind, value=value, sha256=digest.hexdigest())


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the file, its folder and its config.json hold beside the weights."""

    settings: dict[str, Any]
    """The training program's arguments."""
    training: knobs.TrainingFacts
    data: dict[str, JSON] | None
    config: dict[str, Any] = field(default_factory=dict)
    """timm's config.json."""
    beside: bool = False
    """Whether other files than the weights hold a part of it."""
    notes: tuple[str, ...] = ()


def _gather(place: CheckpointPlace, layout: FileLayout) -> Facts:
    folder = place.weights.parent
    settings = knobs.arguments(layout.beside)
    source = f"checkpoint's {knobs.arguments_key(layout.beside) or 'settings'}"
    notes: tuple[str, ...] = ()
    if not settings:
        settings = neighbours.read_arguments(folder)
        source = "args.yaml" if settings else source
        notes = ("training settings read from args.yaml beside the file",) if settings else ()
    training = knobs.read_training(settings, layout.beside)
    epochs = training.options.get("epochs")
    config = dict(place.config)
    if not settings and config:
        source = "config.json"
    beside = {key: layout.beside[key] for key in transforms.CLASSES if key in layout.beside}
    about_data = {**_mapping(layout.beside.get("datamodule_hyper_parameters")), **beside} | (
        settings or {**config, **_mapping(config.get("pretrained_cfg"))}
    )
    preparation = neighbours.read_preprocessor(folder)
    timm_name = str(settings.get("model", "")) if "lr_base" in settings or layout.format == "timm" else ""
    return Facts(
        settings=settings,
        training=training,
        data=transforms.read_data(about_data, timm_name=timm_name, source=source, preparation=preparation),
        config=config,
        beside=bool(config or preparation) or source == "args.yaml",
        notes=(*notes, *training.notes, *neighbours.summary_notes(folder, epochs if isinstance(epochs, int) else None)),
    )


def _known(facts: Facts, place: CheckpointPlace, layout: FileLayout, *, prefer: str) -> KnownNetwork:
    """Collect the names of the network: config.json first, then the arguments, then `arch`, then names of files."""
    config = {**_mapping(facts.config.get("pretrained_cfg")), **facts.config}
    given = [
        config.get("architecture"),
        *(facts.settings.get(key) for key in ("model", "arch", "model_name", "architecture", "backbone")),
        layout.beside.get("arch"),
    ]
    names = [name for name in given if isinstance(name, str) and name]
    certain = [name for name in names if is_model(name.partition(".")[0])]
    said_options = {
        **_of_train_script(facts.settings),
        **(_mapping(facts.config.get("model_args")) or _mapping(facts.settings.get("model_kwargs"))),
    }
    asked = {name: value for name, value in said_options.items() if name not in RESERVED}
    options, unknown = sifted(certain[0], asked) if certain else ({}, tuple(sorted(asked)))
    return KnownNetwork(
        name=certain[0] if certain else "",
        hints=(*names, place.weights.name.removesuffix(place.weights.suffix), place.weights.resolve().parent.name),
        options=options,
        notes=(f"options that the network does not take left out: {', '.join(unknown[:5])}",) if unknown else (),
        num_classes=_positive(config.get("num_classes"), facts.settings.get("num_classes")),
        in_chans=_positive(facts.settings.get("in_chans")),
        image_size=transforms.image_size(facts.settings) or transforms.image_size({**config, **said_options}),
        prefer=prefer,
    )


def _of_train_script(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what timm's train.py hands to the constructor beside model_kwargs, as far as it changes the output.

    Copies of it have arguments for the sizes of patches and windows too.
    """
    given = {name: settings[name] for name in grids.GRID_OPTIONS if settings.get(name)}
    if "lr_base" not in settings:
        return given
    names = {"global_pool": "gp", "bn_eps": "bn_eps", "bn_momentum": "bn_momentum"}
    return given | {ours: settings[theirs] for ours, theirs in names.items() if settings.get(theirs) is not None}


def _mapping(value: object) -> dict[str, Any]:
    """Return a mapping with names for keys; empty for anything else."""
    return {name: item for name, item in value.items() if isinstance(name, str)} if isinstance(value, Mapping) else {}


def _positive(*values: object) -> int | None:
    return next((value for value in values if isinstance(value, int) and value > 0), None)


def _assemble(layout: FileLayout, facts: Facts, known: KnownNetwork, *, source: str) -> Checkpoint:
    named = strip_wrappers(layout.state)
    folded = fold_pruning(named.state)
    check_finite(folded.state, source=source)
    match = _match_or_explain(folded.state, known, source=source)
    if layout.module is not None:
        refuse_other_network(layout.module, match, source=source)
    state, mask, notes = _finish(match, folded.masks)
    per_channel = transforms.normalization(facts.data)
    return Checkpoint(
        spec=match.spec,
        state=state,
        mask=mask,
        knobs=facts.training.knobs,
        training=facts.training.options,
        notes=(*layout.notes, *named.notes, *folded.notes, *known.notes, *match.notes, *notes, *facts.notes),
        format="timm folder" if facts.config else layout.format,
        settings_beside=facts.beside,
        data=facts.data,
        normalization=per_channel if per_channel and len(per_channel[0]) == match.spec.in_chans else None,
    )


def _match_or_explain(state: Mapping[str, Tensor], known: KnownNetwork, *, source: str) -> Match:
    try:
        return _match(state, known, source=source)
    except MismatchError as error:
        explained = explain_mismatch(state, source=source)
        if explained is None:
            raise
        raise explained from error


def _match(state: Mapping[str, Tensor], known: KnownNetwork, *, source: str) -> Match:
    if known.name:
        try:
            return fit_state(state, known)
        except MismatchError as error:
            inferred = _fit_other_grid(state, known)
            if inferred is not None:
                return inferred
            if "structurally" in error.message:
                raise
            found = search(state, known)
            raise MismatchError(error.message, fix=_advice(found.match, found.nearest)) from error
    found = search(state, known)
    if found.match is None:
        raise MismatchError(
            f"'{source}' does not name its architecture, and no tried one fits all of its "
            f"{count_text(len(state), 'tensor')}",
            fix=_of_torchvision(known.hints) or _advice(None, found.nearest),
        )
    name = found.match.spec.name
    origin = "named by the file" if name in hinted_names(known.hints) else "found by names and shapes of its tensors"
    note = f"architecture '{name}' {origin}; set --model if this is wrong"
    twins = find_twins(found.match.spec, found.match.state)
    others = f"of the same names and shapes, and computing something else (--model): {', '.join(twins)}"
    return replace(found.match, notes=(note, *((others,) if twins else ()), *found.match.notes))


def _fit_other_grid(state: Mapping[str, Tensor], known: KnownNetwork) -> Match | None:
    """Fit a transformer of other patches or windows than its name or the file says, where the tensors show them."""
    taken, _ = sifted(known.name, grids.infer_grid(shapes(state)))
    other = {name: value for name, value in taken.items() if known.options.get(name) != value}
    if not other:
        return None
    try:
        match = fit_state(state, replace(known, options={**known.options, **other}))
    except PrunescopeError:
        return None
    words = " and ".join(f"{name} {value}" for name, value in other.items())
    return replace(match, notes=(f"{words} inferred from the tensors", *match.notes))


def _of_torchvision(hints: Sequence[str]) -> str:
    """Return how to name a network of torchvision that the file names, and that timm does not have; else nothing."""
    from torchvision.models import list_models

    named = sorted(set(list_models()).intersection(hints))
    return f"the file names '{named[0]}' of torchvision: give --model torchvision.models:{named[0]}" if named else ""


def _advice(match: Match | None, nearest: tuple[tuple[str, float], ...]) -> str:
    if match is not None:
        return f"all tensors fit '{match.spec.name}': --model {match.spec.name}"
    names = ", ".join(f"'{name}' ({percent(share)} of the tensors fit)" for name, share in nearest if share > 0)
    return f"nearest in timm: {names or 'none'}; for your own network give --model pkg.mod:factory"


def _finish(match: Match, masks: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Mask | None, tuple[str, ...]]:
    """Bring the tensors to the network's types, and find its mask."""
    network = create(match.spec, seed=0)
    own = network.state_dict()
    _refuse_quantised(match.state, own)
    state = {name: tensor.to(own[name].dtype) for name, tensor in match.state.items()}
    other = sorted({str(tensor.dtype) for name, tensor in match.state.items() if tensor.dtype != own[name].dtype})
    types = (f"{', '.join(other)} converted to the network's types",) if other else ()
    prefix = _mask_prefix(masks, state)
    kept = {name.removeprefix(prefix): tensor for name, tensor in masks.items()}
    usual, weights = list(prunable(network)), list(prunable(network, linear=True))
    if any(name in kept for name in weights):
        names = [name for name in weights if name in kept or name in usual]
        return state, Mask({n: kept.get(n, torch.ones_like(state[n], dtype=torch.bool)) for n in names}), types
    mask, notes = infer_mask(network, state)
    return state, mask, (*types, *notes)


def infer_mask(network: nn.Module, state: Mapping[str, Tensor]) -> tuple[Mask | None, tuple[str, ...]]:
    """Return the mask that exact zeros show, of the usual prunable weights and of other layers that were pruned.

    Raises InputError where all of these weights are zero.
    """
    usual, every = list(prunable(network)), choose_prunable(network, linear=True)
    mask, notes = _infer_mask(state, [name for name in every.weights if name in usual or _has_zeros(state[name])])
    if mask is not None and any(name in every.computed for name in mask.kept):
        return None, ("zeros are not a mask here: some layers multiply by other numbers than they store",)
    return mask, notes


def _refuse_quantised(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> None:
    """Raise InputError where whole numbers stand for weights: their scale is not known."""
    for name, tensor in state.items():
        if own[name].is_floating_point() and not tensor.is_floating_point():
            raise InputError(
                f"tensor '{name}' has the type {tensor.dtype}: quantised weights, without their scale",
                fix="save the network before quantisation, as float32, float16 or bfloat16",
            )


def _mask_prefix(masks: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
    """Return what comes before the network's names in the masks' names."""
    for name in masks:
        for end in [0, *(index + 1 for index, character in enumerate(name) if character == ".")]:
            if name[end:] in state:
                return name[:end]
    return ""


def _has_zeros(weight: Tensor) -> bool:
    """Whether so many weights of a layer are exactly zero, and others are not, that it was pruned."""
    zeros = int((weight == 0).sum())
    return ZEROS * weight.numel() <= zeros < weight.numel()


def _infer_mask(state: Mapping[str, Tensor], names: list[str]) -> tuple[Mask | None, tuple[str, ...]]:
    mask = infer(state, names) if names else None
    if mask is None:
        return None, ()
    zeros = mask.n_weights - mask.n_kept
    if zeros < ZEROS * mask.n_weights:
        return None, (
            (
                f"{zeros} of {count_text(mask.n_weights, 'prunable weight')} {verb_text(zeros, 'are')} exactly zero: "
                f"too few for a mask"
            ),
        )
    if mask.n_kept == 0:
        raise InputError("all prunable weights are zero", fix="give a trained network")
    return mask, (f"mask inferred from exact zeros: density {mask.density:.4f} ({mask.n_kept} of {mask.n_weights})",)
