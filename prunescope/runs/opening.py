"""What a person gives, as steps take it: networks become runs of the study, data become sources of recipes."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from prunescope.api.errors import InputError, MismatchError, UsageError
from prunescope.api.wording import count_text
from prunescope.runs.place import Loading
from prunescope.runs.recipe import run_of

if TYPE_CHECKING:
    from torch import nn

    from prunescope.api import Data
    from prunescope.data.spec import Source
    from prunescope.runs.place import DataLike, Network, Networks
    from prunescope.runs.session import Session

HUB_PREFIXES = ("hf-hub:", "hf_hub:", "local-dir:")

LOADING = Loading()


def open_network(
    network: Network, session: Session, *, loading: Loading = LOADING, data: DataLike | None = None
) -> str:
    """Return the run (or snapshot) of a network; a foreign file or a live network is imported.

    data: what a live network is made for.

    Raises:
        InputError: there is no such file or run.
        MismatchError: the weights do not fit the network.
        UsageError: a live network without data.
    """
    if _is_module(network):
        return import_network(network, session, data)
    found = network if isinstance(network, str | Path) else _run_of(network)
    text, path, store = str(found), Path(found), session.store
    reference = _inside(path, session) if path.exists() else store.resolve(text)
    if reference is None and path.exists():
        _check_one_meaning(text, session)
    if reference is not None:
        _refuse_named_weights(loading.weights, text)
        _keep_again(loading.model, reference, session)
        _note_weights(run_of(reference), session)
        return _with_weights(reference, session)
    if path.exists() or text.startswith(HUB_PREFIXES):
        return _import_file(path if path.exists() else text, session, _named(loading))
    raise InputError(
        f"there is no checkpoint {text!r}: no such file or folder, none of the "
        f"{count_text(len(store.ids()), 'run')} in "
        f"{store.study} has an id that begins so, and it is not an hf-hub: or local-dir: name",
        fix=f"check the path, or see the runs: prunescope results list --study {store.study}",
    )


def open_networks(
    networks: Networks, session: Session, *, loading: Loading = LOADING, data: DataLike | None = None
) -> tuple[str, ...]:
    """Return the runs of several networks; UsageError for one that is given twice."""
    found = tuple(open_network(one, session, loading=loading, data=data) for one in listed(networks))
    if len(set(found)) < len(found):
        raise UsageError("the same checkpoint is given twice", fix="a replica is a different training of the model")
    return found


def listed(networks: Networks) -> list[Network]:
    """Return one network, or several, as a list; replicas that one step returned are one each."""
    if isinstance(networks, Sequence) and not isinstance(networks, str) and not _is_module(networks):
        return [one for given in networks for one in listed(given)]
    if isinstance(networks, str | Path) or _is_module(networks):
        return [cast("Network", networks)]
    runs = getattr(networks, "runs", None)
    return [cast("Network", networks)] if runs is None else list(runs)


def _named(loading: Loading) -> Loading:
    """Return how a checkpoint is read, with the name of the live network that it is loaded into, where one is given."""
    from prunescope.networks import live

    return replace(loading, model=live.keep_network(loading.model)) if _is_module(loading.model) else loading


def _refuse_named_weights(weights: str | None, run: str) -> None:
    if weights not in (None, "ema", "raw"):
        raise UsageError(
            f"--weights got {weights!r}, and the run {run!r} has one set of weights",
            fix="leave it out, or give the checkpoint file",
        )


def _keep_again(model: object, reference: str, session: Session) -> None:
    """Keep a live network, where one is given, under the name that a run of an earlier process has for it."""
    from prunescope.networks import live

    if _is_module(model):
        recorded = session.read(run_of(reference), only=()).facts["model"]
        live.keep_network(model, shape=(recorded["in_chans"], *recorded["image_size"]))


def _is_module(given: object) -> TypeGuard[nn.Module]:
    """Whether something is a live network; torch is loaded already where it is."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(given, torch.nn.Module)


def _run_of(given: object) -> str:
    """Return the run of what a function returned; UsageError for anything else."""
    run = getattr(given, "run", None)
    if not isinstance(run, str):
        raise UsageError(
            f"wanted a network, got {type(given).__name__}",
            fix="give a path, a run id, a torch.nn.Module, or what train, prune or retrain returned",
        )
    return run


def describe_data(data: DataLike, session: Session, *, limit_batches: int | None = None) -> Source:
    """Return the source of data in recipes; data that are objects are kept in this process."""
    from prunescope.data import live, sources
    from prunescope.data.objects import objects_to_data

    if isinstance(data, str | Path):
        return sources.describe(str(data), trust=session.store.trust, limit_batches=limit_batches)
    return live.keep_data(objects_to_data(data), limit_batches=limit_batches)


