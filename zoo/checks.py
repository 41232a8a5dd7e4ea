"""What is checked of each network: every function compares prunescope with something independent of it.

A check returns a short text for the table, raises AssertionError where a number is wrong, and lets an error of
prunescope pass: a refusal is no wrong number.
"""

from __future__ import annotations

import copy
import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from prunescope.api import Mask, Replica
from prunescope.api.errors import PrunescopeError
from prunescope.api.trust import Trust
from prunescope.data.tensors import from_tensors
from prunescope.landscape.hessian import weights
from prunescope.landscape.operator import operator
from prunescope.networks import checkpoints, layers, masks, multiplied, usable
from prunescope.networks.layout import laid_out
from prunescope.networks.outputs import main_output
from prunescope.plugins import registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from members import Member
    from torch import Tensor, nn

    from prunescope.api import Data

TRAIN, TEST, BATCH = 8, 4, 4
"""Images of each split, and of a batch."""

DENSITY = 0.25
"""N of every 4 weights too, so that all pruners reach it."""

PRUNERS: Mapping[str, Mapping[str, object]] = {
    "activation": {"images": TRAIN, "batch_size": BATCH},
    "gradient": {"images": TRAIN, "batch_size": BATCH},
    "gradient-weight": {"images": TRAIN, "batch_size": BATCH},
    "grasp": {"images_per_class": 1},
    "lamp": {},
    "magnitude": {},
    "n-of-m": {},
    "random": {},
    "snip": {"images": TRAIN, "batch_size": BATCH},
    "synflow": {"rounds": 3},
    "taylor": {"images": TRAIN, "batch_size": BATCH},
}
"""Every pruner, with as little work as it takes."""


def make_data(member: Member) -> Data:
    """Return random inputs with labels of every class."""
    labels = torch.arange(TRAIN) % member.spec.num_classes
    train, test = (member.inputs(TRAIN), labels), (member.inputs(TEST, seed=1), labels[:TEST])
    return from_tensors(member.name, train, test, num_classes=member.spec.num_classes)


def make_usable(member: Member, data: Data) -> nn.Module:
    """Return the network as a step would run it; the plain call on the same data must agree.

    Raises:
        PrunescopeError: the network is refused.
    """
    model = member.build()
    inputs, _ = next(data.train.batches(BATCH, limit=1))
    wanted = main_output(copy.deepcopy(model).eval()(inputs.contiguous()), who=member.name)
    usable.make_usable(model, inputs, classes=data.num_classes, who=member.name, key=repr(member))
    found = laid_out(model).eval()(inputs)
    _close(found, wanted, 1e-3, "outputs in the layout that steps use")
    return model


