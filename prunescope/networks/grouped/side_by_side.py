"""BatchNorm's statistics re-estimated for many batches at once: for devices whose time goes by launches.

The images of several batches go through the layers together; each BatchNorm takes the moments of every batch apart and
normalises it by its own. The statistics are those of the batches asked for, one after the other, whatever the number of
batches at a time: what a GPU computes in hundreds of small steps takes a few large ones. Features are in NCHW, which
cuDNN is fastest for in float32. What comes after the last BatchNorm is not computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from prunescope.api.errors import UsageError
from prunescope.networks.grouped.grouping import copied
from prunescope.networks.grouped.rewriting import free, is_relu, tidy_graph

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor


class EachBatch(nn.Module):
    """Batches side by side, each normalised by its own moments, then ReLU if asked; in place if asked.

    It adds up the moments of all batches it sees, weighted by their numbers of images.
    """

    def __init__(self, norm: _BatchNorm, *, in_place: bool, relu: bool) -> None:
        nn.Module.__init__(self)
        self.norm, self.in_place, self.relu = norm, in_place, relu
        self.last = False
        """Whether nothing needs the normalised features."""
        self.batch = 1
        """Images per batch."""
        running = cast("Tensor", norm.running_mean)
        self.mean, self.variance = torch.zeros_like(running), torch.zeros_like(running)

    def start(self) -> None:
        """Forget the moments seen."""
        self.mean.zero_()
        self.variance.zero_()

    def finish(self, images: int) -> None:
        """Write the mean of the moments, over so many images in all, into the running statistics of the norm."""
        cast("Tensor", self.norm.running_mean).copy_(self.mean.div_(images))
        cast("Tensor", self.norm.running_var).copy_(self.variance.div_(images))

    def forward(self, x: Tensor) -> Tensor:
        """Features (batches · images, channels, ...) -> the same shape."""
        apart = x.reshape(len(x) // self.batch, self.batch, x.shape[1], -1)
        mean, variance = moments_of_each(apart)
        n = self.batch * apart.shape[3]
        self.mean.add_(mean.sum(0), alpha=self.batch)
        self.variance.add_(variance.sum(0), alpha=self.batch * n / (n - 1))
        return x if self.last else self._normalised(x, apart, mean, variance)

    def _normalised(self, x: Tensor, apart: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        scale = (variance + self.norm.eps).rsqrt_()
        if self.norm.weight is not None:
            scale = scale.mul_(self.norm.weight.detach())
        shift = -mean * scale
        if self.norm.bias is not None:
            shift = shift.add_(self.norm.bias.detach())
        scale, shift = scale[:, None, :, None], shift[:, None, :, None]
        mine = self.in_place or apart.data_ptr() != x.data_ptr()
        made = torch.addcmul(shift, apart, scale, out=apart if mine else torch.empty_like(apart))
        return (made.relu_() if self.relu else made).view(x.shape)


def moments_of_each(apart: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and biased variance of every channel of every batch, over its images and their pixels.

    Formula: those of each image's pixels, merged as in `scale_shift.merge`.
    Shapes: (batches, images, channels, pixels) -> (batches, channels) each.

    >>> mean, variance = moments_of_each(torch.tensor([[1.0, 2.0], [3.0, 6.0]]).view(1, 2, 1, 2))
    >>> mean.item(), variance.item()
    (3.0, 3.5)
    """
    if apart.shape[3] == 1:
        variance, mean = torch.var_mean(apart[..., 0], 1, correction=0)
        return mean, variance
    within, means = torch.var_mean(apart, 3, correction=0)
    between, mean = torch.var_mean(means, 1, correction=0)
    return mean, within.mean(1).add_(between)


class SideBySide:
    """Re-estimates the running statistics of a traced network, again and again as its weights change.

    Made from the network of a `Grouped`; it reads its weights and writes its running means and variances.
    """

    def __init__(self, net: fx.GraphModule) -> None:
        graph = copied(net.graph)
        modules: dict[str, Any] = dict(net.named_modules())
        tidy_graph(graph, modules)
        nodes = [node for node in graph.nodes if isinstance(modules.get(str(node.target)), _BatchNorm)]
        self.norms = [_replace(node, modules) for node in nodes]
        self.net = _up_to(nodes, graph, modules)

    @property
    def needed(self) -> bool:
        """Whether there is any BatchNorm."""
        return bool(self.norms)

    def __call__(self, pieces: Iterable[Tensor], *, batch: int) -> None:
        """Replace the running statistics by the mean over the batches, weighted by images; see landscape.batchnorm.

        pieces: the images in order, a multiple of `batch` at a time, except for the last. A last batch of one image is
        left out.

        Raises UsageError when no batch of two images or more remains.
        """
        seen = 0
        with torch.no_grad():
            for norm in self.norms:
                norm.start()
            for images in pieces:
                whole = len(images) // batch * batch
                seen += self._pass(images[:whole], batch)
                seen += self._pass(images[whole:], len(images) - whole)
            if not seen:
                raise UsageError(
                    "BatchNorm cannot be re-estimated from batches of one image",
                    fix="use a batch size of 2 or more and at least two images",
                )
            for norm in self.norms:
                norm.finish(seen)

    def _pass(self, images: Tensor, batch: int) -> int:
        """Send whole batches through the layers; return how many images counted."""
        if batch < 2 or not len(images):
            return 0
        for norm in self.norms:
            norm.batch = batch
        self.net(images.contiguous())
        return len(images)


def _replace(node: fx.Node, modules: dict[str, Any]) -> EachBatch:
    """Put an EachBatch in the place of a BatchNorm and the ReLU after it; it is added to `modules` and returned."""
    after = next(iter(node.users), None)
    relu = after is not None and len(node.users) == 1 and is_relu(after, modules)
    layer = EachBatch(modules[str(node.target)], in_place=free(node.all_input_nodes[0], modules), relu=relu)
    if after is not None and relu:
        after.replace_all_uses_with(node)
        node.graph.erase_node(after)
    node.target = f"{node.target}".replace(".", "_") + "_each"
    modules[node.target] = layer
    return layer


def _up_to(norms: list[fx.Node], graph: fx.Graph, modules: dict[str, Any]) -> fx.GraphModule:
    """Return the network from the images to the last norms, whose outputs are returned for want of a use."""
    needed: set[fx.Node] = set()
    for node in reversed(list(graph.nodes)):
        if node in norms and node not in needed:
            modules[str(node.target)].last = True
        if node in norms or node in needed:
            needed.update((node, *node.all_input_nodes))
    kept = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        if node in needed or node.op == "placeholder":
            copies[node] = kept.node_copy(node, lambda one: copies[one])
    kept.output(tuple(copies[node] for node in norms if modules[str(node.target)].last))
    kept.lint()
    used = {str(node.target) for node in kept.nodes if node.op == "call_module"}
    return fx.GraphModule({name: modules[name] for name in used}, kept)
