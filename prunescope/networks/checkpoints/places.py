"""Where a checkpoint is: a file, a folder with config.json and weights, or a name on the Hugging Face hub."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prunescope.api.errors import InputError
from prunescope.api.regular import read_regular_text
from prunescope.api.wording import count_text
from prunescope.networks.checkpoints.foreign import refuse_foreign_config, refuse_foreign_folder
from prunescope.networks.checkpoints.plain import plain

PREFERRED = ("model.safetensors", "pytorch_model.bin", "pytorch_model.pth", "model.pth")

INDEX = (".safetensors.index.json", ".bin.index.json")
"""How the index of a checkpoint in several files ends (Hugging Face)."""

CHECKPOINT_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".pth.tar")


@dataclass(frozen=True, kw_only=True)
class CheckpointPlace:
    """A weights file, and the config.json that describes its network (empty where there is none)."""

    weights: Path
    config: dict[str, Any] = field(default_factory=dict)
    shards: tuple[Path, ...] = ()
    """The files that hold the parts of the weights, where `weights` is their index."""


def locate(name: str) -> CheckpointPlace:
    """Return the weights file for a path, `local-dir:...` or `hf-hub:...`; InputError where there is none."""
    source, _, rest = name.partition(":")
    if source in {"hf-hub", "hf_hub"}:
        return _from_hub(rest)
    path = Path(rest if source == "local-dir" else name)
    if path.name.endswith(INDEX) and path.is_file():
        return CheckpointPlace(weights=path, shards=_shards(path))
    if not path.is_dir():
        if source == "local-dir":
            raise InputError(f"no folder at '{path}'", fix="check the path")
        return CheckpointPlace(weights=path, config=_config_beside(path))
    return _from_folder(path)


def _config_beside(path: Path) -> dict[str, Any]:
    """Return the config.json beside a weights file where the folder as a whole means that file; else nothing."""
    if not (path.is_file() and path.with_name("config.json").is_file()):
        return {}
    try:
        whole = _from_folder(path.parent)
    except InputError:
        return {}  # the file is named by itself because its config.json is of no use
    return whole.config if whole.weights == path else {}


def _from_folder(folder: Path) -> CheckpointPlace:
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file() and path.name.endswith(CHECKPOINT_SUFFIXES))
    except OSError as error:
        raise InputError(f"cannot read folder '{folder}': {error.strerror}", fix="check the permissions") from error
    config = folder / "config.json"
    described = _read_config(config) if config.is_file() else {}
    preferred = [folder / name for name in PREFERRED if (folder / name).is_file()]
    index = next((path for path in sorted(folder.iterdir()) if path.name.endswith(INDEX)), None)
    if index is not None and not preferred:
        return CheckpointPlace(weights=index, config=described, shards=_shards(index))
    if preferred:
        return CheckpointPlace(weights=preferred[0], config=described)
    refuse_foreign_folder(folder)
    if len(files) == 1:
        return CheckpointPlace(weights=files[0], config=described)
    if not files:
        raise InputError(
            f"folder '{folder}' contains no weights",
            fix=f"wanted a file with the suffix {', '.join(CHECKPOINT_SUFFIXES)}",
        )
    raise InputError(
        f"folder '{folder}' contains {count_text(len(files), 'checkpoint')}",
        fix=f"name one of them, for example '{files[-1]}'",
    )


def _shards(index: Path) -> tuple[Path, ...]:
    """Return the files that an index of Hugging Face names, all of which lie beside it."""
    try:
        parts = json.loads(read_regular_text(index))["weight_map"]
        names = sorted(set(parts.values()))
        inside = all(isinstance(name, str) and Path(name).name == name for name in names)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"'{index}' is not an index of shards: {error!r}", fix="download the folder again") from error
    missing = [name for name in names if not _is_file(index.parent / name)] if inside else names[:1]
    if not names or missing:
        raise InputError(
            f"'{index}' names {count_text(len(names), 'shard')}, and '{str((missing or ['none'])[0])[:200]}' is "
            f"not beside it",
            fix="download all shards into one folder",
        )
    return tuple(index.parent / name for name in names)


def _is_file(path: Path) -> bool:
    """Return whether a file is there; no name that a system refuses is one."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(read_regular_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"cannot read '{path}': {error}", fix="repair it, or name the weights file itself") from error
    refuse_foreign_config(config, path)
    if not isinstance(config, dict) or not isinstance(config.get("architecture"), str):
        raise InputError(
            f"'{path}' names no 'architecture' as timm's do", fix="name the weights file itself, and its --model"
        )
    found: dict[str, Any] = plain(config)
    return found


def _from_hub(name: str) -> CheckpointPlace:
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError

    repository, _, revision = name.partition("@")

    def fetch(file: str) -> Path:
        return Path(huggingface_hub.hf_hub_download(repository, file, revision=revision or None))

    try:
        config = _read_config(fetch("config.json"))
        try:
            return CheckpointPlace(weights=fetch("model.safetensors"), config=config)
        except EntryNotFoundError:
            return CheckpointPlace(weights=fetch("pytorch_model.bin"), config=config)
    except InputError:
        raise
    except Exception as error:  # no network, no such repository, no permission: a dozen types
        raise InputError(
            f"cannot fetch 'hf-hub:{name}': {(str(error).splitlines() or [''])[0][:200] or type(error).__name__}",
            fix="check the name and the network, or download the folder and give its path",
        ) from error
