"""One file of weights that `timm.create_model(name, checkpoint_path=...)` loads strictly."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import timm
from timm.models import is_model, model_entrypoint

from prunescope.api.errors import MismatchError
from prunescope.networks.checkpoints import to_safetensors
from prunescope.networks.exports.artefact import Artefact, ExportSubject
from prunescope.networks.exports.comparison import ANY_NETWORK, compare_outputs, outputs_of
from prunescope.networks.models import needs_image_size
from prunescope.networks.spec import TIMM_SOURCES

if TYPE_CHECKING:
    from pathlib import Path

    from prunescope.networks.spec import ModelSpec


def export_to_timm(subject: ExportSubject) -> Artefact:
    """Return a safetensors file of the weights; the masks are text in its metadata, which timm does not read.

    Raises MismatchError for a network that timm does not have.
    """
    arguments = timm_arguments(subject.checkpoint.spec)
    typed = "".join(f", {name}={value!r}" for name, value in arguments.items())
    return Artefact(
        files={"": b"".join(to_safetensors(subject.checkpoint))},
        load=f"timm.create_model({timm_name(subject.checkpoint.spec)!r}{typed}, checkpoint_path={{path!r}})",
        check=partial(_check_in_timm, subject),
        notes=registration_notes(subject.checkpoint.spec),
    )


def timm_name(spec: ModelSpec) -> str:
    """Return the name of the architecture in timm, without the tag of its weights.

    Prunescope's own small networks are timm's once `prunescope.networks` is imported.
    """
    name = spec.name.partition(".")[0]
    if spec.name.startswith(TIMM_SOURCES) or ":" in spec.name or not is_model(name):
        raise MismatchError(f"timm has no architecture {spec.name!r}", fix=ANY_NETWORK)
    return name


def registration_notes(spec: ModelSpec) -> tuple[str, ...]:
    """Return what must be imported before timm has the architecture: prunescope, for its own small networks."""
    ours = model_entrypoint(timm_name(spec)).__module__.startswith("prunescope.")
    return (f"import prunescope.networks first: it registers {timm_name(spec)} with timm",) if ours else ()


def timm_arguments(spec: ModelSpec) -> dict[str, Any]:
    """Return what `timm.create_model` takes beside the name."""
    sized = {"img_size": list(spec.image_size)} if needs_image_size(spec.name) else {}
    return {"num_classes": spec.num_classes, "in_chans": spec.in_chans, **sized, **spec.options}


def _check_in_timm(subject: ExportSubject, path: Path) -> float:
    spec = subject.checkpoint.spec
    model = timm.create_model(timm_name(spec), checkpoint_path=str(path), **timm_arguments(spec))
    wanted = outputs_of(subject.model, subject.inputs)
    return compare_outputs(outputs_of(model, subject.inputs), wanted, library="timm")
