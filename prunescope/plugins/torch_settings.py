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

OPTIMIZER_HOOKS = ("_global_optimizer_pre_hooks", "_global_optimizer_post_hooks")
"""Those of torch.optim.optimizer that hold hooks of every step of every optimiser."""

PRECISIONS = (
    "",
    "cuda.matmul",
    "cudnn",
    "cudnn.conv",
    "cudnn.rnn",
    "mkldnn",
    "mkldnn.matmul",
    "mkldnn.conv",
    "mkldnn.rnn",
)
"""What of torch.backends has an fp32_precision from torch 2.9 on, each after the one that it follows."""


def torch_settings() -> list[Triple]:
    """Return (name, read, write) of every setting; torch is loaded already."""
    torch = sys.modules["torch"]
    return [  # the modes early: one that raises at every call of torch must not hide the others
        ("torch.set_default_device", _device, _write_device),
        ("torch.overrides", torch._C._len_torch_function_stack, _pop_function_modes),  # noqa: SLF001 - no other name
        ("torch.utils._python_dispatch", torch._C._len_torch_dispatch_stack, _pop_dispatch_modes),  # noqa: SLF001
        ("torch.set_default_dtype", torch.get_default_dtype, torch.set_default_dtype),
        ("torch.set_grad_enabled", torch.is_grad_enabled, torch.set_grad_enabled),
        ("torch.autograd.set_detect_anomaly", torch.is_anomaly_enabled, torch.set_anomaly_enabled),
        ("torch.use_deterministic_algorithms", _deterministic, _write_deterministic),
        ("torch.set_float32_matmul_precision", _matmul_precision, _write_matmul_precision),
        ("torch.backends.fp32_precision", _precisions, _write_precisions),  # after the older name, which sets some too
        ("torch.set_num_threads", torch.get_num_threads, torch.set_num_threads),
        ("torch.set_flush_denormal", _flushes, torch.set_flush_denormal),
        ("torch.set_autocast_enabled", _autocast, _write_autocast),
        ("torch.backends", _backends, _write_backends),
        ("the global hooks of torch.nn.Module", _hooks, _write_hooks),
        ("the global hooks of optimisers", _optimizer_hooks, _write_optimizer_hooks),
        ("torch.backends.nnpack", torch._C._get_nnpack_enabled, torch.backends.nnpack.set_flags),  # noqa: SLF001 - as above
        ("torch.autograd.graph.saved_tensors_hooks", _saved_hooks, _pop_saved_hooks),
        ("torch.utils.deterministic", _fills, _write_fills),
    ]


def _device() -> Any:  # noqa: ANN401 - a torch.device, or None
    """Return the default device where one was set; torch's own function asks the modes that are entered."""
    context = getattr(sys.modules["torch"]._GLOBAL_DEVICE_CONTEXT, "device_context", None)  # noqa: SLF001
    return None if context is None else context.device


def _write_device(before: Any) -> None:  # noqa: ANN401 - a torch.device, or None
    """Restore the default device, after the modes that were entered since; none: no mode looks at every call."""
    sys.modules["torch"].set_default_device(before)


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


