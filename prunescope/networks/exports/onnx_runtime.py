"""A network as onnxruntime runs it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import torch

from prunescope.api.errors import UsageError
from prunescope.networks.exports.comparison import compare_outputs, outputs_of
from prunescope.networks.exports.to_onnx import INSTALL, NEEDED, RUNTIME, onnx_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn


def require_onnxruntime() -> None:
    """Raise UsageError, with the command that installs it, where a library of the extra is missing."""
    missing = [name for name in (*NEEDED, RUNTIME) if find_spec(name) is None]
    if missing:
        raise UsageError(f"a latency in {RUNTIME} requires {', '.join(missing)}", fix=INSTALL)


def checked_call(model: nn.Module, inputs: Tensor) -> Callable[[], object]:
    """Return a call of the exported network on the inputs, on the CPU with as many threads as torch has.

    Raises UsageError where torch cannot export the network, MismatchError where its outputs differ.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    examples = inputs if len(inputs) > 1 else torch.cat([inputs, inputs])  # torch.export takes 1 for a constant
    session = onnxruntime.InferenceSession(onnx_bytes(model, examples), options, providers=["CPUExecutionProvider"])
    (name,) = [one.name for one in session.get_inputs()]
    given = {name: inputs.contiguous().numpy()}
    compare_outputs(torch.from_numpy(session.run(None, given)[0]), outputs_of(model, inputs), library=RUNTIME)
    return lambda: session.run(None, given)
