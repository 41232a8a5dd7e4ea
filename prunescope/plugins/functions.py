"""The functions that steps share: those of torch, numpy and this package, which a plugin may not replace for others."""

from __future__ import annotations

import sys
from types import BuiltinFunctionType, FunctionType, MethodDescriptorType, ModuleType, WrapperDescriptorType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MODULES = frozenset(
    (
        "builtins",
        "copy",
        "functools",
        "h5py",
        "hashlib",
        "io",
        "json",
        "math",
        "os",
        "os.path",
        "random",
        "statistics",
        "time",
        "zlib",
        "numpy",
        "numpy.fft",
        "numpy.linalg",
        "numpy.random",
        "safetensors",
        "timm",
        "torch",
        "torch.autograd",
        "torch.fft",
        "torch.func",
        "torch.nn",
        "torch.linalg",
        "torch.random",
        "torch.special",
    )
)

FOLDERS = (
    "prunescope.",
    "h5py._hl.",
    "json.decoder.",
    "json.encoder.",
    "pathlib.",
    "safetensors.torch.",
    "torch.nn.functional.",
    "torch.nn.init.",
    "torch.nn.modules.",
    "torch.nn.parameter.",
    "torch.nn.utils.",
    "torch.optim.",
    "torch.utils.data.",
)
"""The modules in these, with the methods of the classes that they define."""

CLASSES = (("torch", "Tensor"), ("torch._tensor", "Tensor"), ("random", "Random"))

FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodDescriptorType, WrapperDescriptorType, type, staticmethod)
"""Types of what is compared: what a module keeps for itself under a name may change."""

CONSTANTS = (int, float, str, tuple, frozenset, type(None))
"""Types of what is in capitals in the modules of this package."""

State: TypeAlias = "list[tuple[str, Any, dict[str, Any]]]"
"""The place, the module or class, and what its names meant."""


def take_functions() -> State:
    """Return what every function, class and method of the shared modules is at this moment."""
    return [(place, owner, vars(owner).copy()) for place, owner in _owners()]


def restore_functions(before: State) -> list[str]:
    """Put back what was replaced or removed since; return its names.

    What has been added stays, except a function that hides one of the same name that a class inherits.
    """
    changed = []
    for place, owner, names in before:
        if isinstance(owner, ModuleType) and sys.modules.get(place) is not owner:
            sys.modules[place] = owner
            changed.append(f"the module {place}")
        now = vars(owner)
        if _is_same(now, names):
            continue
        for name in _hiding(owner, names):
            delattr(owner, name)
            changed.append(f"{place}.{name}")
        for name, value in names.items():
            if now.get(name) is not value and _is_shared(place, name, value) and not _by_torch(now.get(name), value):
                setattr(owner, name, value)
                changed.append(f"{place}.{name}")
    return changed


def _is_same(now: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether every name means what it meant, as far as equality shows at once: a function equals itself alone."""
    try:
        return bool(now == before)
    except Exception:  # noqa: BLE001 - values of any type are compared, arrays among them
        return False


def _hiding(owner: Any, names: dict[str, Any]) -> list[str]:  # noqa: ANN401 - a module or a class
    """Return the new functions of a class that stand in the place of inherited ones, but for those of torch itself."""
    found = []
    for name, value in vars(owner).items() if isinstance(owner, type) else ():
        inherited = next((vars(base)[name] for base in owner.__mro__[1:] if name in vars(base)), None)
        if name not in names and isinstance(value, FunctionType) and inherited and not _by_torch(value, inherited):
            found.append(name)
    return found


def _is_shared(place: str, name: str, value: object) -> bool:
    """Whether a name means the same to all: a function, a class, and a constant of a module, which is in capitals.

    >>> _is_shared("math", "pi", 3.14), _is_shared("prunescope.data.order", "SEED", 0), _is_shared("os", "_x", 1.0)
    (True, True, False)
    """
    if _is_function(value):
        return True
    ours = place.startswith("prunescope.") and name.isupper() and isinstance(value, CONSTANTS)
    return ours or (place in MODULES and not name.startswith("_") and type(value).__name__ in ("float", "dtype"))


def _is_function(value: object) -> bool:
    return isinstance(value, (*FUNCTIONS, classmethod, property)) or type(value).__name__ in OF_NUMPY


def _by_torch(now: object, before: object) -> bool:
    """Whether torch itself wrapped a function: the step of an optimiser for its hooks, others once it compiles."""
    hooked = getattr(now, "hooked", False) and getattr(now, "__wrapped__", None) is before
    globals_of = getattr(now, "__globals__", {})
    wrapped = getattr(now, "__wrapped__", None) is before and globals_of.get("__name__", "").startswith("torch.")
    return hooked or wrapped or str(getattr(now, "__module__", "")).startswith("torch._dynamo")


OF_NUMPY = ("ufunc", "_ArrayFunctionDispatcher")


def _owners() -> Iterator[tuple[str, Any]]:
    """Yield the modules and classes whose names are compared, of the modules that are loaded."""
    for name, module in list(sys.modules.items()):
        deep = f"{name}.".startswith(FOLDERS)
        if (deep or name in MODULES) and isinstance(module, ModuleType):
            yield name, module
            yield from _classes(name, module) if deep else ()
    for name, kind in CLASSES:
        if name in sys.modules:
            yield f"{name}.{kind}", getattr(sys.modules[name], kind)


def _classes(name: str, module: ModuleType) -> Iterator[tuple[str, type]]:
    """Yield the classes that a module defines."""
    for made in list(vars(module).values()):
        if isinstance(made, type) and made.__module__ == name:
            yield f"{name}.{made.__qualname__}", made
