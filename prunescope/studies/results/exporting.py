"""A network as a file of another library: what the export is asked, with its defaults, and what it wrote."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError
from prunescope.runs.place import CheckpointQuestion
from prunescope.runs.recipe import run_of
from prunescope.studies.results.examples import SeenExamples, see_examples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor, nn

    from prunescope.api import Mask
    from prunescope.networks.checkpoints import Checkpoint
    from prunescope.networks.spec import ModelSpec
    from prunescope.runs.place import DataLike, Network
    from prunescope.runs.session import Session


@dataclass(frozen=True, kw_only=True)
class ExportQuestion(CheckpointQuestion):
    """A network, written for another library and loaded back there."""

    network: Network = field(kw_only=False)
    """The network: a path, a run id, or what `train`, `prune` or `retrain` returned."""
    to: str
    """The format: timm, torchvision, hf, onnx, or torch-prune."""
    output: str | Path
    """The file to write, which is replaced where it exists; of hf a folder, which does not exist yet or is empty."""
    data: DataLike | None = None
    """What the network was trained on, which determines the size of images in ONNX; what its run has where None."""


@dataclass(frozen=True, kw_only=True)
class ExportedNetwork:
    """A network that another library loaded."""

    run: str
    """The run (or snapshot) that was exported."""
    path: Path
    load: str
    """The expression that loads it there."""
    difference: float
    """Largest difference of the outputs there over the largest output; NaN where it could not be loaded back here."""
    parameters: int
    """Of the network as exported."""
    compact: bool
    """Whether it is the smaller network, without the channels that were pruned."""
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CardSubject:
    """What the card of an exported network describes."""

    reference: str
    """The run (or snapshot) that is exported."""
    spec: ModelSpec
    mask: Mask | None
    image_size: tuple[int, ...] | None
    """(height, width) of the images of its data, else what it is built for or its file records; None: unknown."""
    registered: bool
    """Whether the architecture is one that `import prunescope.networks` registers with timm."""


def answer_export(
    question: ExportQuestion,
    session: Session,
    *,
    documents: Callable[[CardSubject, Session], Mapping[str, str]] | None = None,
) -> ExportedNetwork:
    """Write a network for another library, and load it back there.

    documents: returns the texts for a folder, by file name.

    Raises:
        UsageError: an unknown format, a wrong suffix, or a place that is taken.
        MismatchError: the other library has no such network, or computes something else.
    """
    from prunescope.networks import checkpoints
    from prunescope.networks.exports import formats
    from prunescope.networks.exports.artefact import ExportSubject
    from prunescope.runs.files.artefacts import check_no_source, write_artefact
    from prunescope.runs.opening import open_network

    chosen, target = formats.find_format(question.to), Path(question.output)
    _check_target(target, chosen.suffixes)
    check_no_source(target, question.network)
    reference = open_network(question.network, session, loading=question.loading, data=question.data)
    checkpoint = session.store.load_weights(reference)
    model = checkpoints.to_model(checkpoint).eval()
    seen = see_examples(question.data, reference, session)
    inputs = _noise(checkpoint.spec) if seen is None else seen.inputs
    preparation = {} if seen is None else seen.preparation
    compact = _compact(reference, checkpoint, session, model=model, inputs=inputs) if chosen.compact else None
    texts = documents(_card_subject(reference, checkpoint, seen), session) if documents and not chosen.suffixes else {}
    subject = ExportSubject(
        checkpoint=checkpoint,
        model=model,
        inputs=inputs,
        compact=compact,
        preparation=preparation,
        documents=texts,
    )
    artefact = formats.make_artefact(question.to, subject)
    difference = write_artefact(target, artefact)
    return ExportedNetwork(
        run=reference,
        path=target,
        load=artefact.load.format(path=str(target)),
        difference=difference,
        parameters=sum(parameter.numel() for parameter in (compact or model).parameters()),
        compact=compact is not None,
        notes=(
            *artefact.notes,
            *(_size_notes(inputs) if seen is None and question.to == "onnx" else ()),
            *(_channel_notes(checkpoint.mask) if chosen.compact and compact is None else ()),
        ),
    )


def _card_subject(reference: str, checkpoint: Checkpoint, seen: SeenExamples | None) -> CardSubject:
    from prunescope.networks.exports.to_hugging_face import recorded_size
    from prunescope.networks.exports.to_timm import registration_notes

    return CardSubject(
        reference=reference,
        spec=checkpoint.spec,
        mask=checkpoint.mask,
        image_size=recorded_size(checkpoint) if seen is None else tuple(seen.inputs.shape[2:]),
        registered=bool(registration_notes(checkpoint.spec)),
    )


def _check_target(target: Path, suffixes: tuple[str, ...]) -> None:
    from prunescope.runs.files.artefacts import check_free

    if suffixes and target.suffix not in suffixes:
        raise UsageError(
            f"--output {target} has the suffix {target.suffix!r}", fix=f"end it in {' or '.join(suffixes)}"
        )
    if not target.absolute().parent.is_dir():
        raise UsageError(
            f"--output {target} is in {target.parent}, which is not a folder", fix="name a folder that exists"
        )
    check_free(target, folder=not suffixes)


def _noise(spec: ModelSpec) -> Tensor:
    """Return two images of noise, always the same, of the size that the network has by default."""
    import torch

    return torch.randn(2, spec.in_chans, *spec.image_size, generator=torch.Generator().manual_seed(0))


def _size_notes(inputs: Tensor) -> tuple[str, ...]:
    size = " x ".join(map(str, inputs.shape[1:]))
    return (f"the data of the network are unknown: the file takes images of {size}; --data names the data",)


def _channel_notes(mask: Mask | None) -> tuple[str, ...]:
    """Return that whole channels are written with the others, where their pruner, which removes them, is unknown."""
    if mask is None or not masks_whole_channels(mask):
        return ()
    return ("whole channels are masked, and are written as zeros: the run of its pruner is exported without them",)


def masks_whole_channels(mask: Mask) -> bool:
    """Whether a mask takes whole channels of its weights, out or in, and nothing else.

    >>> import torch
    >>> from prunescope.api import Mask
    >>> one, two = torch.tensor([[True, False], [True, False]]), torch.tensor([[True, False], [True, True]])
    >>> masks_whole_channels(Mask({"weight": one})), masks_whole_channels(Mask({"weight": two}))
    (True, False)
    """
    return all(map(_keeps_whole_channels, mask.kept.values())) and mask.density < 1


def _keeps_whole_channels(kept: Tensor) -> bool:
    flat = kept.flatten(2) if kept.ndim > 2 else kept.reshape(*kept.shape, 1)
    outputs, inputs = flat.any(dim=(1, 2), keepdim=True), flat.any(dim=(0, 2), keepdim=True)
    return bool((flat == (outputs & inputs)).all())


def _compact(
    reference: str, checkpoint: Checkpoint, session: Session, *, model: nn.Module, inputs: Tensor
) -> nn.Module | None:
    """Return the smaller network that the pruner of this run, or of the run it was retrained from, makes."""
    run = session.read(run_of(reference))
    while run.recipe.step in {"retrain", "rewind", "soup"}:
        run = session.read(run_of(run.recipe.inputs[0]))
    if run.recipe.step != "prune" or checkpoint.mask is None:
        return None
    pruner = session.make_plugin("pruners", run.recipe.plugin, run.recipe.options)
    with pruner.unchanged():
        made: nn.Module | None = pruner.instance.compact_network(model, checkpoint.mask, inputs)
    return made
