"""The graph of a network made to waste less memory: the same numbers with fewer tensors.

What passes a tensor on unchanged is left out, and ReLU and sums are computed in place where nothing else needs their
input. A value may be overwritten when it is new memory (not a view, not the images) that has one user only.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import torch
from torch import fx, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from prunescope.networks.grouped.grouping import copied

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

RELUS = frozenset({functional.relu, torch.relu, torch.relu_, "relu", "relu_"})
SUMS = frozenset({operator.add, torch.add, "add"})
PASSING = frozenset({functional.dropout})
VIEWS = frozenset({torch.flatten, getattr, operator.getitem, "flatten", "view", "reshape", "contiguous", "size"})
CHANGING = frozenset({operator.iadd, operator.imul, torch.relu_, "relu_", "add_", "mul_"})
"""What overwrites its first argument."""

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


def tidy_graph(graph: fx.Graph, modules: Mapping[str, nn.Module]) -> bool:
    """Rewrite `graph`, of layers that `engine.grouping` supports in eval mode, in place; return whether it could be.

    False where the network itself overwrites what something else may still need: it is then not to be rewritten.
    """
    for node in list(graph.nodes):
        if passes_on(node, modules):
            node.replace_all_uses_with(node.all_input_nodes[0])
            graph.erase_node(node)
    if any(changes(node, modules) and not free(node.all_input_nodes[0], modules) for node in graph.nodes):
        return False
    for node in list(graph.nodes):
        if is_relu(node, modules):
            node.op, node.args = "call_function", (node.args[0],)
            node.target, node.kwargs = (torch.relu_ if free(node.args[0], modules) else torch.relu), {}
        elif node.target in SUMS and len(node.args) == 2 and len(node.all_input_nodes) == 2 and not node.kwargs:
            mine = next((one for one in reversed(node.all_input_nodes) if free(one, modules)), None)
            if mine is not None:
                other = next(one for one in node.all_input_nodes if one is not mine)
                node.op, node.target, node.args = "call_function", add_into, (mine, other)
    graph.lint()
    return True


def rewritable(net: fx.GraphModule) -> bool:
    """Whether a traced network may be rewritten, with each BatchNorm once and normalising by running statistics.

    Without running statistics the outputs depend on what else is in a batch, so that its size may not be changed.
    """
    modules = dict(net.named_modules())
    called = [str(node.target) for node in net.graph.nodes if node.op == "call_module"]
    norms = [name for name in called if isinstance(modules[name], _BatchNorm)]
    if len(set(norms)) < len(norms) or any(modules[name].running_mean is None for name in norms):
        return False
    return tidy_graph(copied(net.graph), modules)


def add_into(first: Tensor, second: Tensor) -> Tensor:
    """Return the sum, in the place of `first` where it has the sum's shape."""
    return first.add_(second) if first.shape == second.shape else first + second


def is_relu(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Whether a node is a ReLU in any of its spellings."""
    return type(modules.get(str(node.target))) is nn.ReLU if node.op == "call_module" else node.target in RELUS


def passes_on(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Whether a node, in eval mode, returns its input."""
    if node.op == "call_module":
        return isinstance(modules[str(node.target)], (nn.Identity, *DROPOUTS))
    return node.target in PASSING


def changes(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Whether a node overwrites its input."""
    if node.op == "call_module":
        return bool(getattr(modules[str(node.target)], "inplace", False))
    return node.target in CHANGING or any(one is True for one in (*node.args[1:], node.kwargs.get("inplace")))


def free(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Whether the only user of a node may overwrite it."""
    if len(node.users) != 1 or node.op in {"placeholder", "get_attr"}:
        return False
    flattens = node.op == "call_module" and isinstance(modules[str(node.target)], nn.Flatten)
    alias = flattens or node.target in VIEWS or node.target is add_into or changes(node, modules)
    return all(free(one, modules) for one in node.all_input_nodes) if alias else True
