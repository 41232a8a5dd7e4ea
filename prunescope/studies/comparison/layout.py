"""A comparison as recipes: one study for each pruner, which share their dense runs, and what is measured on these."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError
from prunescope.data.spec import parse_spec
from prunescope.plugins import registry
from prunescope.runs import plan
from prunescope.studies.grid import layout
from prunescope.studies.grid.study import PluginChoice, Study

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.runs.recipe import Recipe
    from prunescope.studies.grid.layout import Grid
    from prunescope.studies.grid.studyfolder import DataShape

CONTROL = "random"
"""The pruner that is always among those compared; the dense models are the other control."""

PROBES = (PluginChoice(plugin="errors"), PluginChoice(plugin="size", options={"latency_repeats": 0}))
"""What is measured on every model."""


@dataclass(frozen=True, kw_only=True)
class ComparisonLayout:
    """All steps of a comparison."""

    grids: Mapping[str, Grid]
    """By the pruner, as a person wrote it; the studies differ in nothing else."""
    dense: Mapping[int, tuple[Recipe, ...]]
    """The probes of the dense model, by its seed."""

    @property
    def study(self) -> Study:
        """The study of the first pruner."""
        return next(iter(self.grids.values())).study

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """Every step once, in dependency order: the dense models first, then one pruner after the other."""
        trainings = next(iter(self.grids.values())).trainings
        steps = [*trainings, *(probe for probes in self.dense.values() for probe in probes)]
        steps += [recipe for one in self.grids.values() for recipe in one.recipes]
        return tuple({recipe.id: recipe for recipe in steps}.values())


def method_choices(texts: Sequence[str]) -> dict[str, PluginChoice]:
    """Return the pruners that a person named, the random control first.

    A name may be followed by ":option=value,option=value".

    >>> given = "magnitude:scope=global,allocation=uniform"
    >>> method_choices([given])[given].options
    {'scope': 'global', 'allocation': 'uniform'}

    Raises:
        UsageError: a pruner is named twice.
    """
    found: dict[str, PluginChoice] = {} if CONTROL in texts else {CONTROL: PluginChoice(plugin=CONTROL)}
    for text in texts:
        if text in found:
            raise UsageError(f"the pruner {text!r} is named twice", fix="name it once, or with other options")
        name, values = parse_spec(text)
        found[text] = PluginChoice(plugin=name, options=values)
    return {CONTROL: found[CONTROL], **found}


def lay_out(study: Study, pruners: Mapping[str, PluginChoice], shape: DataShape) -> ComparisonLayout:
    """Lay out one study for each pruner, and the probes of the dense models.

    Raises:
        UsageError: a plugin has no such option, or there is no such plugin.
    """
    expanded = {
        label: layout.expand(
            replace(study, name=label, prune=choice),
            shape.source,
            num_classes=shape.num_classes,
            in_chans=shape.in_chans,
            image_size=shape.image_size,
            identity=shape.identity,
        )
        for label, choice in pruners.items()
    }
    probes = [registry.make("probes", choice.plugin, choice.options) for choice in study.probes]
    cells = next(iter(expanded.values())).cells
    dense = {
        cell.seed: tuple(
            plan.probing_recipe(replicas=[cell.dense], probe=probe, data=shape.source, seed=cell.seed)
            for probe in probes
        )
        for cell in cells
    }
    return ComparisonLayout(grids=expanded, dense=dense)
