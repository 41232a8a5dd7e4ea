"""Compiled steps and the arithmetic of GPUs, for the trainers that ask for them; by default there is neither."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Concatenate, Literal, ParamSpec, TypeVar

import torch

from prunescope.api.errors import UsageError
from prunescope.networks.capture import capture_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn

    from prunescope.networks.capture import Capture

Precision = Literal["float32", "tf32", "bf16"]
Compiling = Literal["auto", "no", "capture", "yes", "cuda-graphs"]

COMPILED = ("yes", "cuda-graphs")
"""What asks for torch.compile."""

COMPILERS = ("c++", "g++", "clang++")

Model = TypeVar("Model", bound="nn.Module")
Rest = ParamSpec("Rest")
Step = ParamSpec("Step")
Found = TypeVar("Found")


def accelerated(
    gradient: Callable[Concatenate[Model, Rest], Callable[Step, Found]], *, compiling: Compiling, precision: Precision
) -> Callable[Concatenate[Model, Rest], Callable[Step, Found]]:
    """Return what makes the same gradients of a compiled model, in another arithmetic; `gradient` itself if neither.

    gradient: model, ... -> a function that fills `.grad` from a batch; see gradient.py and gradient_together.py here.
    "yes" compiles; "cuda-graphs" compiles and replays whole passes, which spares small networks the launch of each
    kernel; for the other words see `recorder`. "tf32" lets matrix products round their inputs to 10 bits (torch's
    convolutions do so on GPUs anyway); "bf16" is autocast.

    Raises:
        UsageError: what is asked for needs a GPU or a C++ compiler that is not there.
    """
    if compiling not in COMPILED and precision == "float32":
        return gradient

    def make(model: Model, /, *rest: Rest.args, **named: Rest.kwargs) -> Callable[Step, Found]:
        device = next(model.parameters()).device
        _check(device, compiling=compiling, precision=precision)
        step = gradient(compiled(model, compiling), *rest, **named)

        def accelerated_step(*batch: Step.args, **options: Step.kwargs) -> Found:
            if compiling == "cuda-graphs":
                torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
            with arithmetic(device, precision):
                return step(*batch, **options)

        return accelerated_step

    return make


def recorder(compiling: Compiling, device: torch.device) -> Capture | None:
    """Return what records the steps of a training on `device`; None where they are performed one by one."""
    wanted = compiling == "capture" or (compiling == "auto" and device.type == "cuda")
    return capture_on(device) if wanted else None


def compiled(model: Model, compiling: Compiling) -> Model:
    """Return a model that shares the weights of `model` and runs them compiled."""
    if compiling not in COMPILED:
        return model
    mode = "reduce-overhead" if compiling == "cuda-graphs" else "default"
    found: Model = torch.compile(model, mode=mode)  # type: ignore[assignment]
    return found


@contextmanager
def arithmetic(device: torch.device, precision: Precision) -> Iterator[None]:
    """Compute in another precision inside the block."""
    if precision == "bf16":
        with torch.autocast(device.type, dtype=torch.bfloat16):
            yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else before)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _check(device: torch.device, *, compiling: Compiling, precision: Precision) -> None:
    wanted: dict[str, str] = {"precision": precision} if precision != "float32" else {}
    wanted |= {"compiling": compiling} if compiling == "cuda-graphs" else {}
    if wanted and device.type != "cuda":
        name, value = next(iter(wanted.items()))
        raise UsageError(
            f"{name} {value} requires a GPU, got the device {device.type}", fix=f"leave out {name}, or train on a GPU"
        )
    if compiling in COMPILED and device.type == "cpu" and not any(map(shutil.which, COMPILERS)):
        raise UsageError(
            f"compiling {compiling} requires a C++ compiler, found none of {', '.join(COMPILERS)}",
            fix="install one, or leave compiling out",
        )
