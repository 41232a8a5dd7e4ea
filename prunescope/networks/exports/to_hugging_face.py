"""A folder as the Hugging Face Hub keeps networks of timm: weights, config.json, a card; and the masks."""

from __future__ import annotations

import json
from functools import partial
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import timm

from prunescope.api.errors import MismatchError
from prunescope.networks.checkpoints import to_safetensors
from prunescope.networks.checkpoints.tensors import safetensors_parts
from prunescope.networks.exports.artefact import Artefact, ExportSubject
from prunescope.networks.exports.comparison import compare_outputs, outputs_of
from prunescope.networks.exports.to_timm import registration_notes, timm_arguments, timm_name
from prunescope.networks.models import needs_image_size

if TYPE_CHECKING:
    from pathlib import Path

    from prunescope.networks.checkpoints import Checkpoint

WEIGHTS, CONFIG, MASKS = "model.safetensors", "config.json", "masks.safetensors"


def export_to_hugging_face(subject: ExportSubject) -> Artefact:
    """Return the files that `timm.create_model("local-dir:...", pretrained=True)` loads, and the masks as bool tensors.

    On the Hub the same folder is "hf-hub:...". Raises MismatchError for a network that timm does not have.
    """
    checkpoint, mask = subject.checkpoint, subject.checkpoint.mask
    files = {WEIGHTS: b"".join(to_safetensors(checkpoint)), CONFIG: _config_text(subject).encode()}
    if mask is not None:
        files[MASKS] = b"".join(safetensors_parts(mask.kept, {"format": "pt"}))
    files |= {name: text.encode() for name, text in subject.documents.items()}
    return Artefact(
        files=files,
        load="timm.create_model('local-dir:' + {path!r}, pretrained=True)",
        check=partial(_check_folder, subject),
        notes=registration_notes(checkpoint.spec),
    )


def _config_text(subject: ExportSubject) -> str:
    """Return config.json in timm's keys; without `first_conv`, so that timm takes the stem as it is."""
    spec, arguments = subject.checkpoint.spec, timm_arguments(subject.checkpoint.spec)
    config: dict[str, Any] = {
        "architecture": timm_name(spec),
        "num_classes": spec.num_classes,
        "model_args": {name: value for name, value in arguments.items() if name != "num_classes"},
        "pretrained_cfg": {
            "num_classes": spec.num_classes,
            **_transforms(subject.checkpoint),
            **subject.preparation,
        },
    }
    return json.dumps(config, indent=2, sort_keys=True) + "\n"


def _transforms(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return how images are prepared, in timm's keys, where the file records it.

    A network that takes any size has none of its own: the default of its architecture is no size of these images.
    """
    known = {name: (checkpoint.data or {}).get(name) for name in ("interpolation", "crop_pct", "crop_mode")}
    found = {name: value for name, value in known.items() if value is not None}
    size = recorded_size(checkpoint)
    if size is not None:
        found["input_size"] = [checkpoint.spec.in_chans, *size]
    if checkpoint.normalization is None:
        return found
    mean, std = checkpoint.normalization
    return found | {"mean": list(mean), "std": list(std)}


def recorded_size(checkpoint: Checkpoint) -> tuple[int, ...] | None:
    """Return the size of images that a network is built for, else the one its file records; None: neither is known."""
    if needs_image_size(checkpoint.spec.name):
        return checkpoint.spec.image_size
    recorded: Any = (checkpoint.data or {}).get("image_size")
    return None if recorded is None else tuple(recorded)


def _check_folder(subject: ExportSubject, path: Path) -> float:
    try:
        model = timm.create_model(f"local-dir:{path}", pretrained=True)
    except (NameError, UnpicklingError) as error:  # timm 1.0.16 reads no safetensors from a folder
        raise MismatchError(
            f"timm {timm.__version__} cannot read the folder: {error}", fix="upgrade timm: pip install -U timm"
        ) from error
    wanted = outputs_of(subject.model, subject.inputs)
    return compare_outputs(outputs_of(model, subject.inputs), wanted, library="timm, from the folder")
