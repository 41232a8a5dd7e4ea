"""Whatever a plugin leaves changed in the process is restored, and is an error that names the plugin."""

from __future__ import annotations

import builtins
import functools
import gc
import hashlib
import io
import json
import locale
import math
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import threading
import warnings
import zlib

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody gives it
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from prunescope.api.errors import PluginError
from prunescope.data import sources
from prunescope.plugins import checks
from prunescope.plugins.isolation import unchanged
from prunescope.regimes import direction

BAD = "probe 'bad' of somebody"


class Calls(torch.overrides.TorchFunctionMode):
    """Sees every call of torch."""


class Operations(TorchDispatchMode):
    """Sees every operation of torch."""


def _lower_limit(name):
    _, hard = resource.getrlimit(getattr(resource, name))
    resource.setrlimit(getattr(resource, name), (1 << 12 if name == "RLIMIT_NOFILE" else 1 << 40, hard))


def _patch(owner, name):
    setattr(owner, name, lambda *_given, **_options: None)


CHANGES = {
    "torch.set_default_dtype": lambda: torch.set_default_dtype(torch.float64),
    "torch.set_default_device": lambda: torch.set_default_device("meta"),
    "torch.set_grad_enabled": lambda: torch.set_grad_enabled(False),
    "torch.autograd.set_detect_anomaly": lambda: torch.autograd.set_detect_anomaly(True),
    "torch.use_deterministic_algorithms": lambda: torch.use_deterministic_algorithms(True, warn_only=True),  # noqa: FBT003
    "torch.set_float32_matmul_precision": lambda: torch.set_float32_matmul_precision("medium"),
    "torch.set_num_threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "torch.set_flush_denormal": lambda: torch.set_flush_denormal(True),
    "torch.set_autocast_enabled": lambda: torch.set_autocast_enabled("cpu", True),  # noqa: FBT003
    "torch.backends": lambda: setattr(torch.backends.cudnn, "deterministic", not torch.backends.cudnn.deterministic),
    "torch.backends (TF32)": lambda: setattr(torch.backends.cudnn, "allow_tf32", not torch.backends.cudnn.allow_tf32),
    "torch.backends (attention)": lambda: torch.backends.cuda.enable_flash_sdp(
        not torch.backends.cuda.flash_sdp_enabled()
    ),
    "torch.set_autocast_enabled (dtype)": lambda: torch.set_autocast_dtype("cpu", torch.float16),
    "torch.utils.deterministic": lambda: setattr(torch.utils.deterministic, "fill_uninitialized_memory", False),
    "torch.overrides": lambda: Calls().__enter__(),
    "torch.utils._python_dispatch": lambda: Operations().__enter__(),
    "torch.backends (einsum)": lambda: setattr(
        torch.backends.opt_einsum, "enabled", not torch.backends.opt_einsum.enabled
    ),
    "sys.settrace": lambda: sys.settrace(lambda *_: None),
    "sys.setprofile": lambda: sys.setprofile(lambda *_: None),
    "the limits of resources (RLIMIT_NOFILE)": lambda: _lower_limit("RLIMIT_NOFILE"),
    "the limits of resources (RLIMIT_FSIZE)": lambda: _lower_limit("RLIMIT_FSIZE"),
    "an alarm": lambda: signal.setitimer(signal.ITIMER_REAL, 1000),
    "the signals that are held back": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}),
    "the global hooks": lambda: torch.nn.modules.module.register_module_forward_hook(lambda *_: None),
    "numpy.errstate": lambda: np.seterr(all="raise"),
    "the locale": lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8" if _locale() == "C" else "C"),
    "the working directory": lambda: os.chdir("/"),
    "os.environ": lambda: os.environ.update(OMP_NUM_THREADS="7"),
    "os.environ (HOME)": lambda: os.environ.pop("HOME"),
    "the search path": lambda: sys.path.insert(0, "/elsewhere"),
    "the handlers of signals": lambda: signal.signal(signal.SIGINT, lambda *_: None),
    "the handlers of signals (SIGUSR1)": lambda: signal.signal(
        signal.SIGUSR1, signal.SIG_DFL if signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN else signal.SIG_IGN
    ),
    "the global hooks of optimisers": lambda: register_optimizer_step_pre_hook(lambda *_: None),
    "torch.backends.nnpack": lambda: torch.backends.nnpack.set_flags(not torch._C._get_nnpack_enabled()),
    "torch.autograd.grad": lambda: _patch(torch.autograd, "grad"),
    "torch.func.vmap": lambda: _patch(torch.func, "vmap"),
    "torch.nn.utils.clip_grad_norm_": lambda: _patch(torch.nn.utils, "clip_grad_norm_"),
    "torch.utils.data.dataloader.DataLoader.__iter__": lambda: _patch(torch.utils.data.DataLoader, "__iter__"),
    "torch.float32": lambda: setattr(torch, "float32", torch.float64),
    "h5py._hl.files.File.__init__": lambda: _patch(h5py.File, "__init__"),
    "json.encoder.JSONEncoder.encode": lambda: _patch(json.JSONEncoder, "encode"),
    "pathlib.replace": lambda: _patch(pathlib.Path, "replace"),
    "zlib.crc32": lambda: _patch(zlib, "crc32"),
    "math.pi": lambda: setattr(math, "pi", 3.0),
    "prunescope.plugins.checks.LARGEST": lambda: setattr(checks, "LARGEST", 1),
    "the module json": lambda: sys.modules.update(json=math),
    "the module prunescope.plugins.checks": lambda: sys.modules.pop("prunescope.plugins.checks"),
    "torch.nn.functional.cross_entropy": lambda: _patch(F, "cross_entropy"),
    "torch.nn.functional.linear": lambda: _patch(F, "linear"),
    "torch.nn.modules.linear.Linear.forward": lambda: _patch(torch.nn.Linear, "forward"),
    "torch.nn.modules.module.Module.train": lambda: _patch(torch.nn.Module, "train"),
    "torch.matmul": lambda: _patch(torch, "matmul"),
    "torch.Tensor.backward": lambda: _patch(torch.Tensor, "backward"),
    "torch.optim.sgd.SGD.step": lambda: _patch(torch.optim.SGD, "step"),
    "numpy.mean": lambda: _patch(np, "mean"),
    "builtins.sum": lambda: _patch(builtins, "sum"),
    "hashlib.sha256": lambda: _patch(hashlib, "sha256"),
    "os.replace": lambda: _patch(os, "replace"),
    "torch.Tensor.mean": lambda: _patch(torch.Tensor, "mean"),
    "torch.nn.modules.linear.Linear.train": lambda: _patch(torch.nn.Linear, "train"),
    "math.log": lambda: _patch(math, "log"),
    "random.random": lambda: _patch(random, "random"),
    "prunescope.regimes.direction": lambda: _patch(
        direction, next(n for n, v in vars(direction).items() if callable(v))
    ),
}