def check_round_trip(member: Member, model: nn.Module, data: Data) -> str:
    """Read back a checkpoint of others and one of prunescope: outputs equal to the bit."""
    del model
    fresh = member.build(seed=3).eval()
    inputs, _ = next(data.test.batches(TEST))
    wanted = main_output(fresh(inputs.contiguous()), who=member.name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.pt"
        torch.save({"state_dict": fresh.state_dict(), "arch": member.spec.name, "epoch": 3}, path)
        size = member.spec.image_size
        read = checkpoints.load_checkpoint(
            path,
            model=member.spec.name,
            options=member.spec.options,
            image_size=(size[0], size[1]) if len(size) == 2 else None,
        )
        own = path.with_suffix(".safetensors")
        own.write_bytes(b"".join(checkpoints.to_safetensors(read)))
        again = checkpoints.load_checkpoint(own, trust=Trust(frozenset({member.spec.name})))
    for found in (read, again):
        outputs = main_output(checkpoints.to_model(found).eval()(inputs.contiguous()), who=member.name)
        assert torch.equal(outputs, wanted), f"outputs differ by {float((outputs - wanted).abs().max()):.2g}"
    return "equal"


def check_prunable(member: Member, model: nn.Module, data: Data) -> str:
    """Count the prunable weights again; refused where zeros in them are no zeros where they are multiplied."""
    del member, data
    found = layers.choose_prunable(model)
    multiplied.refuse_computed(found.computed)
    parameters = dict(model.named_parameters())
    assert all(parameters[name] is weight for name, weight in found.weights.items()), "not a parameter of the network"
    share = sum(weight.numel() for weight in found.weights.values()) / sum(map(torch.numel, model.parameters()))
    assert math.isclose(share, found.share, abs_tol=1e-9), f"share {found.share}, counted {share}"
    kinds = (
        found.kinds.replace("convolutions", "conv").replace("linear layers", "linear").replace(", without the last", "")
    )
    return f"{kinds} {share:.0%}"


def check_masks(member: Member, model: nn.Module, data: Data) -> str:
    """Count what each pruner keeps, exactly as many weights as the density asks for; the network is left as it was."""
    before = copy.deepcopy(model.state_dict())
    multiplied.refuse_computed(layers.choose_prunable(model).computed)
    refused: list[str] = []
    for name, options in PRUNERS.items():
        pruner = registry.make("pruners", name, options).instance
        try:
            mask = pruner.mask(model, data, DENSITY, seed=0)
        except PrunescopeError as error:
            refused.append(f"{name}: {error.message}")
            continue
        _check_counts(name, mask, model)
        changed = [key for key, value in model.state_dict().items() if not torch.equal(value, before[key])]
        assert not changed, f"{name} changed {changed[0]}"
    if len(refused) == len(PRUNERS):
        raise PrunescopeError(refused[0].partition(": ")[2])
    return f"{len(PRUNERS) - len(refused)} exact" + "".join(f"; {text}" for text in refused)


def _check_counts(name: str, mask: Mask, model: nn.Module) -> None:
    """Count by the file: kept weights against the density, the names against those of the network."""
    state = model.state_dict()
    assert all(mask.kept[key].shape == state[key].shape for key in mask.kept), f"{name}: a mask of another shape"
    kept = sum(int(value.count_nonzero()) for value in mask.kept.values())
    every = sum(value.numel() for value in mask.kept.values())
    wanted = DENSITY * every
    assert abs(kept - wanted) <= 0.5, f"{name} keeps {kept} of {every}, wanted {wanted}"


def check_training(member: Member, model: nn.Module, data: Data) -> str:
    """Train an epoch under a mask: every masked weight is zero after it, and others have moved."""
    del member
    found = layers.choose_prunable(model)
    multiplied.refuse_computed(found.computed)
    scores = {name: weight.detach().abs() for name, weight in found.weights.items()}
    mask = masks.keep_largest(scores, DENSITY, scope="layer") if scores else None
    work = copy.deepcopy(model)
    if mask is not None:
        masks.apply(work, mask)
    before = copy.deepcopy(work.state_dict())
    options = {"epochs": 1, "batch_size": BATCH, "learning_rate": 1e-3}
    for epoch in registry.make("trainers", "sgd", options).instance.fit(work, data, mask=mask, seed=0):
        assert math.isfinite(epoch.train_loss), f"loss {epoch.train_loss}"
    moved = False
    for name, kept in (mask.kept if mask is not None else {}).items():
        weight = work.state_dict()[name]
        assert not weight[~kept].count_nonzero(), f"{name}: masked weights are not zero"
        moved = moved or not torch.equal(weight, before[name])
    moved = moved or any(not torch.equal(value, before[name]) for name, value in work.named_parameters())
    assert moved, "no weight moved"
    return "zeros stay" if mask is not None else "no mask"


def check_lmc(member: Member, model: nn.Module, data: Data) -> str:
    """Measure the line between identical copies: LMC and barrier are exactly 0."""
    del member
    probe = registry.make("probes", "lmc", {"points": 3, "batch_size": BATCH, "test": False}).instance
    readings = probe.measure(_copies(model), data, seed=0)
    for name in ("lmc", "barrier"):
        value = float(readings[name].value[0])
        assert value == 0, f"{name} {value}"
    return "0"


def check_cka(member: Member, model: nn.Module, data: Data) -> str:
    """CKA of a network with itself is 1."""
    del member
    probe = registry.make("probes", "cka", {"images": TRAIN, "batch_size": BATCH, "outputs": "logits"}).instance
    readings = probe.measure(_copies(model), data, seed=0)
    if "logits" not in readings:
        logits = main_output(model.eval()(next(data.train.batches(TRAIN))[0]), who="the network")
        assert float(logits.std(0).max()) <= 1e-5 * float(logits.abs().max()), "no CKA of outputs that differ"
        return "constant outputs"
    value = float(readings["logits"].value[0])
    assert abs(value - 1) < 1e-9, f"CKA(X, X) = {value}"
    return "1"


def check_hessian(member: Member, model: nn.Module, data: Data) -> str:
    """Compare a product with the Hessian with that of double automatic differentiation, in float64.

    Where torch has no second derivative, with central differences of the gradient.
    """
    work = copy.deepcopy(model).double().eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():  # fresh weights have zeros, at which ReLU has no derivative
        for value in work.parameters():
            value.add_(torch.randn(value.shape, generator=generator, dtype=torch.float64), alpha=0.02)
    inputs, targets = next(data.train.batches(BATCH, limit=1))
    inputs = inputs.double() if inputs.is_floating_point() else inputs
    at = weights(work)
    vector = torch.randn(at.rank, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = operator(work, at, [(inputs, targets)])(vector / vector.norm())
    wanted, how, tolerance = _reference(work, inputs, targets, vector / vector.norm(), member.name)
    scale = float(wanted.norm())
    if scale < 1e-12:
        assert float(found.norm()) < 1e-9, f"norm {float(found.norm()):.2g}, wanted 0"
        return f"0, {how}"
    off = float((found - wanted).norm()) / scale
    assert off < tolerance, f"off by {off:.2g}, {how}"
    return f"{off:.0e}, {how}"


def _reference(
    model: nn.Module, inputs: Tensor, targets: Tensor, vector: Tensor, who: str
) -> tuple[Tensor, str, float]:
    parameters = [value.requires_grad_() for value in model.parameters()]
    parts = [
        part.view_as(value)
        for part, value in zip(torch.split(vector, [value.numel() for value in parameters]), parameters, strict=True)
    ]

    def gradient(*, graph: bool) -> list[Tensor]:
        loss = functional.cross_entropy(main_output(model(inputs), who=who), targets)
        return list(
            torch.autograd.grad(loss, parameters, create_graph=graph, materialize_grads=True, allow_unused=True)
        )

    try:
        with sdpa_kernel(SDPBackend.MATH):
            first = gradient(graph=True)
            inner = sum((grad * part).sum() for grad, part in zip(first, parts, strict=True) if grad.requires_grad)
            second = _flat(torch.autograd.grad(inner, parameters, materialize_grads=True, allow_unused=True))  # type: ignore[arg-type]
        if bool(torch.isfinite(second).all()):
            return second, "double autograd", 1e-6
    except RuntimeError:
        pass
    return _differences(parameters, parts, gradient), "central differences", 1e-3


def _differences(parameters: list[Tensor], parts: list[Tensor], gradient: object, step: float = 1e-6) -> Tensor:
    sides = []
    for sign in (1, -2):
        with torch.no_grad():
            for value, part in zip(parameters, parts, strict=True):
                value.add_(part, alpha=sign * step)
        sides.append(_flat(gradient(graph=False)))  # type: ignore[operator]
    return (sides[0] - sides[1]) / (2 * step)


def _flat(tensors: object) -> Tensor:
    return torch.cat([tensor.reshape(-1) for tensor in tensors]).detach()  # type: ignore[attr-defined]


def check_size(member: Member, model: nn.Module, data: Data) -> str:
    """Operations agree with torch's own counter, as far as both count convolutions and linear layers."""
    probe = registry.make("probes", "size", {"latency_repeats": 0}).instance
    readings = probe.measure([Replica(model=model.eval())], data, seed=0)
    ours = float(readings["flops"].value)
    inputs, _ = next(data.train.batches(1, limit=1))
    torch.backends.mha.set_fastpath_enabled(False)  # one operation, with nothing to count inside; recurrent layers too
    counted_model = copy.deepcopy(model).requires_grad_(requires_grad=False)  # its hooks fail on parameters as inputs
    with FlopCounterMode(display=False) as counter, torch.no_grad(), torch.backends.mkldnn.flags(enabled=False):
        counted_model(inputs)
    torch.backends.mha.set_fastpath_enabled(True)
    by_module = {place.partition(".")[2]: _products(found) for place, found in counter.get_flop_counts().items()}
    counted = counter.get_flop_counts().get("Global", {})
    weighted = _products(counted) - sum(by_module.get(name, 0) for name in _fixed(model))
    batched = sum(count for name, count in counted.items() if "bmm" in str(name))
    del member
    agree = weighted * (1 - 1e-9) <= ours <= (weighted + batched) * (1 + 1e-9)
    assert agree or ours in (weighted, weighted - _between_activations(model, by_module)), (
        f"{ours:.6g} operations, torch counts {weighted:.6g} and {batched:.6g} in batched products"
    )
    return f"{ours / 1e6:.3g} M"


def _between_activations(model: nn.Module, by_module: Mapping[str, int]) -> int:
    """Add up what modules compute by themselves that hold no parameter: attention that is not in batched products."""
    return sum(
        by_module.get(name, 0) - sum(by_module.get(f"{name}.{child}", 0) for child, _ in module.named_children())
        for name, module in model.named_modules()
        if name and any(module.children()) and not any(True for _ in module.parameters(recurse=False))
    )


def _fixed(model: nn.Module) -> list[str]:
    """Return the modules without parameters that lie in none: blur filters and cosine transforms are not weights."""
    found: list[str] = []
    for name, module in model.named_modules():
        outermost = not any(name.startswith(f"{other}.") for other in found)
        if name and outermost and not any(True for _ in module.parameters()):
            found.append(name)
    return found


def _products(counts: Mapping[Any, int]) -> int:
    """Add up convolutions and products of matrices, without batched ones."""
    names = {str(key): count for key, count in counts.items()}
    return sum(count for name, count in names.items() if "convolution" in name or "mm" in name.replace("bmm", ""))


CHECKS = {
    "checkpoint": check_round_trip,
    "prunable": check_prunable,
    "masks": check_masks,
    "training": check_training,
    "LMC": check_lmc,
    "CKA": check_cka,
    "Hessian": check_hessian,
    "operations": check_size,
}
"""By the heading of the table."""


def _copies(model: nn.Module) -> list[Replica]:
    return [Replica(model=copy.deepcopy(model).eval(), run=run) for run in ("a", "b")]


def _close(found: Tensor, wanted: Tensor, tolerance: float, what: str) -> None:
    scale = float(wanted.abs().max()) or 1.0
    off = float((found - wanted).abs().max()) / scale
    assert off <= tolerance, f"{what} are off by {off:.2g}"
