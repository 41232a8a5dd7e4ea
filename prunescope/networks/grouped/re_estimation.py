"""BatchNorm's statistics re-estimated layer by layer, in pieces of a batch that stay in the cache.

A BatchNorm layer in train mode needs the statistics of the whole batch before it can normalise its first image. Between
two such barriers every piece of the batch goes through all layers while its features are in the cache. What comes after
the last BatchNorm is not computed. The statistics are those of the batches asked for, whatever the size of a piece.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import fx
from torch.nn.modules.batchnorm import _BatchNorm

from prunescope.api.errors import UsageError
from prunescope.networks.grouped.evaluation import simplify
from prunescope.networks.grouped.grouping import copied
from prunescope.networks.grouped.rewriting import tidy_graph
from prunescope.networks.grouped.scale_shift import ScaleShift, merge, moments

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

_NOTHING = torch.empty(0)


@dataclass(frozen=True)
class Stage:
    """The layers between two barriers, as a network from the values it needs to those that are needed later."""

    net: fx.GraphModule
    inputs: tuple[fx.Node, ...]
    last_use: tuple[bool, ...]
    """Of each input: nothing needs it after this stage."""
    outputs: tuple[fx.Node, ...]
    norms: tuple[tuple[int, ScaleShift], ...]
    """(which output it normalises, the layer) for every BatchNorm right after this stage."""


class ReEstimation:
    """Re-estimates the running statistics of a traced network, again and again as its weights change.

    Made from the network of a `Grouped`; it reads its weights and writes its running means and variances.
    """

    def __init__(self, net: fx.GraphModule) -> None:
        graph = copied(net.graph)
        modules: dict[str, Any] = dict(net.named_modules())
        tidy_graph(graph, modules)
        self.stages = _stages(graph, modules)

    @property
    def needed(self) -> bool:
        """Whether there is any BatchNorm."""
        return bool(self.stages)

    def __call__(self, batches: Iterable[Tensor], *, piece: int) -> None:
        """Replace the running statistics by the average over the batches, weighted by images; see landscape.batchnorm.

        piece: how many images go through the layers at a time. A batch of one image is left out.

        Raises UsageError when no batch of two images or more remains.
        """
        norms = [norm for stage in self.stages for _, norm in stage.norms]
        totals = [torch.zeros_like(running) for norm in norms for running in _running(norm)]
        seen = 0
        for images in batches:  # not in inference mode: a split that keeps its tensors stays usable in training
            if len(images) > 1:
                seen += len(images)
                with torch.inference_mode():
                    torch._foreach_add_(totals, self._moments(images, piece), alpha=len(images))
        if not seen:
            raise UsageError(
                "BatchNorm cannot be re-estimated from batches of one image",
                fix="use a batch size of 2 or more and at least two images",
            )
        running = [running for norm in norms for running in _running(norm)]
        with torch.inference_mode():
            for mine, total in zip(running, totals, strict=True):
                mine.copy_(total.div_(seen))

    def _moments(self, images: Tensor, piece: int) -> list[Tensor]:
        """Send one batch through all stages; return mean, then unbiased variance, for every BatchNorm in turn."""
        found: list[Tensor] = []
        values: dict[fx.Node, list[Tensor]] = {self.stages[0].inputs[0]: list(torch.split(images, piece))}
        for stage in self.stages:
            made, parts = _through(stage, values)
            values.update(zip(stage.outputs, made, strict=True))
            for (place, norm), seen in zip(stage.norms, parts, strict=True):
                sizes = [len(one) for one in made[place]]
                mean, variance = merge(seen, sizes)
                norm.follow(mean, variance)
                n = sum(sizes) * torch.Size(made[place][0].shape[2:]).numel()
                found += [mean, variance * (n / (n - 1))]
        return found


def _through(
    stage: Stage, values: dict[fx.Node, list[Tensor]]
) -> tuple[list[list[Tensor]], list[list[tuple[Tensor, Tensor]]]]:
    """Send every piece through a stage; return its outputs, and the moments each BatchNorm after it needs, by piece."""
    made: list[list[Tensor]] = [[] for _ in stage.outputs]
    parts: list[list[tuple[Tensor, Tensor]]] = [[] for _ in stage.norms]
    uses = list(zip(stage.inputs, stage.last_use, strict=True))
    inputs = [values.pop(node) if last else values[node] for node, last in uses]
    for number in range(len(inputs[0])):
        outputs = stage.net(*(pieces[number] for pieces in inputs))
        for pieces, (_, last) in zip(inputs, uses, strict=True):
            if last:
                pieces[number] = _NOTHING  # lets go of the memory
        for kept, output in zip(made, outputs, strict=True):
            kept.append(output)
        for part, (place, _) in zip(parts, stage.norms, strict=True):
            part.append(moments(outputs[place]))
    return made, parts


def _running(norm: ScaleShift) -> tuple[Tensor, Tensor]:
    return cast("Tensor", norm.norm.running_mean), cast("Tensor", norm.norm.running_var)


def _stages(graph: fx.Graph, modules: dict[str, Any]) -> list[Stage]:
    """Cut the graph at every BatchNorm."""
    norms: dict[fx.Node, ScaleShift] = {}
    for node in [node for node in graph.nodes if isinstance(modules.get(str(node.target)), _BatchNorm)]:
        norms[node] = cast("ScaleShift", simplify(node, modules, fold=False))
    needed = _before({node.all_input_nodes[0] for node in norms})
    level: dict[fx.Node, int] = {}
    for node in graph.nodes:
        level[node] = max((level[one] for one in node.all_input_nodes), default=0) + (node in norms)
    count = 1 + max((level[node.all_input_nodes[0]] for node in norms), default=-1)
    by_level = [[node for node in graph.nodes if node in needed and level[node] == number] for number in range(count)]
    return [_stage(by_level, number, norms, modules) for number in range(count)]


def _before(nodes: set[fx.Node]) -> set[fx.Node]:
    """Return the nodes and all that they depend on."""
    found: set[fx.Node] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += node.all_input_nodes
    return found


def _stage(
    by_level: Sequence[Sequence[fx.Node]], number: int, norms: dict[fx.Node, ScaleShift], modules: dict[str, Any]
) -> Stage:
    mine, later = by_level[number], [node for nodes in by_level[number + 1 :] for node in nodes]
    used_later = {one for node in later for one in node.all_input_nodes}
    here = [node for node in norms if node.all_input_nodes[0] in mine]
    inputs = _inputs(mine)
    outputs = [node for node in mine if node in used_later or any(node in norm.all_input_nodes for norm in here)]
    graph = fx.Graph()
    copies = {node: graph.placeholder(f"value_{place}") for place, node in enumerate(inputs)}
    for node in mine:
        if node.op != "placeholder":
            copies[node] = graph.node_copy(node, lambda one: copies[one])
    graph.output(tuple(copies[node] for node in outputs))
    graph.lint()
    used = {str(node.target) for node in graph.nodes if node.op == "call_module"}
    return Stage(
        net=fx.GraphModule({name: modules[name] for name in used}, graph),
        inputs=tuple(inputs),
        last_use=tuple(node not in used_later for node in inputs),
        outputs=tuple(outputs),
        norms=tuple((outputs.index(node.all_input_nodes[0]), norms[node]) for node in here),
    )


def _inputs(mine: Sequence[fx.Node]) -> list[fx.Node]:
    """Return the images, and the values from earlier stages, that a stage needs."""
    images = [node for node in mine if node.op == "placeholder"]
    earlier = [one for node in mine for one in node.all_input_nodes if one not in mine]
    return list(dict.fromkeys([*images, *earlier]))
