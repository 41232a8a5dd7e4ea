"""One ONNX file with any number of images, run by onnxruntime before it takes its name."""

from __future__ import annotations

import copy
import io
import warnings
from contextlib import redirect_stdout
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

import torch

from prunescope.api.errors import UsageError
from prunescope.networks.exports.artefact import Artefact, ExportSubject
from prunescope.networks.exports.comparison import OTHER_FORMAT, compare_outputs, outputs_of

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

NEEDED = ("onnx", "onnxscript")

RUNTIME = "onnxruntime"

INSTALL = "pip install 'prunescope[onnx]'"

NOT_RUN = f"the file was not run: {RUNTIME} is not installed ({INSTALL})"


def export_to_onnx(subject: ExportSubject) -> Artefact:
    """Return the network, the compact one where there is one, with an input "input" and an output "output".

    Zeros of a mask are stored and multiplied like other weights.

    Raises UsageError where onnx is not installed, or torch cannot export the network.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(f"the export to ONNX requires {' and '.join(missing)}", fix=INSTALL)
    checked = find_spec(RUNTIME) is not None
    return Artefact(
        files={"": onnx_bytes(subject.compact or subject.model, subject.inputs)},
        load="onnxruntime.InferenceSession({path!r})",
        check=partial(_check_in_onnxruntime, subject) if checked else lambda _path: float("nan"),
        notes=() if checked else (NOT_RUN,),
    )


def onnx_bytes(model: nn.Module, inputs: Tensor) -> bytes:
    """Return a network in eval mode as ONNX, for batches of any size; UsageError where torch cannot export it."""
    plain = copy.deepcopy(model).eval().to(memory_format=torch.contiguous_format)
    batch = torch.export.Dim("batch", min=1)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):  # the exporter prints its stages
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                plain,
                (inputs.contiguous(),),
                dynamo=True,
                input_names=["input"],
                output_names=["output"],
                dynamic_shapes=({0: batch},),
            )
            content: bytes = cast("Any", program).model_proto.SerializeToString()
    except Exception as error:  # whatever the exporter raises for an operation it does not support
        raise UsageError(
            f"torch cannot export the network to ONNX: {str(error).partition(chr(10))[0][:200]}", fix=OTHER_FORMAT
        ) from error
    return content


def run_onnx(path: Path, inputs: Tensor) -> Tensor:
    """Return what onnxruntime computes on the CPU from a file."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (name,) = [one.name for one in session.get_inputs()]
    return torch.from_numpy(session.run(None, {name: inputs.contiguous().numpy()})[0])


def _check_in_onnxruntime(subject: ExportSubject, path: Path) -> float:
    inputs = torch.cat([subject.inputs, subject.inputs.flip(0)])[: 2 * len(subject.inputs) - 1]  # another batch size
    return compare_outputs(run_onnx(path, inputs), outputs_of(subject.model, inputs), library=RUNTIME)
