"""Name what other libraries write in the place of a checkpoint, and how its weights come out of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prunescope.api.errors import InputError, MismatchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from torch import Tensor

FROM_TORCH = "save the weights of the PyTorch network that it comes from: torch.save(model.state_dict(), path)"

FROM_TENSORFLOW = "copy its weights into a PyTorch network, and save these: torch.save(model.state_dict(), path)"

WHOLE_OF_DCP = "python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER weights.pt"

WHOLE_OF_DEEPSPEED = "python zero_to_fp32.py FOLDER weights, with the script that DeepSpeed put into the folder"

SUFFIXES = {
    ".onnx": ("an ONNX model", FROM_TORCH),
    ".pt2": ("a program of torch.export", FROM_TORCH),
    ".tflite": ("a TensorFlow Lite model", FROM_TENSORFLOW),
    ".keras": ("a Keras model", FROM_TENSORFLOW),
    ".h5": ("a file of Keras", FROM_TENSORFLOW),
    ".pb": ("a graph of TensorFlow", FROM_TENSORFLOW),
    ".index": ("a part of a TensorFlow checkpoint", FROM_TENSORFLOW),
    ".msgpack": ("a checkpoint of Flax", FROM_TENSORFLOW),
    ".distcp": ("a part of a checkpoint of torch.distributed.checkpoint", f"join its parts: {WHOLE_OF_DCP}"),
}
"""How others' files end -> what they are, and what to do; asked only where the bytes are no checkpoint."""

TENSORS = (
    (
        re.compile(r"(^|\.)_?flat_param(eter)?s?(_\d+)?$"),
        "flat parameters of FSDP, without the names and shapes of the network's",
        "save the full weights: torch.distributed.checkpoint.state_dict.get_model_state_dict with full_state_dict=True",
    ),
    (
        re.compile(r"(^|[._])lora_(A|B|up|down|embedding_[AB])([._]|$)"),
        "the low-rank matrices of LoRA beside or without the weights they change",
        "merge them into the network, and save that: model.merge_and_unload().state_dict()",
    ),
    (
        re.compile(r"(_packed_params|\.SCB|\.weight_format|zero_points?|weight_scales?|\.qweight|\.qzeros)$"),
        "quantised weights, as whole numbers with scales",
        "save the network before quantisation, as float32, float16 or bfloat16",
    ),
    (
        re.compile(r"(^|\.)(reparam_conv|rbr_reparam)\."),
        "layers that were fused for inference, where the network of that name has several branches with BatchNorm",
        (
            "give the checkpoint before it was fused (reparameterize_model), or a factory of the fused network: "
            "--model pkg.mod:factory"
        ),
    ),
)
"""Names of tensors -> what they are, and what to do."""

SHARD = re.compile(r"-\d{5}-of-\d{5}\.\w+$")


def refuse_foreign_folder(folder: Path) -> None:
    """Raise InputError for a folder whose weights are scattered over files of another library."""
    names = {path.name for path in folder.iterdir()}
    if ".metadata" in names or any(name.endswith(".distcp") for name in names):
        raise InputError(
            f"folder '{folder}' is a checkpoint of torch.distributed.checkpoint, in parts",
            fix=f"join them: {WHOLE_OF_DCP}",
        )
    if "zero_to_fp32.py" in names or any(name.startswith("global_step") or "_optim_states" in name for name in names):
        raise InputError(
            f"folder '{folder}' is a checkpoint of DeepSpeed, in parts",
            fix=f"join them: {WHOLE_OF_DEEPSPEED}; without ZeRO-3, mp_rank_00_model_states.pt has all weights",
        )
    if "saved_model.pb" in names:
        raise InputError(f"folder '{folder}' is a SavedModel of TensorFlow, not a checkpoint", fix=FROM_TENSORFLOW)


def refuse_foreign_config(config: object, path: Path) -> None:
    """Raise InputError for a config.json of transformers that names a network which timm does not build."""
    if not isinstance(config, dict) or isinstance(config.get("architecture"), str):
        return
    kind = config.get("model_type")
    if isinstance(kind, str) and isinstance(config.get("architectures"), list):
        raise InputError(
            f"'{path}' is of transformers' model type {kind[:80]!r}, which timm does not build",
            fix="name the weights file itself, and a function of yours: --model mine:net, with "
            "AutoModelForImageClassification.from_config(AutoConfig.from_pretrained(FOLDER)) in it",
        )


def refuse_foreign_file(path: Path) -> None:
    """Raise InputError for a file of another library, by how its name ends; for files whose bytes are no checkpoint."""
    what, fix = SUFFIXES.get(path.suffix.lower(), ("", ""))
    if what:
        raise InputError(f"'{path}' is {what}, and none that torch.save wrote", fix=fix)


def explain_names(names: Iterable[str]) -> tuple[str, str] | None:
    """Return what the names of tensors show of another library, and what to do; None where they show nothing.

    >>> explain_names(["layer1._flat_param"])[0].split(",")[0]
    'flat parameters of FSDP'
    """
    found = list(names)
    for pattern, what, fix in TENSORS:
        if any(pattern.search(name) for name in found):
            return what, fix
    return None


def explain_mismatch(state: Mapping[str, Tensor], *, source: str) -> MismatchError | None:
    """Return the error that says why no architecture fits; None where neither tensors nor the file's name show it."""
    found = explain_names(state)
    if found is None and any(tensor.ndim > 1 and not tensor.is_floating_point() for tensor in state.values()):
        found = next((what, fix) for _, what, fix in TENSORS if what.startswith("quantised"))
    if found is not None:
        return MismatchError(f"'{source}' holds {found[0]}", fix=found[1])
    if SHARD.search(source):
        return MismatchError(
            f"'{source}' is one of several shards, which hold the network together",
            fix="give the folder with all shards, or their index (….index.json)",
        )
    return None