def _autocast() -> tuple[tuple[bool, Any], ...]:
    torch = sys.modules["torch"]
    return tuple((torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in ("cpu", "cuda"))


def _write_autocast(before: tuple[tuple[bool, Any], ...]) -> None:
    for kind, (enabled, dtype) in zip(("cpu", "cuda"), before, strict=True):
        sys.modules["torch"].set_autocast_enabled(kind, enabled)
        sys.modules["torch"].set_autocast_dtype(kind, dtype)


def _matmul_precision() -> str | None:
    """Return the precision under its older name; None where it was set under the newer ones: torch then raises."""
    try:
        return str(sys.modules["torch"].get_float32_matmul_precision())
    except RuntimeError:
        return None


def _write_matmul_precision(before: str | None) -> None:
    if before is not None:
        sys.modules["torch"].set_float32_matmul_precision(before)


def _precisions() -> dict[str, str]:
    found = {place: _precision(place) for place in PRECISIONS if _has_backend(place)}
    return {place or "all": value for place, value in found.items() if value is not None}


def _precision(place: str) -> str | None:
    """Return the precision; None before torch 2.9. For products no value is the full one, which older names write."""
    value = getattr(_backend(place), "fp32_precision", None)
    return "ieee" if value == "none" and place not in OF_OTHERS else value


def _write_precisions(before: dict[str, str]) -> None:
    for place in PRECISIONS:
        value = before.get(place or "all")
        if value is not None and _precision(place) != value:  # else it follows the one before it
            _backend(place).fp32_precision = value


def _fills() -> bool:
    return bool(sys.modules["torch"].utils.deterministic.fill_uninitialized_memory)


def _write_fills(before: bool) -> None:  # noqa: FBT001 - what was read
    sys.modules["torch"].utils.deterministic.fill_uninitialized_memory = before


def _pop_function_modes(before: int) -> None:
    """End the modes that were entered and not left: they see every call of torch."""
    torch = sys.modules["torch"]
    while torch._C._len_torch_function_stack() > before:  # noqa: SLF001 - torch has no other name for it
        torch._C._pop_torch_function_stack()  # noqa: SLF001


def _pop_dispatch_modes(before: int) -> None:
    """End the modes below those: they see every operation."""
    from torch.utils._python_dispatch import _get_current_dispatch_mode, _pop_mode

    torch = sys.modules["torch"]
    for _ in range(torch._C._len_torch_dispatch_stack() - before):  # noqa: SLF001
        held = _get_current_dispatch_mode()  # torch 2.7 returns one that nobody holds after it has freed it
        _pop_mode()
        del held


FLAGS = (
    ("cudnn", "enabled"),
    ("cudnn", "benchmark"),
    ("cudnn", "deterministic"),
    ("cudnn", "allow_tf32"),
    ("opt_einsum", "enabled"),
    ("opt_einsum", "strategy"),
    ("mkldnn", "enabled"),
    ("mkldnn", "deterministic"),
    ("cuda.matmul", "allow_fp16_reduced_precision_reduction"),
    ("cuda.matmul", "allow_bf16_reduced_precision_reduction"),
)
"""The flags of torch.backends that change numbers: (module, name)."""

OF_OTHERS = ("", "cudnn")
"""Those of PRECISIONS whose value is that of others, and no precision of their own where there is none."""

ATTENTION = ("flash", "mem_efficient", "math", "cudnn")
"""The kernels of scaled dot-product attention."""


def _backend(place: str) -> Any:  # noqa: ANN401 - a module, or what stands for one
    import torch.backends.opt_einsum  # older torch loads it when it is first used

    found = torch.backends
    for name in place.split(".") if place else ():
        found = getattr(found, name)
    return found


def _has_backend(place: str) -> bool:
    try:
        _backend(place)
    except AttributeError:
        return False
    return True


def _backends() -> dict[str, Any]:
    flags = {f"{place}.{name}": _flag(place, name) for place, name in FLAGS}
    cuda = sys.modules["torch"].backends.cuda
    return flags | {name: getattr(cuda, f"{name}_sdp_enabled")() for name in ATTENTION}


def _flag(place: str, name: str) -> Any:  # noqa: ANN401 - a number, a text or None
    """Return a flag; None where torch has no one answer, since newer names set it in parts."""
    try:
        return getattr(_backend(place), name)
    except RuntimeError:
        return None


def _write_backends(before: dict[str, Any]) -> None:
    for place, name in FLAGS:
        if _flag(place, name) != before[f"{place}.{name}"] is not None:
            setattr(_backend(place), name, before[f"{place}.{name}"])
    for name in ATTENTION:
        getattr(sys.modules["torch"].backends.cuda, f"enable_{name}_sdp")(before[name])


def _hooks() -> dict[str, dict[int, object]]:
    module = sys.modules["torch.nn.modules.module"]
    return {name: dict(getattr(module, name, {})) for name in HOOKS}


def _write_hooks(before: dict[str, dict[int, object]]) -> None:
    module = sys.modules["torch.nn.modules.module"]
    for name, hooks in before.items():
        if hasattr(module, name):
            getattr(module, name).clear()
            getattr(module, name).update(hooks)


def _optimizer_hooks() -> dict[str, dict[int, object]]:
    module = sys.modules.get("torch.optim.optimizer")
    return {name: dict(getattr(module, name, {})) for name in OPTIMIZER_HOOKS}


def _write_optimizer_hooks(before: dict[str, dict[int, object]]) -> None:
    module = sys.modules.get("torch.optim.optimizer")
    for name, hooks in before.items():
        if hasattr(module, name):
            getattr(module, name).clear()
            getattr(module, name).update(hooks)


def _saved_hooks() -> Any:  # noqa: ANN401 - a pair of functions, or None
    """Return the hooks that pack and unpack what is saved for the backward pass."""
    top = getattr(sys.modules["torch"]._C._autograd, "_top_saved_tensors_default_hooks", None)  # noqa: SLF001
    return None if top is None else top(True)  # noqa: FBT003 - while something is traced too


def _pop_saved_hooks(before: Any) -> None:  # noqa: ANN401 - as above
    """End those that were entered and not left."""
    torch = sys.modules["torch"]
    while _saved_hooks() not in (None, before):
        torch._C._autograd._pop_saved_tensors_default_hooks()  # noqa: SLF001