def open_data(
    data: DataLike | Source | None, references: Sequence[str], session: Session, *, limit_batches: int | None = None
) -> Source:
    """Return the data given, or else those that the first run was made with, checked against the networks.

    Raises:
        UsageError: there is neither.
        MismatchError: the networks of the runs cannot take these data.
    """
    from prunescope.api import CLASSIFICATION
    from prunescope.data import sources
    from prunescope.data.spec import Source
    from prunescope.runs import labels
    from prunescope.runs.seeing import describe_as_trained, exchanged

    inherited = inherited_source(references, session) if data is None else None
    if isinstance(data, Source):
        found = data
    elif isinstance(data, str | Path):
        found = describe_as_trained(str(data), references, session, limit_batches=limit_batches)
    elif data is not None:
        found = describe_data(data, session, limit_batches=limit_batches)
    elif inherited is not None:
        changed = limit_batches is not None and limit_batches != inherited.limit_batches
        trust = session.store.trust
        found = sources.limit_source(inherited, limit_batches, trust=trust) if changed else inherited
    else:
        raise UsageError("the checkpoint does not record the data of its training", fix="give it: --data SPEC")
    opened = sources.open_source(found.to_json(), device="cpu", trust=session.store.trust)
    for reference in references:
        name = data if isinstance(data, str) else found.name
        model = session.read(run_of(reference)).facts.get("model")
        _check_takes(model, opened, who=reference, name=name)
        if model is not None and ":" in model["name"] and opened.objective == CLASSIFICATION:
            labels.check_labels(reference, opened, session, name=name)
    note = exchanged(found, references[0], session) if references else ""
    if note:
        session.note(note)
    return replace(found, fingerprint=opened.fingerprint)


def inherited_source(references: Sequence[str], session: Session) -> Source | None:
    """Return the data set the first run was made with, None where it is unknown."""
    from prunescope.data.spec import Source

    described = session.read(run_of(references[0])).facts.get("data") if references else None
    known = {field.name for field in fields(Source)}
    return Source(**described) if described and set(described) <= known else None


def _import_file(source: Path | str, session: Session, loading: Loading) -> str:
    from prunescope.runs import importing

    text, chosen, model = str(source), loading.weights, cast("str | None", loading.model)
    try:
        run_id = importing.import_checkpoint(source, session.store, weights=chosen, model=model, unsafe=loading.unsafe)
    except MismatchError as error:
        message = error.message if text in error.message else f"{text}: {error.message}"
        raise MismatchError(message, fix=error.fix) from error
    facts = session.read(run_id).facts
    network = facts["model"]
    session.note(
        f"{text}: {network['name']} with {count_text(network['num_classes'], 'class')}, read as {facts['format']}"
    )
    _note_weights(run_id, session)
    return run_id


def _note_weights(run_id: str, session: Session) -> None:
    """Report which weights of a file a run is, and what of the file was not read."""
    notes = session.read(run_id, only=()).facts.get("notes")
    if notes:
        session.note(f"weights: {'; '.join(notes)}")


def import_network(network: Any, session: Session, data: DataLike | None) -> str:  # noqa: ANN401 - nn.Module comes late
    """Keep a live network as a run of the study, and report what a later process cannot do; return its id."""
    from prunescope.data import sources
    from prunescope.runs import importing, live

    if data is None:
        raise UsageError("a live network does not record its data", fix="give data=...")
    source = describe_data(data, session)
    opened = sources.open_source(source.to_json(), device="cpu", trust=session.store.trust)
    run_id = importing.import_live(network, opened, session.store)
    session.note(f"{type(network).__name__}: kept as {run_id}; {live.NETWORK}")
    return run_id


def _check_takes(model: Mapping[str, Any] | None, data: Data, *, who: str, name: str) -> None:
    """Refuse images of other channels or of a size that the network does not take, and more classes than it has.

    A network of the user's may differ.
    """
    from prunescope.networks.inputs import takes_size

    if model is None or (":" in model["name"] and not model["name"].startswith(HUB_PREFIXES)):
        return
    has, takes = (data.in_chans, data.num_classes), (model["in_chans"], model["num_classes"])
    if has[0] != takes[0] or has[1] > takes[1]:
        raise MismatchError(
            f"{model['name']} of {who} is made for {_counted(*takes)}; the images of {name!r} have {_counted(*has)}",
            fix="give the data it was trained on: --data SPEC",
        )
    if len(model["image_size"]) == len(data.image_size) == 2 and not takes_size(model, tuple(data.image_size)):
        (height, width), (seen_height, seen_width) = model["image_size"], data.image_size
        raise MismatchError(
            f"{model['name']} of {who} accepts only images of {width}x{height} pixels; those of {name!r} are seen at "
            f"{seen_width}x{seen_height}",
            fix="leave out image_size after --data, and images are resized to the size of the network",
        )


def _counted(channels: int, classes: int) -> str:
    """Say both numbers.

    >>> _counted(1, 10)
    '1 channel and 10 classes'
    """
    return f"{count_text(channels, 'channel')} and {count_text(classes, 'class')}"


def _inside(path: Path, session: Session) -> str | None:
    """Return the reference of a file of this very study."""
    inside = path.absolute().parent.resolve() == session.store.runs.resolve()
    return path.stem if inside and session.store.has(run_of(path.stem)) else None


def _check_one_meaning(text: str, session: Session) -> None:
    """Raise InputError for a file or folder of the working directory that is called as a run of the study is."""
    run = session.store.resolve(text) if text in session.store.ids() else None
    if run is not None:
        raise InputError(
            f"{text!r} is a file or folder here and a run of {session.store.study}",
            fix=f"give ./{text} for the file, {session.store.path(run)} for the run",
        )


def _with_weights(reference: str, session: Session) -> str:
    if not session.store.weights_path(reference).is_file():
        session.store.load_weights(reference)  # its error names the weights that there are
    return reference
