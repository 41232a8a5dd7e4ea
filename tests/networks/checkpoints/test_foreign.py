"""What other libraries write in the place of a checkpoint is refused by name, with the way to its weights."""

from __future__ import annotations

import re

import numpy as np
import pytest
import timm
import torch
from small_checkpoints import assert_loads, lightning, said, small

from prunescope.api.errors import InputError, MismatchError
from prunescope.networks import checkpoints


def refusal(path, error=InputError):
    with pytest.raises(error) as caught:
        checkpoints.load_checkpoint(path)
    return f"{caught.value.message} | {caught.value.fix}"


FILES = {
    "net.onnx": (b"\x08\x08\x12\x07pytorch", "ONNX"),
    "net.tflite": (b"\x1c\0\0\0TFL3", "TensorFlow Lite"),
    "net.keras": (b"PK\x05\x06" + b"\0" * 18, "Keras"),
    "net.h5": (b"\x89HDF\r\n\x1a\n", "Keras"),
    "net.index": (b"\0\0\0abc", "TensorFlow checkpoint"),
    "__0_0.distcp": (b"PK\x03\x04abc", "dcp_to_torch"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_other_libraries(tmp_path, name):
    content, named = FILES[name]
    (tmp_path / name).write_bytes(content)
    assert named in refusal(tmp_path / name)
    assert "damaged" not in refusal(tmp_path / name)


FOLDERS = {
    "dcp": ((".metadata", "__0_0.distcp"), "dcp_to_torch"),
    "deepspeed": (("latest", "zero_to_fp32.py", "global_step3"), "zero_to_fp32.py"),
    "a step of deepspeed": (("mp_rank_00_model_states.pt", "zero_pp_rank_0_optim_states.pt"), "zero_to_fp32.py"),
    "tensorflow": (("saved_model.pb",), "SavedModel"),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_folders_of_other_libraries(tmp_path, kind):
    names, named = FOLDERS[kind]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    assert named in refusal(tmp_path)


def test_a_whole_file_beside_the_parts_is_read(tmp_path):
    model = small()
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    for name in ("latest", "zero_to_fp32.py", ".metadata"):
        (tmp_path / name).write_bytes(b"x")
    assert_loads(tmp_path, model)


def int8(state):
    return {name: (item * 100).to(torch.int8) if item.ndim == 4 else item for name, item in state.items()}


TENSORS = {
    "FSDP": (lambda _: {"_fsdp_wrapped_module._flat_param": torch.randn(9), "fc._flat_param": torch.randn(9)}, "FSDP"),
    "LoRA": (lambda _: {"blocks.0.attn.qkv.lora_A.weight": torch.randn(4, 8)}, "merge_and_unload"),
    "int8": (lambda state: {**int8(state), "conv1.extra": torch.ones(1)}, "quantised"),
    "bitsandbytes": (lambda state: {**int8(state), "fc.SCB": torch.ones(5)}, "quantised"),
    "fused": (lambda state: {**state, "stem.reparam_conv.weight": torch.ones(4, 3, 3, 3)}, "reparameterize_model"),
}


@pytest.mark.parametrize("kind", TENSORS)
def test_tensors_that_no_network_has(tmp_path, kind):
    change, named = TENSORS[kind]
    torch.save(change(small().state_dict()), tmp_path / "preresnet8.pt")
    assert named in refusal(tmp_path / "preresnet8.pt", MismatchError)


def test_a_scale_of_ones_own_is_not_called_quantised(tmp_path):
    torch.save({**small().state_dict(), "logit_scale": torch.ones(1)}, tmp_path / "preresnet8.pt")
    assert "quantised" not in refusal(tmp_path / "preresnet8.pt", MismatchError)


def test_a_dynamically_quantised_network(tmp_path):
    packed = {"0._packed_params.dtype": torch.qint8, "0._packed_params._packed_params": (torch.ones(4, 4), None)}
    torch.save({"0.scale": torch.tensor(1.0), "0.zero_point": torch.tensor(0), **packed}, tmp_path / "net.pt")
    assert "quantised" in refusal(tmp_path / "net.pt")


def test_model_states_of_zero_3(tmp_path):
    torch.save({"module": {}, "param_shapes": [], "dp_world_size": 2}, tmp_path / "net.pt")
    assert "ZeRO-3" in refusal(tmp_path / "net.pt")


def test_an_error_that_nothing_explains_is_not_its_own_cause(tmp_path):
    """Whoever follows the causes of an error would never come to an end."""
    torch.save({"odd.weight": torch.zeros(3, 5)}, tmp_path / "odd.pt")
    with pytest.raises(MismatchError) as raised:
        checkpoints.load_checkpoint(tmp_path / "odd.pt")
    assert raised.value.__cause__ is not raised.value


def test_one_shard_of_several(tmp_path):
    state = dict(list(small().state_dict().items())[:9])
    torch.save(state, tmp_path / "pytorch_model-00001-of-00002.bin")
    assert re.search(
        r"one of several shards.*index", refusal(tmp_path / "pytorch_model-00001-of-00002.bin", MismatchError)
    )


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"model": state}])
def test_arrays_of_numpy_are_tensors(tmp_path, wrap):
    model = small()
    arrays = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    torch.save(wrap(arrays), tmp_path / "preresnet8.pt")
    assert_loads(tmp_path / "preresnet8.pt", model)
    torch.save({"params": {"fc.weight": np.array(["a"])}}, tmp_path / "text.pt")
    assert "contains no weights" in refusal(tmp_path / "text.pt")


