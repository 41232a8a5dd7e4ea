"""Without the libraries of ONNX the export names what to install."""

from __future__ import annotations

import pytest
import torch

from prunescope.api.errors import UsageError
from prunescope.networks.checkpoints.record import Checkpoint
from prunescope.networks.exports import to_onnx
from prunescope.networks.exports.artefact import ExportSubject
from prunescope.networks.models import ModelSpec

SPEC = ModelSpec(name="mlp", num_classes=2, in_chans=3, image_size=())


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(to_onnx, "find_spec", lambda _name: None)
    given = ExportSubject(
        checkpoint=Checkpoint(spec=SPEC, state={}), model=torch.nn.Linear(3, 2), inputs=torch.zeros(2, 3)
    )
    with pytest.raises(UsageError, match="requires onnx and onnxscript") as raised:
        to_onnx.export_to_onnx(given)
    assert "prunescope[onnx]" in raised.value.fix
