"""The card of an exported network: what it is, how it was pruned, and the verdicts on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api.version import __version__
from prunescope.api.wording import count_text, density_text, error_text, probability_text
from prunescope.studies.results.ancestry import diagnoses_of, follow_inputs, measured_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prunescope.runs.files.runfile import Run, Verdict
    from prunescope.runs.session import Session
    from prunescope.studies.results.exporting import CardSubject

HEAD = """---
library_name: timm
pipeline_tag: image-classification
tags:
- timm
- image-classification
- pruning
- prunescope
---
"""
"""What the Hugging Face Hub reads of a card."""

OWN = "import prunescope.networks  # registers the architecture with timm\n"
"""What an example of code begins with where the architecture is one of prunescope's."""


def write_model_card(subject: CardSubject, session: Session) -> str:
    """Return the card as Markdown with its YAML head."""
    chain = follow_inputs(subject.reference, session)
    sections = [
        f"# {subject.spec.name}, {_density(subject)}",
        "\n".join(_about(subject, chain)),
        "## How to load it\n\n```python\nimport timm\n"
        + (OWN if subject.registered else "")
        + 'model = timm.create_model("hf-hub:OWNER/NAME", pretrained=True)  # or "local-dir:FOLDER"\n```',
        "## Verdict\n\n" + "\n".join(_verdicts(chain, subject, session)),
    ]
    if subject.mask is not None:
        sections.append("## Masks\n\n`masks.safetensors` holds a bool tensor for every pruned weight: true = kept.")
    return HEAD + "\n" + "\n\n".join(sections) + "\n"


def _density(subject: CardSubject) -> str:
    return "dense" if subject.mask is None else f"pruned to density {subject.mask.density:.4g}"


def _about(subject: CardSubject, chain: list[Run]) -> Iterator[str]:
    spec, size = subject.spec, "x".join(map(str, reversed(subject.image_size or ())))
    made_for = f"{count_text(spec.num_classes, 'class')}, {count_text(spec.in_chans, 'channel')}"
    yield f"- Network: {spec.name}, {made_for}{f', {size} pixels' if size else ''}"
    for run in reversed(chain):
        with_plugin = f" with {run.recipe.plugin}" if run.recipe.plugin else ""
        yield f"- {run.recipe.step.capitalize()}{with_plugin}: `{run.id}`"
    data = next((run.recipe.arguments["data"] for run in chain if "data" in run.recipe.arguments), None)
    if data:
        yield f"- Data: {data['name']}"
    if subject.mask is not None:
        yield f"- Weights kept: {subject.mask.n_kept:,} of {subject.mask.n_weights:,} prunable ones"
    yield f"- Made by prunescope {__version__}"


def _verdicts(chain: list[Run], subject: CardSubject, session: Session) -> Iterator[str]:
    errors = measured_errors(chain[0], session)
    if errors:
        yield f"Test error: {', '.join(error_text(error) for error in errors)}."
    found = diagnoses_of(chain, session)
    own = None if subject.mask is None else subject.mask.density
    if not found:
        yield "n/a: this study holds no diagnosis of the dense network."
        return
    yield f"The dense network was diagnosed (`{found[-1].id}`):"
    yield ""
    yield "| density | regime | advice | P(advice) |"
    yield "|---|---|---|---|"
    for verdict in found[-1].verdicts:
        near = own is not None and abs(verdict.density - own) < 5e-4
        yield _row(verdict, mark="**" if near else "")


def _row(verdict: Verdict, *, mark: str) -> str:
    one = verdict.diagnosis
    sure = "n/a" if one.confidence is None else probability_text(one.confidence)
    cells = (density_text(verdict.density), "n/a" if one.regime is None else str(one.regime), str(one.advice), sure)
    return "| " + " | ".join(f"{mark}{cell}{mark}" for cell in cells) + " |"
