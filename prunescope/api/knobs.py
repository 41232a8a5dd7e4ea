"""Temperature-like knobs of dense training: one table of what they are, which way is hotter, and their words.

Source of the directions: Zhou et al. 2023, section 2. A knob is an option of trainers; a new one is one line in
`KNOBS`.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Knob:
    """A temperature-like setting of dense training.

    >>> momentum = Knob("momentum", +1, words="momentum")
    >>> momentum.typed, momentum.at("0.9"), momentum.below("0.9"), momentum.above("0.9")
    ('momentum', 'momentum 0.9', 'momentum below 0.9', 'momentum above 0.9')
    """

    name: str
    """Option of a trainer."""
    hotter: Literal[1, -1]
    """+1 where a larger value is hotter, -1 where a smaller one is."""
    _: KW_ONLY
    whole: bool = False
    """Whether it counts something: whole numbers from 1."""
    words: str
    """What a person calls it."""
    value: str = ""
    """How a value is written, as "{} epochs"; its words and the value where empty."""
    smaller: str = ""
    """How smaller values are written, as "fewer than {} epochs"; "below" where empty."""
    larger: str = ""
    """How larger values are written, as "more than {} epochs"; "above" where empty."""
    also: str = ""
    """A shorter name that a person may type."""

    @property
    def typed(self) -> str:
        """The name on the command line."""
        return self.also or self.name.replace("_", "-")

    def at(self, value: str) -> str:
        """Write a value in a sentence."""
        return _fill(self.value or f"{self.words} {{}}", value)

    def below(self, value: str) -> str:
        """Write all smaller values in a sentence."""
        return _fill(self.smaller or f"{self.words} below {{}}", value)

    def above(self, value: str) -> str:
        """Write all larger values in a sentence."""
        return _fill(self.larger or f"{self.words} above {{}}", value)


def _fill(template: str, value: str) -> str:
    """Write a value into a template, whose plural behind it becomes singular for one.

    >>> _fill("more than {} epochs", "1"), _fill("{} epochs", "2")
    ('more than 1 epoch', '2 epochs')
    """
    return (
        template.format(value).removesuffix("s")
        if value == "1" and template.endswith("} epochs")
        else template.format(value)
    )


def tabulate_knobs(knobs: Iterable[Knob]) -> dict[str, Knob]:
    """Return knobs by the name of their option."""
    return {knob.name: knob for knob in knobs}


KNOBS = tabulate_knobs(
    (
        Knob(
            "epochs",
            -1,
            whole=True,
            words="epochs",
            value="{} epochs",
            smaller="fewer than {} epochs",
            larger="more than {} epochs",
        ),
        Knob(
            "batch_size",
            -1,
            whole=True,
            words="batch size",
            smaller="batch smaller than {}",
            larger="batch larger than {}",
        ),
        Knob("learning_rate", +1, words="learning rate", also="lr"),
        Knob("weight_decay", +1, words="weight decay"),
        Knob("rho", +1, words="SAM rho", smaller="rho below {}", larger="rho above {}", also="sam"),
    )
)
"""Name of the option -> the knob, in the order in which one is looked for."""


def find_knob(text: str) -> Knob | None:
    """Return the knob that a person names, None where there is none.

    >>> find_knob("batch-size").name, find_knob("lr").name, find_knob("colour")
    ('batch_size', 'learning_rate', None)
    """
    wanted = text.replace("-", "_")
    return next((knob for knob in KNOBS.values() if wanted in (knob.name, knob.also)), None)


def knob_words(name: str) -> str:
    """Return what a person calls a setting; the name itself where it is no knob."""
    knob = KNOBS.get(name)
    return knob.words if knob else name
