"""Networks as files of other libraries, each loaded back there by that library's own call."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import safetensors.torch
import timm
import torch
import torchvision
from huggingface_hub import ModelCard
from torch.nn.utils import prune

from prunescope.api.errors import MismatchError, StoreError, UsageError
from prunescope.networks import checkpoints
from prunescope.networks.checkpoints.record import Checkpoint
from prunescope.networks.exports import formats, to_torch_prune
from prunescope.networks.exports.artefact import Artefact, ExportSubject
from prunescope.networks.masks import apply, keep_largest
from prunescope.networks.models import ModelSpec, create, prunable
from prunescope.runs.files.artefacts import write_artefact

SIZE = (16, 16)

RESNET = ModelSpec(name="resnet10t", num_classes=3, in_chans=3, image_size=SIZE)

GREY = ModelSpec(name="preresnet8", num_classes=3, in_chans=1, image_size=SIZE, options={"width": 0.25})

VIT = ModelSpec(name="vit_tiny_patch16_224", num_classes=3, in_chans=3, image_size=SIZE, options={"depth": 1})

SHUFFLE = ModelSpec(name="torchvision.models:shufflenet_v2_x0_5", num_classes=3, in_chans=3, image_size=SIZE)


def subject(spec, *, masked=True, documents=None):
    """Return a network with statistics that are not those of a fresh one, and two examples."""
    model, draw = create(spec, seed=1), torch.Generator().manual_seed(2)
    model.train()(torch.randn(8, spec.in_chans, *SIZE, generator=draw))
    weights = prunable(model)
    mask = keep_largest({n: w.detach().abs() for n, w in weights.items()}, 0.3, scope="global") if masked else None
    if mask is not None:
        apply(model, mask)
    inputs = torch.randn(2, spec.in_chans, *SIZE, generator=draw)
    checkpoint = Checkpoint(spec=spec, state=model.state_dict(), mask=mask, normalization=((0.4,), (0.2,)))
    return ExportSubject(checkpoint=checkpoint, model=model.eval(), inputs=inputs, documents=documents or {})


def exported(to, path, given):
    artefact = formats.make_artefact(to, given)
    return write_artefact(path, artefact), artefact


def same(model, given):
    with torch.no_grad():
        assert torch.equal(model.eval()(given.inputs), given.model(given.inputs))


@pytest.mark.parametrize("spec", [RESNET, GREY, VIT], ids=lambda spec: spec.name)
def test_timm_loads_its_file_strictly(spec, tmp_path):
    given, path = subject(spec), tmp_path / "a.safetensors"
    difference, artefact = exported("timm", path, given)
    assert difference == 0
    model = eval(artefact.load.format(path=str(path)), {"timm": timm})  # noqa: S307 - what a person is told to type
    same(model, given)
    again = checkpoints.load_checkpoint(path)
    assert again.spec == spec
    assert all(torch.equal(again.mask.kept[name], kept) for name, kept in given.checkpoint.mask.kept.items())


READS_FOLDERS = pytest.mark.skipif(timm.__version__ == "1.0.16", reason="timm 1.0.16 reads no safetensors of a folder")


@READS_FOLDERS
@pytest.mark.parametrize("spec", [RESNET, GREY, VIT], ids=lambda spec: spec.name)
def test_timm_loads_the_folder_of_hugging_face(spec, tmp_path):
    given, path = subject(spec, documents={"README.md": "---\nlibrary_name: timm\n---\n# a\n"}), tmp_path / "folder"
    difference, artefact = exported("hf", path, given)
    assert difference == 0
    same(eval(artefact.load.format(path=str(path)), {"timm": timm}), given)  # noqa: S307 - the same
    assert sorted(file.name for file in path.iterdir()) == [
        "README.md", "config.json", "masks.safetensors", "model.safetensors",
    ]  # fmt: skip
    masks = safetensors.torch.load_file(path / "masks.safetensors")
    assert all(torch.equal(masks[name], kept) for name, kept in given.checkpoint.mask.kept.items())
    assert json.loads((path / "config.json").read_text())["pretrained_cfg"]["mean"] == [0.4]
    assert ModelCard.load(path / "README.md").data.library_name == "timm"
    again = checkpoints.load_checkpoint(path)
    assert (again.spec.num_classes, again.mask.n_kept) == (3, given.checkpoint.mask.n_kept)


def test_a_timm_that_reads_no_folder_is_an_error_that_names_it(tmp_path, monkeypatch):
    def read(*_given, **_options):
        raise NameError("name 'names' is not defined")  # as timm 1.0.16

    given = subject(GREY)
    monkeypatch.setattr(timm, "create_model", read)
    with pytest.raises(MismatchError, match=f"timm {timm.__version__} cannot read the folder"):
        exported("hf", tmp_path / "folder", given)


@READS_FOLDERS
def test_the_folder_of_a_dense_network_has_no_masks(tmp_path):
    exported("hf", tmp_path / "folder", subject(GREY, masked=False))
    assert sorted(file.name for file in (tmp_path / "folder").iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("suffix", [".pth", ".pt"])
def test_torchvision_loads_its_file_strictly(suffix, tmp_path):
    given, path = subject(SHUFFLE), tmp_path / f"a{suffix}"
    difference, _ = exported("torchvision", path, given)
    assert difference == 0
    model = torchvision.models.shufflenet_v2_x0_5(num_classes=len(given.checkpoint.state["fc.bias"]))
    model.load_state_dict(torch.load(path, weights_only=True), strict=True)
    same(model, given)


def test_timm_and_torchvision_share_the_tensors_of_resnet18(tmp_path):
    given = subject(ModelSpec(name="resnet18.a1_in1k", num_classes=3, in_chans=3, image_size=SIZE))
    assert exported("torchvision", tmp_path / "a.pth", given)[0] == 0


def test_a_network_that_torchvision_builds_otherwise_is_refused():
    given = subject(ModelSpec(name="mobilenetv3_small_050", num_classes=3, in_chans=3, image_size=SIZE))
    spec = replace(given.checkpoint.spec, name="mobilenet_v3_small")
    given = replace(given, checkpoint=replace(given.checkpoint, spec=spec))
    with pytest.raises(MismatchError, match=r"torchvision's mobilenet_v3_small has other tensors: \d+ differ"):
        formats.make_artefact("torchvision", given)


@pytest.mark.parametrize(("to", "who"), [("timm", "timm"), ("hf", "timm"), ("torchvision", "torchvision")])
def test_a_network_that_the_library_lacks_is_refused(to, who):
    spec = ModelSpec(name="pkg.mod:net", num_classes=3, in_chans=3, image_size=SIZE)
    given = ExportSubject(
        checkpoint=Checkpoint(spec=spec, state={}), model=torch.nn.Identity(), inputs=torch.zeros(2, 3)
    )
    with pytest.raises(MismatchError, match=f"{who} has no") as caught:
        formats.make_artefact(to, given)
    assert caught.value.fix == "--to onnx takes a network of any name, and --to torch-prune a pruned one"


def test_torch_prune_holds_the_masks_of_its_file(tmp_path):
    given, path = subject(GREY), tmp_path / "a.pt"
    difference, _ = exported("torch-prune", path, given)
    assert difference == 0
    state = torch.load(path, weights_only=True)
    names = list(given.checkpoint.mask.kept)
    assert {f"{name}_orig" for name in names} | {f"{name}_mask" for name in names} <= set(state)
    model = create(GREY, seed=9)
    for name in names:  # as a person does it who knows torch alone
        prune.identity(model.get_submodule(name.rpartition(".")[0]), "weight")
    model.load_state_dict(state, strict=True)
    same(model, given)
    assert all(prune.is_pruned(model.get_submodule(name.rpartition(".")[0])) for name in names)
    again = checkpoints.load_checkpoint(path, model="preresnet8", options={"width": 0.25})
    assert all(torch.equal(again.mask.kept[name], kept) for name, kept in given.checkpoint.mask.kept.items())
    same(to_torch_prune.load_masks(create(GREY, seed=8), state), given)


def test_torch_prune_requires_a_mask():
    with pytest.raises(UsageError, match="has no mask"):
        formats.make_artefact("torch-prune", subject(GREY, masked=False))


def test_a_network_that_computes_something_else_there_leaves_nothing(tmp_path):
    given = replace(subject(GREY), model=create(GREY, seed=7))
    with pytest.raises(MismatchError, match="the outputs in timm differ by"):
        exported("timm", tmp_path / "a.safetensors", given)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_an_error(tmp_path):
    artefact = Artefact(files={"": b"a"}, load="", check=lambda _path: 0.0)
    with pytest.raises(StoreError, match="cannot write"):
        write_artefact(tmp_path / "none" / "a.onnx", artefact)
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="cannot write"):
        write_artefact(tmp_path / "folder", artefact)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