def test_averages_in_the_callbacks_of_lightning_are_named_and_read(tmp_path):
    raw, average = small(0), small(1)
    held = lightning(raw)
    held["callbacks"] = {"EMA": {"ema_state_dict": {f"model.{k}": v for k, v in average.state_dict().items()}}}
    torch.save(held, tmp_path / "preresnet8.ckpt")
    assert said(assert_loads(tmp_path / "preresnet8.ckpt", raw), "--weights callbacks.EMA.ema_state_dict reads these")
    assert_loads(tmp_path / "preresnet8.ckpt", average, weights="callbacks.EMA.ema_state_dict")


def test_mmengine_saves_the_average_in_the_place_of_the_weights(tmp_path):
    raw, average = small(0), small(1)
    held = {"meta": {"mmengine_version": "0.10.4"}, "state_dict": average.state_dict(), "message_hub": {}}
    held["ema_state_dict"] = {"steps": torch.tensor(9)} | {f"module.{k}": v for k, v in raw.state_dict().items()}
    torch.save(held, tmp_path / "preresnet8.pth")
    assert said(assert_loads(tmp_path / "preresnet8.pth", average), "EMA weights read from 'state_dict'")
    assert_loads(tmp_path / "preresnet8.pth", raw, weights="raw")


def test_an_average_without_names_is_named(tmp_path):
    model = small()
    average = {"decay": 0.9, "shadow_params": list(small(1).parameters())}
    torch.save({"model": model.state_dict(), "ema": average}, tmp_path / "preresnet8.pt")
    assert said(assert_loads(tmp_path / "preresnet8.pt", model), "has no names was not read: 'ema.shadow_params'")


def test_an_average_of_a_parallel_network(tmp_path):
    model = small()
    torch.save({"ema": {"module": {"module": model.state_dict()}}}, tmp_path / "preresnet8.pt")
    assert_loads(tmp_path / "preresnet8.pt", model)


def test_a_distilled_vision_transformer_is_found_by_its_two_heads(tmp_path):
    model = timm.create_model("deit_tiny_distilled_patch16_224", num_classes=3).eval()
    torch.save(model.state_dict(), tmp_path / "net.pth")
    got = checkpoints.load_checkpoint(tmp_path / "net.pth")
    assert got.spec.name == "deit_tiny_distilled_patch16_224"
    images = torch.randn(1, 3, 224, 224)
    assert torch.equal(checkpoints.to_model(got).eval()(images), model(images))


def test_a_folder_of_transformers_names_its_type_and_the_function_that_builds_it(tmp_path):
    (tmp_path / "config.json").write_text('{"architectures": ["ViTForImageClassification"], "model_type": "vit"}')
    torch.save(small().state_dict(), tmp_path / "pytorch_model.bin")
    said = refusal(tmp_path)
    assert "model type 'vit'" in said
    assert "AutoModelForImageClassification.from_config" in said
