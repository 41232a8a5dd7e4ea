"""Which class folder is which label of a network: from its checkpoint, or from the program that wrote that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import MismatchError
from prunescope.api.wording import count_text, percent
from prunescope.runs.recipe import run_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from torch import Tensor, nn

    from prunescope.api import Data
    from prunescope.data.inventory import Inventory
    from prunescope.data.spec import Source
    from prunescope.runs.session import Session

CLASS_OPTIONS = frozenset({"class_order", "class_level", "classes"})

FEW = 10
"""Images for each class, at least, before predictions are compared with labels."""

IMAGES = 512

GAP = 0.2
"""How much more often predictions are right under the best exchange of classes, before it is named."""

SHOWN_PAIRS = 6
"""Exchanged classes that a sentence names."""

GOOD = 0.6
"""How often they are right under that exchange."""


def class_options(
    text: str, facts: Mapping[str, Any], session: Session, *, given: Collection[str]
) -> tuple[dict[str, Any], str]:
    """Return the options that give the folders of `text` the labels of a network's training, and why; {} where none.

    The checkpoint's own classes count first. Without them, timm's own files have timm's order (natural, without case;
    the innermost folder is the class), and other programs that of torchvision (as text; the outermost folder).
    """
    from prunescope.data import sources
    from prunescope.data.classes import displaced, ordered

    trust = session.store.trust
    found = sources.inventory(text, trust=trust)
    if not found or CLASS_OPTIONS & set(given):
        return {}, ""
    names, settings = found["train"].classes, facts.get("data") or {}
    own = settings.get("classes")
    if own and set(names) <= set(own):
        if set(names) == set(own) and own in (ordered(own, "natural"), ordered(own, "text")):
            return ({} if own == ordered(own, "natural") else {"class_order": "text"}), "the checkpoint's classes"
        return {"classes": list(own)}, "the checkpoint's classes"
    if own:
        strange = sorted(set(names) - set(own))
        session.note(f"the checkpoint's classes ({', '.join(own[:5])}) do not name {strange[0]!r}: not used")
    program = str(facts.get("format", "prunescope"))
    if program.startswith("prunescope"):
        return {}, ""
    if program.startswith("timm") or "timm's default" in str(settings.get("origins")):
        leaf = sources.inventory(text, trust=trust, more={"class_level": "leaf"})["train"].classes
        return ({"class_level": "leaf"} if set(leaf) != set(names) else {}), "as timm reads folders"
    return ({"class_order": "text"} if displaced(names) else {}), "as torchvision reads folders"


def report_inventory(
    text: str, source: Source, session: Session, *, more: Mapping[str, Any], why: str
) -> dict[str, Inventory]:
    """Report what lies in a folder in a line for each split, keep it in the study, and return it."""
    from prunescope.data import inventory, sources
    from prunescope.data.classes import displaced
    from prunescope.runs.files.whole import write_whole

    found = sources.inventory(text, trust=session.store.trust, more=more)
    for split, one in found.items():
        session.note(inventory.describe(one, what=split))
    if not found:
        return {}
    others = displaced(found["train"].classes)
    if others and not source.options.get("classes"):
        order = source.options.get("class_order", "natural")
        mine, other = ("torchvision's", "timm's") if order == "text" else ("timm's", "torchvision's")
        option = "natural" if order == "text" else "text"
        because = f" ({why})" if why else ""
        session.note(
            f"classes in {mine} order{because}: in {other}, {', '.join(others[:6])} have other labels "
            f"(class_order={option} behind --data)"
        )
    path = session.store.study / "data" / f"{source.fingerprint}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({split: one.to_json() for split, one in found.items()}, indent=1))
    return found


def check_outputs(reference: str, data: Data, session: Session, *, mapped: bool, name: str) -> None:
    """Raise MismatchError where a folder has other classes than the network has outputs, unless a map assigns them.

    reference: a network of timm's; those of one's own are asked by a call, `check_labels`.
    """
    model = session.read(run_of(reference)).facts.get("model")
    if model is None or ":" in model["name"] or mapped or data.num_classes == model["num_classes"]:
        return
    raise MismatchError(
        f"{model['name']} of {reference} has {count_text(model['num_classes'], 'output')}, "
        f"the folder {name!r} has {count_text(data.num_classes, 'class')}",
        fix="assign a class folder to each output: --data FOLDER:classes=FILE, a name for each output in order",
    )


def check_labels(reference: str, data: Data, session: Session, *, name: str) -> None:
    """Raise MismatchError where labels lie outside the outputs of a network of one's own, found by calling it."""
    images, _ = next(data.test.batches(2))
    outputs = _class_outputs(session.build_network(reference).eval(), images)
    if outputs is not None and outputs.shape[1] < data.num_classes:
        raise MismatchError(
            f"the network of {reference} has {count_text(outputs.shape[1], 'output')}; the labels of {name!r} go up to "
            f"{data.num_classes - 1}",
            fix="number the classes from 0, or give the data it was trained on",
        )


def exchange_note(reference: str, data: Data, session: Session, *, classes: tuple[str, ...]) -> str:
    """Return a sentence where the predictions of a network are nearly an exchange of the labels; "" where not.

    Up to 512 training images are compared: the best assignment of predicted to labelled classes (Hungarian method)
    against the labels as they are.
    """
    counted = _confusion(reference, data, session)
    if counted is None:
        return ""
    from scipy.optimize import linear_sum_assignment

    total = int(counted.sum())
    labels, predicted = linear_sum_assignment(-counted.numpy())
    as_is, best = float(counted.trace()) / total, float(counted[labels, predicted].sum()) / total
    if best < GOOD or best - as_is < GAP:
        return ""
    moved = [
        f"{classes[label]} as {classes[guess]}"
        for label, guess in zip(labels, predicted, strict=True)
        if label != guess and counted[label, guess] > 0
    ]
    shown = ", ".join(moved[:SHOWN_PAIRS]) + (", …" if moved[SHOWN_PAIRS:] else "")
    return (
        f"predictions are nearly an exchange of the labels: {percent(as_is)} of "
        f"{count_text(total, 'training image')} are right, "
        f"and {percent(best)} would be if classes changed places ({shown}). The classes are in another "
        "order than in training: give classes=FILE or class_order behind --data"
    )


def _confusion(reference: str, data: Data, session: Session) -> Tensor | None:
    """Return images by label and prediction; None where too few show a class, or the network returns something else."""
    import torch

    classes = data.num_classes
    if min(len(data.train), IMAGES) < FEW * classes or classes < 2:
        return None
    network = session.build_network(reference).eval()
    counted = torch.zeros(classes, classes, dtype=torch.int64)
    for images, labels in data.train.batches(64, limit=IMAGES // 64):
        outputs = _class_outputs(network, images)
        if outputs is None or outputs.shape != (len(labels), classes):
            return None
        counted.index_put_((labels, outputs.argmax(1)), torch.ones_like(labels), accumulate=True)
    return counted


def _class_outputs(network: nn.Module, images: Tensor) -> Tensor | None:
    """Return the outputs by image and class, in plain layout; None where it fails, or returns something else.

    What it fails with is reported by the step that uses it first (`networks.usable`).
    """
    import torch

    from prunescope.networks.layout import plain

    try:
        with torch.no_grad():
            outputs = network(plain(images))
    except Exception:  # noqa: BLE001 - whatever a foreign network raises
        return None
    return outputs if isinstance(outputs, torch.Tensor) and outputs.ndim == 2 else None
