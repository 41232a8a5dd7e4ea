"""What a network is trained for: the loss and the error of each example, and the words for both.

`Data` carries an objective. Trainers, scores of pruners and measurements call it and use nothing else of the targets.
The default is cross-entropy over classes with top-1 errors; `prunescope.data.objectives` has others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

__all__ = ["CLASSIFICATION", "Classification", "Objective"]


class Objective(ABC):
    """Compares a batch of outputs with its targets, example by example.

    outputs: what the network returns, (batch, ...). targets: what the split yields, one tensor, (batch, ...).
    An implementation is a final frozen dataclass: its fields are part of the fingerprint of the data. Each example
    counts by itself: its loss and its error depend on no other example of the batch. Networks that run together are
    evaluated in one call, the outputs of all networks for one example beside each other along the batch.
    """

    loss_name: ClassVar[str]
    """What the loss is in reports, such as "cross-entropy"."""
    loss_unit: ClassVar[str] = "nat"
    """Unit of the loss; "1" for a pure number."""
    error_names: ClassVar[Mapping[str, str]]
    """What each error of `all_errors` is in reports, by its name, such as {"error": "top-1 error"}."""
    representation_name: ClassVar[str] = "outputs"
    """What `representation` is of the outputs, such as "softmax outputs"."""
    prediction_name: ClassVar[str] = "outputs"
    """What `predictions` takes from the outputs, such as "classes of the largest logit"."""
    mixes: ClassVar[bool] = False
    """Whether targets are class numbers, and `losses` takes a distribution over classes in their place: MixUp."""

    @property
    def identity(self) -> str:
        """Name and options, for the fingerprint of the data."""
        options = ", ".join(f"{name}={value!r}" for name, value in sorted(vars(self).items()))
        return f"{type(self).__module__}.{type(self).__qualname__}({options})"

    @property
    def error_name(self) -> str:
        """What an error is in reports, such as "top-1 error"."""
        return self.error_names["error"]

    @abstractmethod
    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each example, (batch,), differentiable in the outputs; UsageError where shapes differ."""

    @abstractmethod
    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the error of each example, in [0, 1] or bool, (batch,); 0 where the network is right."""

    def mean_loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean of `losses` as one number: what training minimises."""
        return self.losses(outputs, targets).mean()

    def all_errors(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return every kind of error that reports show, each as `errors` does; "error" is the first."""
        return {"error": self.errors(outputs, targets)}

    def predictions(self, outputs: Tensor) -> Tensor:
        """Return targets on which these outputs have no error: two networks disagree by the error of one on the other.

        The default is for outputs that are compared with targets of their own shape.
        """
        return outputs

    def representation(self, outputs: Tensor) -> Tensor:
        """Return what CKA compares at the outputs, float64 (batch, features); the default is the outputs themselves."""
        return _double(outputs).flatten(1)

    def distributions(self, outputs: Tensor) -> Tensor | None:
        """Return the probabilities that the outputs mean, float64 (batch, ..., outcomes); None where they do not.

        Replicas are compared by the Jensen–Shannon divergence along the last dimension.
        """
        del outputs
        return None

    def chance(self, targets: Tensor) -> float | None:
        """Return the error of the best prediction that is the same for all these targets; None where it is not known.

        A network that errs about as often has learned nothing.
        """
        del targets
        return None

    def num_outputs(self, targets: Tensor) -> int | None:
        """Return how many outputs (classes, channels) these targets require; None where they do not determine it."""
        del targets
        return None

    def smoothed(self, amount: float) -> Objective:
        """Return the objective with label smoothing, for training alone; UsageError where it has none."""
        if amount:
            raise UsageError(
                f"label_smoothing is {amount:g}, but {self.loss_name} has no classes to smooth", fix="use 0"
            )
        return self


@dataclass(frozen=True, kw_only=True)
class Classification(Objective):
    """One class for each example: cross-entropy and top-1 error.

    Formula: loss −Σ_c q_c ln softmax(z)_c with q the target class, smoothed as q ← (1 − s) q + s / classes; error
    [argmax z ≠ class]. Shapes: outputs (batch, classes), targets int64 (batch,), or q itself (batch, classes). Unit:
    nat; bool. NaN: the loss of an example with a NaN logit.

    >>> import torch
    >>> outputs, targets = torch.tensor([[0.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1])
    >>> CLASSIFICATION.losses(outputs, targets), CLASSIFICATION.errors(outputs, targets)
    (tensor([0.6931, 2.1269]), tensor([False,  True]))
    """

    label_smoothing: float = 0.0

    loss_name = "cross-entropy"
    error_names: ClassVar[Mapping[str, str]] = {"error": "top-1 error", "error_top5": "top-5 error"}
    representation_name = "softmax outputs"
    prediction_name = "classes of the largest logit"
    mixes = True

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the cross-entropy of each example."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(outputs, targets, label_smoothing=self.label_smoothing, reduction="none")

    def mean_loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy, by torch's own kernel."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(outputs, targets, label_smoothing=self.label_smoothing)

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return whether the class of the largest logit is another than that of the example, or of its larger part."""
        labels = targets if targets.dim() == 1 else targets.argmax(1)
        return outputs.argmax(1) != labels

    def all_errors(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return "error" (top-1) and "error_top5", 0 up to five classes; a label whose logit is NaN is wrong."""
        place = rank(outputs, targets)
        return {"error": place >= 1, "error_top5": place >= 5}

    def predictions(self, outputs: Tensor) -> Tensor:
        """Return the class of the largest logit."""
        return outputs.argmax(1)

    def representation(self, outputs: Tensor) -> Tensor:
        """Return the class probabilities."""
        return _double(outputs).softmax(1)

    def distributions(self, outputs: Tensor) -> Tensor:
        """Return the class probabilities."""
        return self.representation(outputs)

    def chance(self, targets: Tensor) -> float:
        """Return 1 minus the share of the largest class.

        >>> import torch
        >>> CLASSIFICATION.chance(torch.tensor([0, 0, 0, 2]))
        0.25
        """
        return 1 - int(targets.flatten().bincount().max()) / targets.numel()

    def num_outputs(self, targets: Tensor) -> int:
        """Return the number of classes: the largest label and one."""
        return int(targets.max()) + 1

    def smoothed(self, amount: float) -> Classification:
        """Return the objective with this share of each target spread over all classes."""
        return replace(self, label_smoothing=amount) if amount else self


CLASSIFICATION = Classification()


def rank(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the place of each label among its example's logits; 0 is the largest.

    Equal logits rank by class index, as argmax does. A label whose logit is NaN comes last.
    Shapes: logits (n, classes), labels (n,) -> int64 (n,).

    >>> import torch
    >>> rank(torch.tensor([[1.0, 3.0, 2.0], [0.0, 0.0, 0.0]]), torch.tensor([2, 2]))
    tensor([1, 2])
    """
    import torch

    own = logits.gather(1, labels[:, None])
    later = torch.arange(logits.shape[1], device=logits.device)[None] >= labels[:, None]
    beaten = (logits < own) | ((logits == own) & later)
    return logits.shape[1] - beaten.sum(1)


def _double(tensor: Tensor) -> Tensor:
    """Return a tensor in float64, on the CPU where the device (Apple's) has no float64."""
    return tensor.cpu().double() if tensor.device.type == "mps" else tensor.double()
