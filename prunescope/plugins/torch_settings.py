"""The settings of torch that hold for the whole process, and how each is read and written."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Triple = tuple[str, Callable[[], Any], Callable[[Any], object]]

HOOKS = (
    "_global_buffer_registration_hooks",
    "_global_module_registration_hooks",
    "_global_parameter_registration_hooks",
    "_global_backward_pre_hooks",
    "_global_backward_hooks",
    "_global_forward_pre_hooks",
    "_global_forward_hooks",
)
"""The dictionaries of torch.nn.modules.module that hold hooks of every module."""


def torch_settings() -> list[Triple]:
    """Return (name, read, write) of every setting; torch is loaded already."""
    torch = sys.modules["torch"]
    return [
        ("torch.set_default_dtype", torch.get_default_dtype, torch.set_default_dtype),
        ("torch.set_default_device", _device, _write_device),
        ("torch.set_grad_enabled", torch.is_grad_enabled, torch.set_grad_enabled),
        ("torch.autograd.set_detect_anomaly", torch.is_anomaly_enabled, torch.set_anomaly_enabled),
        ("torch.use_deterministic_algorithms", _deterministic, _write_deterministic),
        ("torch.set_float32_matmul_precision", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
        ("torch.set_num_threads", torch.get_num_threads, torch.set_num_threads),
        ("torch.set_flush_denormal", _flushes, torch.set_flush_denormal),
        ("torch.set_autocast_enabled", _autocast, _write_autocast),
        ("torch.backends", _backends, _write_backends),
        ("the global hooks of torch.nn.Module", _hooks, _write_hooks),
    ]


def _device() -> Any:  # noqa: ANN401 - a torch.device
    """Return the default device; torch 2.7 has no answer where none was set again."""
    torch = sys.modules["torch"]
    try:
        return torch.get_default_device()
    except AttributeError:
        return torch.device("cpu")


def _write_device(before: Any) -> None:  # noqa: ANN401 - a torch.device
    """Restore the default device; none means the CPU, without a mode that looks at every call."""
    sys.modules["torch"].set_default_device(None if before.type == "cpu" else before)


def _deterministic() -> tuple[bool, bool]:
    torch = sys.modules["torch"]
    return torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()


def _write_deterministic(before: tuple[bool, bool]) -> None:
    sys.modules["torch"].use_deterministic_algorithms(before[0], warn_only=before[1])


def _flushes() -> bool:
    """Whether numbers below the smallest normal one become 0: torch has no function that returns it."""
    torch = sys.modules["torch"]
    smallest: Tensor = torch.full((1,), 1e-39, dtype=torch.float32, device="cpu")
    return not bool((smallest * 1).count_nonzero())


def _autocast() -> tuple[bool, ...]:
    return tuple(sys.modules["torch"].is_autocast_enabled(kind) for kind in ("cpu", "cuda"))


def _write_autocast(before: tuple[bool, ...]) -> None:
    for kind, enabled in zip(("cpu", "cuda"), before, strict=True):
        sys.modules["torch"].set_autocast_enabled(kind, enabled)


def _backends() -> dict[str, bool]:
    backends = sys.modules["torch"].backends
    cudnn = {name: bool(getattr(backends.cudnn, name)) for name in ("enabled", "benchmark", "deterministic")}
    return cudnn | {"mkldnn": bool(backends.mkldnn.enabled)}


def _write_backends(before: dict[str, bool]) -> None:
    backends = sys.modules["torch"].backends
    for name in ("enabled", "benchmark", "deterministic"):
        setattr(backends.cudnn, name, before[name])
    backends.mkldnn.enabled = before["mkldnn"]


def _hooks() -> dict[str, dict[int, object]]:
    module = sys.modules["torch.nn.modules.module"]
    return {name: dict(getattr(module, name, {})) for name in HOOKS}


def _write_hooks(before: dict[str, dict[int, object]]) -> None:
    module = sys.modules["torch.nn.modules.module"]
    for name, hooks in before.items():
        if hasattr(module, name):
            getattr(module, name).clear()
            getattr(module, name).update(hooks)
