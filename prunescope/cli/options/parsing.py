"""The texts of options as values: KEY=VALUE pairs, numbers, output files."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError
from prunescope.report.common.console import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.cli.terminal.command import Output
    from prunescope.report.common.costs import Cost

SUFFIXES = (".pt", ".safetensors")

SEVERAL = re.compile(r",(?=[\w-]+=)")
"""The comma before the next KEY=."""


def pairs(option: str, given: Sequence[str] | None) -> dict[str, str]:
    """Return KEY=VALUE texts as a dict; those of an executor may be several, with commas between them.

    >>> pairs("--trainer-option", ["rho=0.1", "adaptive=true"])
    {'rho': '0.1', 'adaptive': 'true'}
    >>> pairs("--executor-option", ["gpus=1,time=04:00:00,pilots=16"])
    {'gpus': '1', 'time': '04:00:00', 'pilots': '16'}
    >>> pairs("--probe-option", ["sam-sharpness.batch-size=64"])
    {'sam-sharpness.batch_size': '64'}
    """
    found = {}
    several = SEVERAL.split if option == "--executor-option" else lambda text: [text]
    for text in [part for texts in given or () for part in several(texts)]:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"{option} got {text!r}", fix=f"it requires KEY=VALUE, for example {option} epochs=10")
        owner, dot, name = key.strip().rpartition(".")  # a probe's name keeps its hyphens: sam-sharpness.batch_size
        found[owner + dot + name.replace("-", "_")] = value.strip()
    return found


def values(option: str, given: Sequence[str] | None) -> dict[str, Any]:
    """Return KEY=VALUE texts as a dict of JSON values.

    >>> values("--model-option", ["width=0.5", "act_layer=swish"])
    {'width': 0.5, 'act_layer': 'swish'}
    """
    return {key: value(text) for key, text in pairs(option, given).items()}


def value(text: str) -> Any:  # noqa: ANN401 - a JSON value, or the text itself
    """Return a text as the JSON value it is, numbers between commas as a list, or the text itself.

    >>> value("0.5"), value("true"), value("swish"), value("1,2.5"), value("a,b")
    (0.5, True, 'swish', [1, 2.5], 'a,b')
    """
    for written in (text, f"[{text}]") if "," in text else (text,):
        with suppress(ValueError, RecursionError):
            return json.loads(written)
    return text


def numbers(option: str, given: Sequence[str]) -> tuple[float, ...]:
    """Return comma-separated numbers, of one or several options of a kind.

    >>> numbers("--density", ["0.05,0.1", "0.5"])
    (0.05, 0.1, 0.5)
    """
    try:
        return tuple(float(item) for text in given for item in text.split(",") if item.strip())
    except ValueError as error:
        raise UsageError(f"{option} got {','.join(given)!r}", fix=f"it requires numbers: {option} 0.05,0.1") from error


def whole_numbers(option: str, text: str) -> tuple[int, ...]:
    """Return comma-separated whole numbers, at least 1.

    >>> whole_numbers("--snapshots", "10,20")
    (10, 20)
    """
    found = numbers(option, [text])
    if not found or any(number < 1 or number != int(number) for number in found):
        raise UsageError(f"{option} got {text!r}", fix=f"it requires whole numbers from 1: {option} 10,20")
    return tuple(int(number) for number in found)


def check_output(
    path: Path | None, suffixes: Sequence[str] = SUFFIXES, *, option: str = "--output", source: str | None = None
) -> None:
    """Raise UsageError, before anything is computed, for a file that cannot be written or is of no known kind.

    source: the checkpoint that is read, which is not replaced; every other file is.
    """
    from prunescope.runs.files.artefacts import check_no_source

    if path is None:
        return
    check_no_source(path, source)
    if path.suffix not in suffixes:
        raise UsageError(f"{option} {path} has the suffix {path.suffix!r}", fix=f"end it in {' or '.join(suffixes)}")
    if path.is_dir() or not path.absolute().parent.is_dir():
        reason = "is a folder" if path.is_dir() else f"is in {path.parent}, which is not a folder"
        raise UsageError(f"{option} {path} {reason}", fix="name a file in a folder that exists")


def shown(cost: Cost, *, as_json: bool) -> Output:
    """Return what --dry-run prints: the plan for a person, and its table or JSON on stdout."""
    from prunescope.cli.terminal.command import Output

    if as_json:
        return Output(text=cost.to_json())
    for line in cost.lines():
        say(line)
    return Output(text=cost.table())