def _function_of(module):
    return next(name for name, value in vars(module).items() if callable(value))


def _locale():
    return locale.setlocale(locale.LC_ALL)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_restored_and_named(name, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with (
        pytest.raises(PluginError, match="probe 'bad' of somebody left") as caught,
        unchanged("probe 'bad' of somebody"),
    ):
        CHANGES[name]()
    assert name.partition(" (")[0].rpartition(".")[0] in caught.value.message
    with unchanged("whoever comes next"):
        pass
    assert os.environ["OMP_NUM_THREADS"] == "1"


@pytest.mark.skipif(not hasattr(torch.backends, "fp32_precision"), reason="torch before 2.9 has the older names alone")
@pytest.mark.parametrize("place", ["", "cuda.matmul", "mkldnn", "mkldnn.matmul"])
def test_precisions_under_the_newer_names_are_restored_and_do_not_end_the_comparison(place):
    found = functools.reduce(getattr, place.split(".") if place else (), torch.backends)
    kept = found.fp32_precision
    value = "bf16" if place.startswith("mkldnn") else "tf32"
    with pytest.raises(PluginError, match=r"left .*precision"), unchanged("a probe"):
        found.fp32_precision = value
    assert found.fp32_precision in (kept, "ieee")  # what no value is
    assert torch.get_float32_matmul_precision() == "highest"
    with unchanged("a probe that writes the older name"):
        torch.backends.cuda.matmul.allow_tf32 = False
    found.fp32_precision = value  # by a person, before the program is called: torch then raises for the older names
    try:
        with unchanged("a probe"):
            pass
        assert found.fp32_precision == value
    finally:
        found.fp32_precision = kept


@pytest.mark.skipif(
    not hasattr(torch._C._autograd, "_top_saved_tensors_default_hooks"), reason="an older torch does not show them"
)
def test_hooks_of_what_is_saved_for_the_backward_pass_are_restored_and_named():
    with pytest.raises(PluginError, match=r"a probe left torch\.autograd\.graph"), unchanged("a probe"):
        torch.autograd.graph.saved_tensors_hooks(abs, abs).__enter__()
    assert torch._C._autograd._top_saved_tensors_default_hooks(True) is None  # noqa: FBT003


def test_generators_are_restored_without_a_word():
    before = random.getstate(), _state_of_numpy()
    with unchanged("a probe"):
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
    assert (random.getstate(), _state_of_numpy()) == before


def _state_of_numpy():
    return np.random.get_state()[1].tolist()  # noqa: NPY002


def test_an_error_of_the_plugin_comes_through_and_what_it_left_is_restored():
    with pytest.raises(ZeroDivisionError), unchanged("a probe"):  # noqa: PT012 - it changes, then fails
        torch.set_default_dtype(torch.float64)
        raise ZeroDivisionError
    assert torch.get_default_dtype() is torch.float32


def test_what_torch_wraps_itself_is_no_change():
    class Stepping(torch.optim.SGD):
        pass

    with unchanged("a trainer"):  # the first optimiser of a class wraps its step
        Stepping([torch.nn.Parameter(torch.zeros(1))], lr=0.1).step()
        torch.optim.Rprop([torch.nn.Parameter(torch.zeros(1))], lr=0.1).step()


def test_new_names_are_no_change():
    with unchanged("a probe"):
        import torch.utils.mkldnn  # noqa: F401 - a module that nobody else loads


def test_a_function_is_restored_beside_values_that_cannot_be_compared(monkeypatch):
    monkeypatch.setattr(F, "table", np.zeros(2), raising=False)
    kept = F.relu
    with pytest.raises(PluginError, match=r"torch\.nn\.functional\.relu"), unchanged("a probe"):  # noqa: PT012 - both change
        F.table = np.ones(2)
        F.relu = F.gelu
    assert F.relu is kept


def test_what_imports_change_is_restored_without_a_word():
    def read():
        mask = os.umask(0o077)
        os.umask(mask)
        return sys.getrecursionlimit(), gc.isenabled(), mask, list(warnings.filters)

    before = read()
    with unchanged("a probe"):
        sys.setrecursionlimit(before[0] + 1)
        gc.disable()
        os.umask(0)
        warnings.resetwarnings()
    assert read() == before


def test_hooks_and_streams_that_libraries_replace_are_restored_without_a_word():
    def read():
        hooks = sys.excepthook, sys.displayhook, sys.unraisablehook, threading.excepthook, warnings.showwarning
        return *hooks, sys.stdout, sys.stderr, sys.getswitchinterval(), sys.get_int_max_str_digits()

    before = read()
    with unchanged("a probe"):
        sys.excepthook = sys.displayhook = sys.unraisablehook = threading.excepthook = warnings.showwarning = print
        sys.stdout = sys.stderr = io.StringIO()
        sys.setswitchinterval(0.5)
        sys.set_int_max_str_digits(0)
    assert read() == before


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="a system without sets of processors")
def test_the_processors_are_restored_without_a_word():
    before = os.sched_getaffinity(0)
    with unchanged("a probe"):
        os.sched_setaffinity(0, {min(before)})
    assert os.sched_getaffinity(0) == before


