"""The table of the zoo, as a page of the documentation."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from prunescope.api.wording import count_text

if TYPE_CHECKING:
    from collections.abc import Sequence

REFUSED, WRONG = "refused: ", "WRONG: "

CHECKED = ("checkpoint", "prunable", "masks", "training", "LMC", "CKA", "Hessian", "operations")

COLUMNS = ("network", "input", "parameters", *CHECKED)

SECTIONS = {"timm": "timm", "torchvision": "Torchvision", "our own": "Odd networks of our own"}

TOP = """# The zoo

`nox -s zoo` wrote this page. Every network has 5 classes, fresh weights and the smallest images that it takes (or rows
of numbers or tokens), and is compared with something independent of prunescope:

- **checkpoint**: a file of `torch.save` and one of prunescope are read back, outputs equal to the bit;
- **prunable**: what the default prunes and its share of all parameters, counted again;
- **masks**: how many of the 11 pruners keep exactly a quarter of the weights and leave the network as it was;
- **training**: an epoch under a mask leaves every masked weight zero;
- **LMC** of identical copies, exactly; **CKA** of a network with itself;
- **Hessian**: relative distance of a Hessian-vector product in float64 from double automatic differentiation (2e:
  central differences of the gradient, where torch has no second derivative);
- **operations**: multiply-adds times two of one example, within what torch's own counter finds.

A network of more than 8 M parameters is built with fewer or narrower blocks of the same kinds where its constructor
takes such arguments: they stand behind its name. `vit_b_16` and `maxvit_t` of Torchvision are built from their classes.

A number in the table refers to the list of refusals below it. A network that is refused gets one error with the reason,
and no wrong number.
"""


NOT_RUN = """Families whose smallest network has more than 60 M parameters, and no arguments that make it smaller: the
checks in float64 take about a hundred bytes of memory for each parameter."""


def write_table(rows: list[dict[str, str]], large: list[tuple[str, str, int]], left: Sequence[str] = ()) -> str:
    """Return the page: a table for each source, the refusals, and the families that are not run."""
    notes = _notes(rows)
    parts = [TOP, summary(rows) + "\n"]
    for source, title in SECTIONS.items():
        own = [row for row in rows if row["source"] == source]
        if own:
            lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
            lines += ["| " + " | ".join(_cells(row, notes)) + " |" for row in own]
            parts.append(f"## {title}\n\n" + "\n".join(lines) + "\n")
    if notes:
        parts.append("## Refusals\n\n" + "\n".join(f"{number}. {text}" for text, number in notes.items()) + "\n")
    if large:
        listed = "\n".join(f"- {family}: {name}, {count / 1e6:.0f} M" for family, name, count in large)
        parts.append(f"## Not run\n\n{NOT_RUN}\n\n{listed}\n")
    if left:
        parts.append(f"## Left\n\nNot reached when this page was written:\n\n{', '.join(left)}\n")
    return "\n".join(parts)


def summary(rows: list[dict[str, str]]) -> str:
    """Return how many networks there are, how many are refused, and how many numbers are wrong.

    >>> summary([{"source": "timm", "network": "a", "LMC": "0"}])
    '1 network (1 timm): 0 refused as a whole, 0 refusals of single checks, 0 wrong.'
    """
    counted = Counter(row["source"] for row in rows)
    sources = ", ".join(f"{count} {source}" for source, count in counted.items())
    whole = sum(row.get("refused", "").startswith(REFUSED) for row in rows)
    cells = [text for row in rows for name, text in row.items() if name != "refused"]
    wrong = sum(text.startswith(WRONG) for row in rows for text in row.values())
    single = sum(text.startswith(REFUSED) or (": " in text and "exact" in text) for text in cells)
    return (
        f"{count_text(len(rows), 'network')} ({sources}): {whole} refused as a whole, "
        f"{count_text(single, 'refusal')} of single checks, {wrong} wrong."
    )


def _cells(row: dict[str, str], notes: dict[str, int]) -> list[str]:
    if "refused" in row:
        whole = row["refused"]
        cell = f"refused ({notes[whole]})" if whole in notes else whole
        return [row["network"], row.get("input", ""), cell, *[""] * (len(COLUMNS) - 3)]
    return [_shown(row.get(column, ""), notes) for column in COLUMNS]


def _shown(text: str, notes: dict[str, int]) -> str:
    if text in notes:
        return f"refused ({notes[text]})"
    first, *others = text.split("; ")
    marks = ", ".join(str(notes[other]) for other in others if other in notes)
    short = first.replace(", double autograd", "").replace(", central differences", " (2e)")
    return (f"{short} ({marks})" if marks else short).replace("|", "\\|").replace("\n", " ")


def _notes(rows: list[dict[str, str]]) -> dict[str, int]:
    """Return a number for every refusal, in the order in which they come."""
    found: dict[str, int] = defaultdict(lambda: len(found) + 1)
    for row in rows:
        for text in row.values():
            if text.startswith(REFUSED):
                found[text]
            elif "exact" in text:
                for other in text.split("; ")[1:]:
                    found[other]
    return dict(found)
