"""Products of vectors with the Hessian of the mean loss over fixed batches, in eval mode."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import torch
from torch.func import functional_call
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from prunescope.api import CLASSIFICATION
from prunescope.api.errors import UsageError
from prunescope.api.progress import add_passes
from prunescope.landscape.guard import double, guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from torch import Tensor, nn

    from prunescope.api import Mask, Objective

    Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class NamedWeights:
    """The point of weight space where the Hessian is taken: copies that share the model's memory but not its graph."""

    leaves: dict[str, Tensor]
    kept: Tensor | None
    """1 for the weights the Hessian is over and 0 for those masked out, flat, in the order of `leaves`."""

    @property
    def size(self) -> int:
        """Length of the vectors: all parameters."""
        return sum(leaf.numel() for leaf in self.leaves.values())

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(iter(self.leaves.values())).device

    @property
    def rank(self) -> int:
        """Number of weights the Hessian is over."""
        return self.size if self.kept is None else int(self.kept.sum())

    def project(self, vector: Tensor) -> Tensor:
        """Set the entries of masked weights to zero."""
        return vector if self.kept is None else vector * self.kept


def weights(model: nn.Module, mask: Mask | None = None, *, only: Sequence[str] = ()) -> NamedWeights:
    """Return the weights of `model` that the Hessian is over.

    All parameters are: biases, norms and the unpruned layers too; with `only`, those whose name matches one of these
    patterns. Of the tensors in `mask` only the kept weights are.

    Raises UsageError when the mask names a tensor the model does not have, or a pattern matches no parameter.

    >>> from torch import nn
    >>> weights(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2)), only=["1.*"]).rank
    8
    """
    leaves = {name: tensor.detach().requires_grad_() for name, tensor in model.named_parameters()}
    if mask is not None and (unknown := sorted(mask.kept.keys() - leaves.keys())):
        raise UsageError(f"the mask names {unknown[0]!r}, which the model does not have", fix="give this model's mask")
    for pattern in only:
        if not any(fnmatchcase(name, pattern) for name in leaves):
            near = difflib.get_close_matches(pattern, leaves, n=3, cutoff=0.0)
            raise UsageError(f"no parameter of the model matches {pattern!r}", fix=f"the nearest: {', '.join(near)}")
    if mask is None and not only:
        return NamedWeights(leaves, None)
    kept = []
    for name, leaf in leaves.items():
        inside = not only or any(fnmatchcase(name, pattern) for pattern in only)
        flags = mask.kept[name].to(leaf) if mask is not None and name in mask.kept else torch.ones_like(leaf)
        kept.append(flags.detach().reshape(-1) * inside)
    return NamedWeights(leaves, torch.cat(kept))


class _Twice(TorchFunctionMode):
    """Computes by functions that have a second derivative what has none in torch.

    hardsigmoid is relu6(x + 3) / 6; normalize by the Euclidean norm, whose second derivative is NaN at a row of zeros
    (the keys of padded windows in SwinV2 of Torchvision), is x / √max(Σ x², ε²).
    """

    def __torch_function__(
        self,
        function: Callable[..., Tensor],
        types: Iterable[type],
        arguments: tuple[Any, ...] = (),
        named: dict[str, Any] | None = None,
    ) -> Tensor:
        """Call `function`, or its twin."""
        del types
        if function in {functional.hardsigmoid, torch._C._nn.hardsigmoid}:  # noqa: SLF001
            return functional.relu6(arguments[0] + 3) / 6
        if function is functional.normalize:
            return _normalize(*arguments, **(named or {}))
        return function(*arguments, **(named or {}))


def _normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:  # noqa: A002 - torch's names
    """Return torch.nn.functional.normalize, with a second derivative at zeros where p is 2."""
    if p != 2 or out is not None:
        return functional.normalize(input, p=p, dim=dim, eps=eps, out=out)
    return input / input.square().sum(dim, keepdim=True).clamp(min=eps**2).sqrt()


class GradientOfWeights:
    """Gradient of one batch's mean loss, with its graph: build it once, multiply it by many vectors."""

    def __init__(
        self, model: nn.Module, at: NamedWeights, batch: Batch, *, objective: Objective = CLASSIFICATION
    ) -> None:
        inputs, targets = batch
        self.at = at
        self.leaves = tuple(at.leaves.values())
        # Fused attention has no second derivative.
        with guarded([model]), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), _Twice():
            loss = objective.mean_loss(functional_call(model, at.leaves, (inputs,)), targets)
            grads = torch.autograd.grad(loss, self.leaves, create_graph=True, materialize_grads=True)
        self.grads = [(i, grad) for i, grad in enumerate(grads) if grad.requires_grad]
        self.images = len(inputs)
        add_passes(3 * self.images)

    def product(self, vector: Tensor) -> Tensor:
        """Return H v, flat; v and H v are projected on the kept weights."""
        shapes = [leaf.shape for leaf in self.leaves]
        parts = torch.split(self.at.project(vector), [shape.numel() for shape in shapes])
        along = [parts[i].reshape(shapes[i]) for i, _ in self.grads]
        with guarded([]):
            products = torch.autograd.grad(
                [grad for _, grad in self.grads], self.leaves, along, retain_graph=True, materialize_grads=True
            )
        add_passes(6 * self.images)
        return self.at.project(torch.cat([part.reshape(-1) for part in products])).detach()

    def forms(self, vector: Tensor, inner: Tensor) -> Tensor:
        """Return uᵀ H u and, for every tensor, the part of vᵀ H u that its weights make; u is `inner`.

        Shapes: vector and inner (size,) -> float64 (1 + tensors,).
        """
        return self.forms_of(vector, inner, self.product(inner))

    def forms_of(self, vector: Tensor, inner: Tensor, image: Tensor) -> Tensor:
        """Return the same where H u, `image`, is known."""
        exact = double(image)
        pieces = torch.split(double(vector) * exact, [leaf.numel() for leaf in self.leaves])
        return torch.stack([double(inner) @ exact, *(piece.sum() for piece in pieces)])


def shares(batches: Sequence[Batch]) -> list[float]:
    """Return the share of each batch in all images: the weight of its mean loss in the mean over all.

    Raises UsageError without images.

    >>> shares([(torch.zeros(3, 1), torch.zeros(3)), (torch.zeros(1, 1), torch.zeros(1))])
    [0.75, 0.25]
    """
    total = sum(len(labels) for _, labels in batches)
    if not total:
        raise UsageError("there are no images for the Hessian", fix="give a split with at least one image")
    return [len(labels) / total for _, labels in batches]
