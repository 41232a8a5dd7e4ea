"""A network for evaluation alone: BatchNorm folded into the convolution before it, or one pass where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import fx, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from prunescope.networks.grouped.grouping import copied
from prunescope.networks.grouped.layers import GroupedConvolution
from prunescope.networks.grouped.rewriting import free, is_relu, tidy_graph
from prunescope.networks.grouped.scale_shift import ScaleShift, coefficients

if TYPE_CHECKING:
    from torch import Tensor


class Folded(nn.Module):
    """x ↦ norm(convolution(x)) with the norm's running statistics, then ReLU if asked, as one convolution.

    Formula: with scale = γ / √(σ² + ε), the weights are scale · W and the bias is β + scale · (b − μ).
    """

    def __init__(self, convolution: GroupedConvolution, norm: _BatchNorm, *, relu: bool) -> None:
        nn.Module.__init__(self)
        self.convolution, self.norm, self.relu = convolution, norm, relu
        self.weight = torch.empty_like(convolution.weight.detach())
        self.bias = torch.empty_like(convolution.weight.detach()[:, 0, 0, 0])

    def follow(self, mean: Tensor, variance: Tensor) -> None:
        """Normalise with these statistics from now on, and with the present weights."""
        scale, shift = coefficients(self.norm, mean, variance)
        torch.mul(self.convolution.weight.detach(), scale.view(-1, 1, 1, 1), out=self.weight)
        bias = self.convolution.bias
        self.bias = shift if bias is None else torch.addcmul(shift, bias.detach(), scale)

    def forward(self, x: Tensor) -> Tensor:
        """Features (batch, inputs, ...) -> (batch, outputs, ...)."""
        one = self.convolution
        made = functional.conv2d(x, self.weight, self.bias, one.stride, one.padding, one.dilation, one.groups)
        return made.relu_() if self.relu else made


class Evaluation:
    """The eval-mode forward pass of a traced network whose weights and running statistics may change between calls.

    Call `refresh` after they did. Made from the network of a `Grouped`, which it reads and leaves as it is.
    """

    def __init__(self, net: fx.GraphModule) -> None:
        self.net = _fold(net)
        self.norms = [one for one in self.net.modules() if isinstance(one, ScaleShift | Folded)]

    @torch.no_grad()
    def refresh(self) -> None:
        """Take over the present weights and running statistics."""
        for one in self.norms:
            one.follow(cast("Tensor", one.norm.running_mean), cast("Tensor", one.norm.running_var))

    def __call__(self, images: Tensor) -> Tensor:
        """Images -> what the network returns."""
        output: Tensor = self.net(images)
        return output


def _fold(net: fx.GraphModule) -> fx.GraphModule:
    """Return the network with every BatchNorm in the cheapest form; it shares the layers that keep their form."""
    graph = copied(net.graph)
    modules: dict[str, Any] = dict(net.named_modules())
    tidy_graph(graph, modules)
    for node in [node for node in graph.nodes if isinstance(modules.get(str(node.target)), _BatchNorm)]:
        simplify(node, modules, fold=True)
    graph.lint()
    used = {str(node.target) for node in graph.nodes if node.op == "call_module"}
    return fx.GraphModule({name: modules[name] for name in used}, graph)


def simplify(node: fx.Node, modules: dict[str, Any], *, fold: bool) -> ScaleShift | Folded:
    """Put one layer in the place of a BatchNorm, the ReLU after it and, if `fold`, the convolution before it.

    It is added to `modules` under the name of the norm, and returned.
    """
    before, norm = node.all_input_nodes[0], modules[str(node.target)]
    after = next(iter(node.users), None)
    relu = after is not None and len(node.users) == 1 and is_relu(after, modules)
    convolution = modules.get(str(before.target)) if before.op == "call_module" else None
    layer: ScaleShift | Folded
    if fold and isinstance(convolution, GroupedConvolution) and len(before.users) == 1:
        layer = Folded(convolution, norm, relu=relu)
        node.args = before.args
        node.graph.erase_node(before)
    else:
        layer = ScaleShift(norm, in_place=free(before, modules), relu=relu)
    if after is not None and relu:
        after.replace_all_uses_with(node)
        node.graph.erase_node(after)
    node.target = f"{node.target}".replace(".", "_") + "_simplified"
    modules[node.target] = layer
    return layer
