"""K models of one architecture as one network of grouped layers: for tiny networks, whose layers keep no core busy.

Every tensor of the grouped network has K times the channels, those of the first model first: convolutions become
grouped ones, BatchNorm runs over all channels, linear layers become a batched product. Nothing flows between the
models, so each one's outputs, gradients and running statistics are its own, to float32 rounding.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import fx, nn
from torch.nn import functional

from prunescope.api.errors import UsageError
from prunescope.networks.grouped import layers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

CHANNELWISE_MODULES = frozenset(
    {nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Hardswish, nn.Sigmoid, nn.Tanh}
    | {nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d}
)
"""Layers without weights that treat every channel alike."""

DROPOUTS = frozenset({nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout})

CHANNELWISE_FUNCTIONS = frozenset(
    {operator.add, operator.iadd, operator.mul, operator.imul, operator.sub, operator.truediv, torch.add, torch.mul}
    | {functional.relu, torch.relu, torch.relu_, functional.gelu, functional.silu, functional.leaky_relu, torch.sigmoid}
    | {functional.adaptive_avg_pool2d, functional.avg_pool2d, functional.max_pool2d, functional.adaptive_max_pool2d}
)

CHANNELWISE_METHODS = frozenset({"add", "add_", "mul", "mul_", "relu", "relu_", "sigmoid", "contiguous"})


class Grouped(nn.Module):
    """K models as one; parameters and buffers have the models' own names, the models stacked along dimension 0.

    forward: images (batch, channels, height, width) that all models see, or with `shared` False (batch, K · channels,
    height, width), one set for each -> outputs (batch, K, classes), or (batch, K, channels, ...) of maps.
    The values are copies; `put` and `take` move them in and out. Mode (train or eval) as that of the first model when
    it is made: dropout that is active cannot be grouped. graph: that of one model from
    `traced_network`, where there is one.

    Raises UsageError, with the reason, for what cannot be grouped (see `obstacle`).
    """

    def __init__(self, models: Sequence[nn.Module], *, shared: bool, graph: fx.Graph | None = None) -> None:
        nn.Module.__init__(self)
        reason = ""
        if graph is None:
            graph, reason = traced_network(models[0])
        if graph is None:
            raise UsageError(f"{type(models[0]).__name__} cannot be grouped: {reason}", fix="run the models one by one")
        self.count = len(models)
        self.net = _build(models[0], copied(graph), count=self.count, shared=shared)
        _fill(self, models)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """Return the outputs (batch, K, ...)."""
        output: Tensor = self.net(images)
        return torch.unflatten(output, 1, (self.count, -1))


def tensors(grouped: Grouped) -> dict[str, Tensor]:
    """Return parameters and buffers by the models' names, each as a view of shape (K, *that of one model).

    The counter of batches seen, a single number, is common to all models and not among them.
    """
    net = grouped.net
    named = [*net.named_parameters(), *net.named_buffers()]
    return {name: torch.unflatten(tensor.detach(), 0, (grouped.count, -1)) for name, tensor in named if tensor.dim()}


@torch.no_grad()
def put(grouped: Grouped, model: nn.Module, index: int) -> None:
    """Copy the weights and buffers of `model` into place `index` of the grouped network."""
    state = _state(model)
    for name, tensor in tensors(grouped).items():
        tensor[index].copy_(state[name].view_as(tensor[index]))


@torch.no_grad()
def _fill(grouped: Grouped, models: Sequence[nn.Module]) -> None:
    """Copy the weights and buffers of all models into their places."""
    states = {id(model): _state(model) for model in models}
    for name, tensor in tensors(grouped).items():
        tensor.copy_(torch.stack([states[id(model)][name] for model in models]).view_as(tensor))


@torch.no_grad()
def take(grouped: Grouped, model: nn.Module, index: int) -> None:
    """Copy what is at place `index` of the grouped network back into `model`, counters of BatchNorm included."""
    state = _state(model)
    for name, tensor in tensors(grouped).items():
        state[name].copy_(tensor[index].view_as(state[name]))
    for name, counter in grouped.net.named_buffers():
        if not counter.dim():
            state[name].copy_(counter)


def supports(model: nn.Module) -> bool:
    """Whether copies of `model`, in its present mode, can run as one grouped network.

    >>> supports(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())), supports(nn.Sequential(nn.LayerNorm(3)))
    (True, False)
    """
    return not obstacle(model)


def obstacle(model: nn.Module) -> str:
    """Return why copies of `model`, in its present mode, cannot run as one grouped network; empty when they can."""
    return traced_network(model)[1]


def traced_network(model: nn.Module) -> tuple[fx.Graph, str] | tuple[None, str]:
    """Return the graph of `model` and an empty reason, or None and why it cannot be grouped."""
    if any(m._forward_hooks or m._forward_pre_hooks for m in model.modules()):  # noqa: SLF001 - no public way to ask
        return None, "it has hooks"
    graph = _trace(model)
    if graph is None:
        return None, "its forward pass depends on its input and cannot be traced"
    modules = dict(model.named_modules())
    reason = next((reason for node in graph.nodes if (reason := _obstacle(node, modules))), "")
    return (None, reason) if reason else (graph, "")


def _trace(model: nn.Module) -> fx.Graph | None:
    try:
        return fx.Tracer().trace(model)
    except Exception:  # noqa: BLE001 - tracing runs the model's own code, which may fail in any way
        return None


def _obstacle(node: fx.Node, modules: Mapping[str, nn.Module]) -> str:
    """Say why a node has no grouped twin; empty when it has one."""
    if node.op in {"placeholder", "output"}:
        single = node.op == "output" and isinstance(node.args[0], fx.Node)
        return "" if single or (node.op == "placeholder" and not node.args) else f"its {node.op} is not a single tensor"
    if node.op == "call_module":
        module = modules[str(node.target)]
        return "" if _module_ok(module) else f"{node.target} is a {type(module).__name__}"
    allowed = (node.op == "call_function" and _function_ok(node)) or (node.op == "call_method" and _method_ok(node))
    return "" if allowed else f"it uses {node.target} directly"


def _module_ok(module: nn.Module) -> bool:
    kind = type(module)  # not isinstance: a subclass may do something else
    if kind in DROPOUTS:
        return not module.training or cast("nn.Dropout", module).p == 0
    if isinstance(module, nn.Flatten):
        return (module.start_dim, module.end_dim) == (1, -1)
    if isinstance(module, nn.Conv2d):
        return kind is nn.Conv2d and module.padding_mode == "zeros"
    return kind in CHANNELWISE_MODULES or kind in {nn.BatchNorm2d, nn.BatchNorm1d, nn.Linear}


def _function_ok(node: fx.Node) -> bool:
    rest = (*node.args[1:], *node.kwargs.values())
    if node.target is functional.dropout:
        options = dict(zip(("input", "p", "training"), node.args, strict=False)) | dict(node.kwargs)
        return bool(options.get("p", 0.5) == 0) or options.get("training", True) is False
    if node.target in {torch.flatten, torch.cat}:
        return rest == (1,)
    if node.target in {getattr, operator.getitem}:
        return _is_batch_size(node)
    return node.target in CHANNELWISE_FUNCTIONS


def _method_ok(node: fx.Node) -> bool:
    rest = (*node.args[1:], *node.kwargs.values())
    if node.target == "flatten":
        return rest == (1,)
    if node.target == "mean":
        return bool(rest in (((2, 3),), ([2, 3],)))
    if node.target in {"view", "reshape"}:
        return len(rest) == 2 and bool(rest[1] == -1)
    return node.target in CHANNELWISE_METHODS or (node.target == "size" and _is_batch_size(node))


def _is_batch_size(node: fx.Node) -> bool:
    """Whether the node is x.size(0), x.shape[0], or the x.shape of such."""
    if node.target is getattr:
        return bool(node.args[1] == "shape") and all(user.target is operator.getitem for user in node.users)
    return bool(node.args[1:] == (0,))


def copied(graph: fx.Graph) -> fx.Graph:
    """Return a copy of a graph."""
    copy = fx.Graph()
    copy.output(copy.graph_copy(graph, {}))
    return copy


def _build(model: nn.Module, graph: fx.Graph, *, count: int, shared: bool) -> fx.GraphModule:
    """Return the grouped network, its weights still without values; `graph`, that of one model, becomes its own."""
    modules = dict(model.named_modules())
    called = [str(node.target) for node in graph.nodes if node.op == "call_module"]
    seeing = _first_convolutions(graph, modules) if shared else []
    direct = {str(node.target) for node in seeing if called.count(str(node.target)) == 1}
    if shared:
        _repeat_images(graph, count=count, direct=direct)
    for node in graph.nodes:
        if node.target is torch.cat:
            node.target, node.args, node.kwargs = layers.concatenate, (node.args[0], count), {}
    graph.lint()
    root: dict[str, Any] = {
        name: layers.grouped(modules[name], count=count, shared=name in direct) for name in dict.fromkeys(called)
    }
    return fx.GraphModule(root, graph, class_name=f"Grouped{type(model).__name__}")


def _first_convolutions(graph: fx.Graph, modules: Mapping[str, nn.Module]) -> list[fx.Node]:
    """Return the ungrouped convolutions that see the images themselves: they need no copies of them."""
    images = next(node for node in graph.nodes if node.op == "placeholder")
    found = [(user, modules.get(str(user.target))) for user in images.users if user.op == "call_module"]
    return [user for user, module in found if isinstance(module, nn.Conv2d) and module.groups == 1]


def _repeat_images(graph: fx.Graph, *, count: int, direct: set[str]) -> None:
    """Give every other layer that sees the images K copies of them."""
    images = next(node for node in graph.nodes if node.op == "placeholder")
    others = [user for user in images.users if not (user.op == "call_module" and str(user.target) in direct)]
    if others:
        with graph.inserting_after(images):
            copies = graph.call_function(layers.repeat, (images, count))
        for user in others:
            user.replace_input_with(images, copies)


def _state(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach() for name, tensor in [*model.named_parameters(), *model.named_buffers()]}
