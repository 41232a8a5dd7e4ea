"""The formats that a network is exported to, by name; none of their libraries is imported here."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from prunescope.networks.exports.artefact import Artefact, ExportSubject


@dataclass(frozen=True, kw_only=True)
class ExportFormat:
    """One format."""

    suffixes: tuple[str, ...]
    """What its file ends in; () for a folder."""
    function: str
    """The function of an ExportSubject, as "module:name" in this package."""
    compact: bool = False
    """Whether the compact network is exported where the pruner makes one."""


FORMATS = {
    "timm": ExportFormat(suffixes=(".safetensors",), function="to_timm:export_to_timm"),
    "torchvision": ExportFormat(suffixes=(".pth", ".pt"), function="to_torchvision:export_to_torchvision"),
    "hf": ExportFormat(suffixes=(), function="to_hugging_face:export_to_hugging_face"),
    "onnx": ExportFormat(suffixes=(".onnx",), function="to_onnx:export_to_onnx", compact=True),
    "torch-prune": ExportFormat(suffixes=(".pt", ".pth"), function="to_torch_prune:export_to_torch_prune"),
}


def find_format(name: str) -> ExportFormat:
    """Return a format; UsageError where there is none of that name."""
    if name not in FORMATS:
        raise UsageError(f"--to got {name!r}", fix=f"it requires one of: {', '.join(FORMATS)}")
    return FORMATS[name]


def make_artefact(name: str, subject: ExportSubject) -> Artefact:
    """Return the files of a network in a format, not written yet; what the format's function raises."""
    module, _, function = find_format(name).function.partition(":")
    made: Artefact = getattr(import_module(f"prunescope.networks.exports.{module}"), function)(subject)
    return made
