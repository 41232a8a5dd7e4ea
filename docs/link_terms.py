"""Link the first occurrence of every term on a page to the glossary, as an extension of Sphinx."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docutils import nodes
    from sphinx.application import Sphinx

GLOSSARY = Path(__file__).with_name("glossary.md")

WITHOUT = ("glossary", "cli", "CHANGELOG", "api")
"""Pages that define the terms, or are generated."""

VERBS = ("reading", "run")
"""Terms that are verbs too: most of their occurrences mean something else."""


def read_terms(text: str) -> list[str]:
    r"""Return the terms of a glossary: the lines of its directives that are not indented, the longest first.

    >>> read_terms("```{glossary}\ndense seed\nseed\n  a number\n```\nprose\n")
    ['dense seed', 'seed']
    """
    blocks = re.findall(r"^```\{glossary\}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line and not line.startswith(" ")]
    return sorted(lines, key=lambda term: (-len(term), term))


def make_pattern(terms: list[str]) -> re.Pattern[str]:
    """Return the pattern of any term as a whole word, or its plural.

    >>> [found[0] for found in make_pattern(["CKA", "replica"]).finditer("CKA of two replicas, replicate")]
    ['CKA', 'replicas']
    """
    return re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, terms))})(s?)(?![\w-])")


def link_terms(app: Sphinx, doctree: nodes.document) -> None:
    """Put a cross-reference in the place of the first occurrence of each term on a page."""
    from docutils import nodes  # the doctests above run without them

    if app.env.docname.rpartition("/")[2] in WITHOUT:
        return
    terms = [term for term in read_terms(GLOSSARY.read_text()) if term not in VERBS]
    pattern, left, no_prose = make_pattern(terms), set(terms), _no_prose()
    for text in list(doctree.findall(nodes.Text)):
        if left and not any(isinstance(one, no_prose) for one in _parents(text)):
            parts = list(_linked(str(text), pattern, left))
            if len(parts) > 1:
                text.parent.replace(text, parts)


def _no_prose() -> tuple[type[nodes.Node], ...]:
    """Return what a link is not put into."""
    from docutils import nodes
    from sphinx import addnodes

    return (
        nodes.reference, nodes.literal, nodes.literal_block, nodes.title, nodes.raw, nodes.term, nodes.caption,
        nodes.pending, addnodes.pending_xref, addnodes.desc,
    )  # fmt: skip


def _parents(node: nodes.Node) -> Iterator[nodes.Node]:
    while (node := node.parent) is not None:
        yield node


def _linked(text: str, pattern: re.Pattern[str], left: set[str]) -> Iterator[nodes.Node]:
    """Yield a text in parts: what is no term, and links to the terms that are left."""
    from docutils import nodes
    from sphinx import addnodes

    end = 0
    for found in pattern.finditer(text):
        if found[1] in left:
            left.remove(found[1])
            yield nodes.Text(text[end : found.start()])
            link = addnodes.pending_xref(
                "", nodes.inline("", found[0]), refdomain="std", reftype="term", reftarget=found[1], refexplicit=True
            )
            yield link
            end = found.end()
    yield nodes.Text(text[end:])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("doctree-read", link_terms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
