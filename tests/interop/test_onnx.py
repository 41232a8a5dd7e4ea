"""Networks as ONNX, run by onnxruntime: the masked network, and the compact one of whole channels."""

from __future__ import annotations

import pytest
import torch
from wanted import wanted

import prunescope
from prunescope.networks.checkpoints.record import Checkpoint
from prunescope.networks.exports import formats
from prunescope.networks.exports.artefact import ExportSubject
from prunescope.networks.models import ModelSpec, create
from prunescope.runs.files.artefacts import write_artefact

onnxruntime = wanted("onnxruntime")
wanted("onnx")
wanted("onnxscript")

NETWORKS = {"preresnet8": {}, "resnet10t": {}, "vit_tiny_patch16_224": {"depth": 1}}


def run(path, inputs):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(["output"], {"input": inputs.numpy()})[0])


@pytest.mark.parametrize("name", NETWORKS)
def test_onnxruntime_computes_the_same_for_any_number_of_images(name, tmp_path):
    spec = ModelSpec(name=name, num_classes=3, in_chans=3, image_size=(32, 32), options=NETWORKS[name])
    model = create(spec, seed=1).eval()
    checkpoint = Checkpoint(spec=spec, state=model.state_dict())
    given = ExportSubject(checkpoint=checkpoint, model=model, inputs=torch.randn(2, 3, 32, 32))
    artefact = formats.make_artefact("onnx", given)
    assert write_artefact(tmp_path / "a.onnx", artefact) < 1e-4
    for count in (1, 2, 5):
        images = torch.randn(count, 3, 32, 32)
        with torch.no_grad():
            torch.testing.assert_close(run(tmp_path / "a.onnx", images), model(images), rtol=1e-3, atol=1e-4)


def test_the_compact_network_is_exported_where_channels_were_pruned(tmp_path):
    wanted("prunescope_structured")
    small = {"model": "preresnet8", "data": "patches:images=64,test_images=40"}
    dense = prunescope.train(**small, trainer_options={"epochs": 1}, study=tmp_path / "study")
    pruned = prunescope.prune(dense, pruner="channels", density=0.3, study=tmp_path / "study")
    retrained = prunescope.retrain(pruned, trainer_options={"epochs": 1}, study=tmp_path / "study")
    found = prunescope.export(retrained, to="onnx", output=tmp_path / "a.onnx", study=tmp_path / "study")
    network = retrained.networks()[0].eval()
    assert found.found.compact
    assert found.found.parameters < 0.5 * sum(parameter.numel() for parameter in network.parameters())
    masked = prunescope.prune(dense, density=0.3, study=tmp_path / "study")
    whole = prunescope.export(masked, to="onnx", output=tmp_path / "b.onnx", study=tmp_path / "study")
    assert not whole.found.compact
    assert (tmp_path / "a.onnx").stat().st_size < 0.6 * (tmp_path / "b.onnx").stat().st_size
    assert not whole.found.notes
    pruned.save(tmp_path / "c.pt")
    data = {"data": small["data"], "study": tmp_path / "study"}
    file = prunescope.export(tmp_path / "c.pt", to="onnx", output=tmp_path / "c.onnx", **data)
    assert not file.found.compact
    assert any(note.startswith("whole channels are masked, and are written as zeros") for note in file.found.notes)
    images = torch.randn(7, 3, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(run(tmp_path / "a.onnx", images), network(images), rtol=1e-3, atol=1e-4)


def test_the_file_takes_images_of_the_size_of_the_data(tmp_path):
    torch.save(
        create(ModelSpec(name="resnet10t", num_classes=10, in_chans=3, image_size=(224, 224)), seed=1).state_dict(),
        tmp_path / "a.pth",
    )
    given = {"to": "onnx", "model": "resnet10t", "study": tmp_path / "study"}
    small = prunescope.export(
        tmp_path / "a.pth", output=tmp_path / "a.onnx", data="patches:images=64,test_images=40", **given
    )
    assert small.found.notes == ()
    assert run(tmp_path / "a.onnx", torch.randn(3, 3, 8, 8)).shape == (3, 10)
    whole = prunescope.export(tmp_path / "a.pth", output=tmp_path / "b.onnx", **given)
    (note,) = whole.found.notes
    assert note == "the data of the network are unknown: the file takes images of 3 x 176 x 176; --data names the data"
    assert run(tmp_path / "b.onnx", torch.randn(1, 3, 176, 176)).shape == (1, 10)
