"""What the user gave, as the pipeline wants it: checkpoints, data, KEY=VALUE pairs, output files."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from prunescope.api.errors import InputError, MismatchError, UsageError
from prunescope.report.common.console import say
from prunescope.runs.recipe import run_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.api import Data
    from prunescope.cli.terminal.command import Output
    from prunescope.data.spec import Source
    from prunescope.networks.checkpoints import Weights
    from prunescope.report.common.costs import Cost
    from prunescope.runs.store import Store

HUB_PREFIXES = ("hf-hub:", "hf_hub:", "local-dir:")

SUFFIXES = (".pt", ".safetensors")


def open_store(
    study: Path,
    *,
    allowed: Sequence[str] | None = None,
    model: str | None = None,
    data: str | None = None,
) -> Store:
    """Return the store of a study folder, which need not exist yet.

    Its files may name the code that the person typed, now or before: see
    `trusting.trusted_code` for the other arguments.
    """
    from prunescope.runs import trusting
    from prunescope.runs.store import Store

    if study.exists() and not study.is_dir():
        raise UsageError(f"--study {study} is a file", fix="give a folder; it is made when it does not exist")
    return Store(
        study,
        trust=trusting.trusted_code(study, note=say, allowed=allowed, model=model, data=data),
    )


def checkpoint(
    text: str, store: Store, *, weights: str | None = None, model: str | None = None, unsafe: bool = False
) -> str:
    """Return the run (or snapshot) a user means by a path, a run id or its beginning, or a hub name.

    A foreign file is imported into the study. InputError lists what was tried when it is none of these.
    """
    from prunescope.runs import importing

    if weights not in (None, "ema", "raw"):
        raise UsageError(f"--weights got {weights!r}", fix="it wants ema or raw")
    path = Path(text)
    reference = _inside(path, store) if path.exists() else store.resolve(text)
    if reference is not None:
        return _with_weights(reference, store)
    if path.exists() or text.startswith(HUB_PREFIXES):
        source = path if path.exists() else text
        chosen = cast("Weights | None", weights)
        try:
            run_id = importing.import_checkpoint(source, store, weights=chosen, model=model, unsafe=unsafe)
        except MismatchError as error:
            told = error.message if text in error.message else f"{text}: {error.message}"
            raise MismatchError(told, fix=error.fix) from error
        facts = store.read(run_id).facts
        say(f"{text}: {facts['model']['name']} with {facts['model']['num_classes']} classes, read as {facts['format']}")
        return run_id
    raise InputError(
        f"there is no checkpoint {text!r}: no such file or folder, none of the {len(store.ids())} runs in "
        f"{store.study} has an id that begins so, and it is no hf-hub: or local-dir: name",
        fix=f"check the path, or see the runs: prunescope results list --study {store.study}",
    )


def source(text: str | None, references: Sequence[str], store: Store, *, limit_batches: int | None) -> Source:
    """Return the data set a user named, or else the one the first run was made with.

    Raises:
        UsageError: there is neither.
        MismatchError: the networks of the runs cannot take these data.
    """
    from prunescope.data import sources

    inherited = None if text is not None else inherited_source(references, store)
    if text is not None:
        found = sources.describe(text, trust=store.trust, limit_batches=limit_batches)
    elif inherited is not None:
        changed = limit_batches is not None and limit_batches != inherited.limit_batches
        found = replace(inherited, limit_batches=limit_batches, fingerprint="") if changed else inherited
    else:
        raise UsageError("the checkpoint does not say what data it was trained on", fix="say it: --data SPEC")
    data = sources.open_source(found.to_json(), device="cpu", trust=store.trust)
    for reference in references:
        _check_takes(store.read(run_of(reference)).facts.get("model"), data, who=reference, name=text or found.name)
    return replace(found, fingerprint=data.fingerprint)


def _check_takes(model: Mapping[str, Any] | None, data: Data, *, who: str, name: str) -> None:
    """Refuse images of other channels, and more classes than the network knows; a network of the user's may differ."""
    if model is None or (":" in model["name"] and not model["name"].startswith(HUB_PREFIXES)):
        return
    has, takes = (data.in_chans, data.num_classes), (model["in_chans"], model["num_classes"])
    if has[0] != takes[0] or has[1] > takes[1]:
        raise MismatchError(
            f"{model['name']} of {who} is made for {_counted(*takes)}; the images of {name!r} have {_counted(*has)}",
            fix="give the data it was trained on: --data SPEC",
        )