CLOSING = """
import os, sys, tempfile
from prunescope.api.errors import PluginError
from prunescope.plugins.isolation import unchanged
try:
    with unchanged("probe 'bad' of somebody"):
        {change}
except PluginError as error:
    found = error.message
with tempfile.TemporaryFile() as result:
    print("printed", flush=True)
    print("printed too", file=sys.stderr, flush=True)
    os.write(1, b"written")
    os.write(2, b"written")
    assert result.read() == b"" and result.fileno() > 2
os.write({report}, found.encode())
"""


@pytest.mark.parametrize(
    "change", ["os.close(1)", "os.close(2)", "sys.stdout.close()", "sys.stderr.close()", "os.closerange(1, 3)"]
)
def test_a_stream_that_is_closed_is_named_and_no_file_takes_its_number(change):
    reading, writing = os.pipe()
    program = CLOSING.format(change=change, report=writing)
    with os.fdopen(reading) as report:
        subprocess.run([sys.executable, "-c", program], pass_fds=[writing], check=True, capture_output=True)
        os.close(writing)
        assert "probe 'bad' of somebody left a closed stream" in report.read()


def test_a_hard_limit_that_cannot_be_raised_again_is_named():
    program = """
import os, resource
import numpy.random
from prunescope.api.errors import PluginError
from prunescope.plugins.isolation import unchanged
if os.getuid() == 0:
    os.setuid(65534)
try:
    with unchanged("probe 'bad' of somebody"):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NPROC, (500, 500))
except PluginError as error:
    print(error.message)
"""
    found = subprocess.run([sys.executable, "-c", program], text=True, check=True, capture_output=True)
    assert "probe 'bad' of somebody left the limits of resources (" in found.stdout


@pytest.mark.parametrize("change", [lambda held: held.zero_(), lambda held: held.numpy().fill(1)])
def test_data_that_a_plugin_changes_are_named_and_loaded_again(change):
    source = sources.describe("patches:images=64,test_images=32")
    data = sources.open_source(source.to_json(), device="cpu")
    assert sources.open_source(source.to_json(), device="cpu") is data
    held = next(value for value in vars(data.train).values() if torch.is_tensor(value))
    wanted = held.clone()
    with pytest.raises(PluginError, match="a probe left its data in place changed"), unchanged("a probe", data=data):
        change(held)
    again = sources.open_source(source.to_json(), device="cpu")
    assert any(torch.equal(value, wanted) for value in vars(again.train).values() if torch.is_tensor(value))
