"""Data as a network's training saw them: the settings of its checkpoint count, unless a person gives others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunescope.runs import labels
from prunescope.runs.recipe import run_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.api import Data
    from prunescope.data.spec import Source
    from prunescope.plugins.registry import Loaded
    from prunescope.runs.session import Session

NETWORK = "the network"


def describe_as_trained(
    text: str, references: Sequence[str], session: Session, *, limit_batches: int | None = None
) -> Source:
    """Return the data set that `text` names, its images seen as the training of the first network saw them.

    One line reports how, and where each setting was read: `--data`, the checkpoint, the network, or a default; of a
    folder, a line for each split reports what lies there.

    Raises MismatchError where a folder has other classes than the network has outputs, and no map assigns them.
    """
    from prunescope.data import sight, sources

    facts = session.read(run_of(references[0])).facts if references else {}
    name, given, known = sources.given_options(text)
    settled = sight.settle(_settings(facts, name), known=known, given=given)
    trust = session.store.trust
    classes, why = labels.class_options(text, facts, session, given=given)
    chosen, origins = {**settled.options, **classes}, dict(settled.origins)
    source = sources.describe(text, trust=trust, limit_batches=limit_batches, more=chosen)
    opened = sources.open_source(source.to_json(), device="cpu", trust=trust)
    needed = {key: value for key, value in _needed(facts.get("model"), opened).items() if key in known - given}
    if "image_size" in given | set(chosen):
        needed = {key: value for key, value in needed.items() if key == "in_chans"}
    if needed:
        source = sources.describe(text, trust=trust, limit_batches=limit_batches, more=chosen | needed)
        opened = sources.open_source(source.to_json(), device="cpu", trust=trust)
        origins |= dict.fromkeys(needed, NETWORK)
    for one in settled.refused:
        session.note(f"the checkpoint's {one}: not used")
    found = labels.report_inventory(text, source, session, more=source.options, why=why)
    if known.issuperset(sight.LOOK):
        session.note(sight.describe_sight(opened, sources.all_options(source), origins=origins, given=given))
    elif sight.settle(facts.get("data"), known=sight.LOOK).options.keys() - known - given and name != "timm":
        session.note(f"images: as the data set {name!r} gives them; the checkpoint's settings of images are not used")
    if found and references:
        mapped = bool({"classes", "num_classes"} & (given | set(chosen)))
        labels.check_outputs(references[0], opened, session, mapped=mapped, name=text)
    return source


def describe_unheeded(reference: str, source: Source, trainer: Loaded, session: Session) -> str:
    """Return a sentence on what a dense training did that a retraining on these data does not; "" where nothing."""
    from prunescope.data import sources
    from prunescope.data.sight import unheeded

    settings = dict(session.read(run_of(reference)).facts.get("data") or {})
    if trainer.given.get("ema"):
        settings.pop("model_ema", None)
    data = sources.open_source(source.to_json(), device="cpu", trust=session.store.trust)
    found = unheeded(settings, data)
    return f"the dense training used these, the retraining does not: {', '.join(found)}" if found else ""


def exchanged(source: Source, reference: str, session: Session) -> str:
    """Return a sentence where the labels of a folder are nearly an exchange of a foreign network's; "" where not."""
    from prunescope.data import sources

    run = session.read(run_of(reference))
    found = sources.source_inventory(source, trust=session.store.trust)
    if not found or run.recipe.step != "import":
        return ""
    data = sources.open_source(source.to_json(), device="cpu", trust=session.store.trust)
    return labels.exchange_note(reference, data, session, classes=found["train"].classes)


def _settings(facts: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """Return what a run has of its images: the checkpoint's settings, or options of the same kind of data set."""
    described: Mapping[str, Any] | None = facts.get("data")
    if described and "options" in described and not described.get("name") == name == "timm":
        return None
    return described


def _needed(model: Mapping[str, Any] | None, data: Data) -> dict[str, int]:
    """Return the options with which the network takes the images: its channels, and the size it was built for.

    A network that takes any size, as residual networks do, leaves the size to the data.
    """
    from prunescope.networks.inputs import takes_size
    from prunescope.networks.models import needs_image_size

    if model is None or len(model["image_size"]) != 2:
        return {}
    channels = model["in_chans"]
    found = {"in_chans": channels} if data.in_chans != channels and channels in (1, 3) else {}
    if ":" in model["name"]:
        return found if channels == 1 else {}  # of three, its function may have said nothing
    height, width = model["image_size"]
    own_size = needs_image_size(model["name"]) and tuple(data.image_size) != (height, width)
    if not own_size and takes_size(model, tuple(data.image_size)):
        return found
    return {**found, "image_size": width, **({"image_height": height} if height != width else {})}
