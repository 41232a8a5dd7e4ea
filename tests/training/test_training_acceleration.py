"""Compiled steps and other arithmetic: the same gradients, and refusals where a GPU is needed."""

from __future__ import annotations

import copy
import shutil
from contextlib import nullcontext

import pytest
import torch
from torch.nn.functional import cross_entropy

from prunescope.api import CLASSIFICATION
from prunescope.api.errors import UsageError
from prunescope.networks.capture.cuda_graphs import CudaGraphs
from prunescope.networks.capture.tape import Tape
from prunescope.networks.grouped.grouping import Grouped
from prunescope.plugins import registry
from prunescope.plugins.testing import toy_data, toy_model
from prunescope.training import acceleration
from prunescope.training import gradient_together as together
from prunescope.training.acceleration import accelerated, arithmetic
from prunescope.training.gradient import plain

COMPILER = any(map(shutil.which, acceleration.COMPILERS))
CPU = torch.device("cpu")


def batch():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(7, 3, 8, 8, generator=generator), torch.arange(7) % 3


def network(seed=0):
    torch.manual_seed(seed)
    layers = [torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.BatchNorm2d(4), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 3))


def test_nothing_asked_for_changes_nothing():
    assert accelerated(plain, compiling="no", precision="float32") is plain


@pytest.mark.filterwarnings("ignore:Guards may run slower")  # torch on Python 3.13.0
@pytest.mark.skipif(not COMPILER, reason="no C++ compiler here")
def test_a_compiled_step_makes_the_gradients_of_a_plain_one():
    model = network()
    twin = copy.deepcopy(model)
    images, labels = batch()
    value, logits = accelerated(plain, compiling="yes", precision="float32")(model)(images, labels, cross_entropy)
    wanted, wanted_logits = plain(twin)(images, labels, cross_entropy)
    torch.testing.assert_close(value, wanted)
    torch.testing.assert_close(logits, wanted_logits)
    for weight, other in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(weight.grad, other.grad, rtol=1e-5, atol=1e-6)
    for buffer, other in zip(model.buffers(), twin.buffers(), strict=True):
        torch.testing.assert_close(buffer, other)


@pytest.mark.filterwarnings("ignore:Guards may run slower")  # torch on Python 3.13.0
@pytest.mark.skipif(not COMPILER, reason="no C++ compiler here")
def test_a_compiled_group_makes_the_gradients_of_a_plain_one():
    one, two = Grouped([network(0), network(1)], shared=False), Grouped([network(0), network(1)], shared=False)
    images, labels = batch()
    parts = torch.cat([images, images], dim=1), torch.stack([labels, labels], dim=1)
    value, wrong = accelerated(together.plain_group, compiling="yes", precision="float32")(one, [None, None])(
        *parts, objective=CLASSIFICATION
    )
    wanted, wanted_wrong = together.plain_group(two, [None, None])(*parts, objective=CLASSIFICATION)
    torch.testing.assert_close(value, wanted)
    assert torch.equal(wrong, wanted_wrong)
    for weight, other in zip(one.parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(weight.grad, other.grad, rtol=1e-5, atol=1e-6)


def test_tf32_holds_for_the_block_alone():
    before = torch.get_float32_matmul_precision()
    assert before != "high"
    with arithmetic(CPU, "tf32"):
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == before
    with arithmetic(CPU, "float32"):
        assert torch.get_float32_matmul_precision() == before


def test_bf16_is_autocast_of_the_device(monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "autocast", lambda *words, **named: asked.append((words, named)) or nullcontext())
    with arithmetic(torch.device("cuda"), "bf16"):
        assert asked == [(("cuda",), {"dtype": torch.bfloat16})]


def test_every_step_of_cuda_graphs_is_marked(monkeypatch):
    marked = []
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", lambda: marked.append(True))
    monkeypatch.setattr(torch, "compile", lambda model, *, mode: marked.append(mode) or model)
    monkeypatch.setattr(acceleration, "_check", lambda *_, **__: None)
    step = accelerated(plain, compiling="cuda-graphs", precision="float32")(network())
    for _ in range(2):
        step(*batch(), cross_entropy)
    assert marked == ["reduce-overhead", True, True]


@pytest.mark.parametrize("name", ["sgd", "sam", "cyclic", "timm"])
@pytest.mark.parametrize("options", [{"precision": "bf16"}, {"precision": "tf32"}, {"compiling": "cuda-graphs"}])
def test_what_needs_a_gpu_says_so(name, options):
    trainer = registry.make("trainers", name, {"epochs": 40, **options}).instance
    with pytest.raises(UsageError, match="requires a GPU, got the device cpu"):
        next(trainer.fit(toy_model(), toy_data(), seed=0))


def test_a_group_that_needs_a_gpu_says_so():
    trainer = registry.make("trainers", "sgd", {"epochs": 1, "precision": "bf16"}).instance
    models = [toy_model(), toy_model()]
    with pytest.raises(UsageError, match="requires a GPU, got the device cpu"):
        next(trainer.fit_together(models, toy_data(), masks=[None, None], seeds=[0, 1]))


def test_without_a_compiler_compiling_is_refused(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(UsageError, match="requires a C\\+\\+ compiler"):
        accelerated(plain, compiling="yes", precision="float32")(network())


def test_a_step_is_recorded_on_a_gpu_alone_unless_asked_for():
    gpu = torch.device("cuda")
    assert isinstance(acceleration.recorder("auto", gpu), CudaGraphs)
    assert isinstance(acceleration.recorder("capture", CPU), Tape)
    for compiling, device in (("auto", CPU), ("no", gpu), ("yes", gpu), ("cuda-graphs", gpu)):
        assert acceleration.recorder(compiling, device) is None