def _counted(channels: int, classes: int) -> str:
    """Say both numbers.

    >>> _counted(1, 10)
    '1 channel and 10 classes'
    """
    return f"{channels} channel{'s' * (channels != 1)} and {classes} class{'es' * (classes != 1)}"


def inherited_source(references: Sequence[str], store: Store) -> Source | None:
    """Return the data set the first run was made with, None where it is unknown."""
    from prunescope.data.spec import Source

    described = store.read(run_of(references[0])).facts.get("data") if references else None
    known = {field.name for field in fields(Source)}
    return Source(**described) if described and set(described) <= known else None


def pairs(option: str, given: Sequence[str] | None) -> dict[str, str]:
    """Return KEY=VALUE texts as a dict.

    >>> pairs("--trainer-option", ["rho=0.1", "adaptive=true"])
    {'rho': '0.1', 'adaptive': 'true'}
    """
    found = {}
    for text in given or ():
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"{option} got {text!r}", fix=f"it wants KEY=VALUE, for example {option} epochs=10")
        found[key.strip().replace("-", "_")] = value.strip()
    return found


def values(option: str, given: Sequence[str] | None) -> dict[str, Any]:
    """Return KEY=VALUE texts as a dict of JSON values.

    >>> values("--model-option", ["width=0.5", "act_layer=swish"])
    {'width': 0.5, 'act_layer': 'swish'}
    """
    return {key: value(text) for key, text in pairs(option, given).items()}


def value(text: str) -> Any:  # noqa: ANN401 - a JSON value, or the text itself
    """Return a text as the JSON value it is, or as it stands.

    >>> value("0.5"), value("true"), value("swish")
    (0.5, True, 'swish')
    """
    try:
        return json.loads(text)
    except ValueError:
        return text


def numbers(option: str, given: Sequence[str]) -> tuple[float, ...]:
    """Return comma-separated numbers, of one or several options of a kind.

    >>> numbers("--density", ["0.05,0.1", "0.5"])
    (0.05, 0.1, 0.5)
    """
    try:
        return tuple(float(item) for text in given for item in text.split(",") if item.strip())
    except ValueError as error:
        raise UsageError(f"{option} got {','.join(given)!r}", fix=f"it wants numbers: {option} 0.05,0.1") from error


def whole_numbers(option: str, text: str) -> tuple[int, ...]:
    """Return comma-separated whole numbers, at least 1.

    >>> whole_numbers("--snapshots", "10,20")
    (10, 20)
    """
    found = numbers(option, [text])
    if not found or any(number < 1 or number != int(number) for number in found):
        raise UsageError(f"{option} got {text!r}", fix=f"it wants whole numbers from 1: {option} 10,20")
    return tuple(int(number) for number in found)


def check_output(path: Path | None, suffixes: Sequence[str] = SUFFIXES, *, option: str = "--output") -> None:
    """Raise UsageError, before anything is computed, for a file that cannot be written or is of no known kind."""
    if path is None:
        return
    if path.suffix not in suffixes:
        raise UsageError(f"{option} {path} has the suffix {path.suffix!r}", fix=f"end it in {' or '.join(suffixes)}")
    if path.is_dir() or not path.absolute().parent.is_dir():
        reason = "is a folder" if path.is_dir() else f"is in {path.parent}, which is no folder"
        raise UsageError(f"{option} {path} {reason}", fix="name a file in a folder that exists")


def _inside(path: Path, store: Store) -> str | None:
    """Return the reference of a file of this very study."""
    inside = path.absolute().parent.resolve() == store.runs.resolve()
    return path.stem if inside and store.has(run_of(path.stem)) else None


def _with_weights(reference: str, store: Store) -> str:
    if not store.weights_path(reference).is_file():
        store.load_weights(reference)  # its error says which weights there are
    return reference


def shown(cost: Cost, *, as_json: bool) -> Output:
    """Return what --dry-run prints: the plan for a person, and its table or JSON on stdout."""
    from prunescope.cli.terminal.command import Output

    if as_json:
        return Output(text=cost.to_json())
    for line in cost.lines():
        say(line)
    return Output(text=cost.table())
