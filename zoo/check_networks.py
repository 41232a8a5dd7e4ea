"""Check prunescope on every architecture family of timm, Torchvision's networks and odd ones of our own: `nox -s zoo`.

python zoo/check_networks.py [--quick] [--only TEXT] [--table FILE] [--journal FILE [--so-far]]

Prints a line for each network as it is done, and writes the table. Returns 1 where a number is wrong: a network that is
refused by name is no failure, one whose numbers differ is.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import torch

sys.path.insert(0, str(Path(__file__).parent))

import checks
import members
import table

from prunescope.api.errors import PrunescopeError

if TYPE_CHECKING:
    from members import Member


def main() -> int:
    """Run the program."""
    asked = _arguments()
    chosen, large = members.list_members(quick=asked.quick)
    chosen = [member for member in chosen if asked.only in f"{member.source} {member.name}"]
    done = _read(asked.journal)
    for number, member in enumerate(chosen, start=1):
        if member.spec.name in done or asked.so_far:
            continue
        started = time.monotonic()
        done[member.spec.name] = row = check_network(member)
        wrong = [f"{what}: {text}" for what, text in row.items() if text.startswith(table.WRONG)]
        print(f"{number}/{len(chosen)} {member.name} {time.monotonic() - started:.0f} s {'; '.join(wrong)}", flush=True)
        _write(asked.journal, done)
    rows = [done[member.spec.name] for member in chosen if member.spec.name in done]
    left = [f"{member.source}: {member.name}" for member in chosen if member.spec.name not in done]
    text = table.write_table(rows, large, left)
    if asked.table:
        asked.table.write_text(text)
    print(table.summary(rows))
    return int(any(cell.startswith(table.WRONG) for row in rows for cell in row.values()))


def check_network(member: Member) -> dict[str, str]:
    """Return what each check found of one network, as the table shows it."""
    row = {"source": member.source, "network": member.title}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            member = members.smallest(member) if member.source != "our own" else member
            row["input"] = "x".join(map(str, (member.spec.in_chans, *member.spec.image_size)))
            data = checks.make_data(member)
            model = checks.make_usable(member, data)
        except Exception as error:  # noqa: BLE001 - each network has its row
            return row | {"refused": _text(error)}
        row["parameters"] = f"{sum(map(torch.numel, model.parameters())) / 1e6:.2g} M"
        for name, check in checks.CHECKS.items():
            try:
                row[name] = check(member, model, data)
            except Exception as error:  # noqa: BLE001 - each check has its cell
                row[name] = _text(error)
    return row


def _text(error: Exception) -> str:
    if isinstance(error, PrunescopeError):
        return f"{table.REFUSED}{error.message}"
    if not isinstance(error, AssertionError):
        traceback.print_exc()
    return f"{table.WRONG}{type(error).__name__}: {error}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="thirty networks and more, in a minute")
    parser.add_argument("--only", default="", help="networks whose source and name contain this text")
    parser.add_argument("--table", type=Path, help="file to write the table to, such as docs/zoo.md")
    parser.add_argument("--so-far", action="store_true", help="check nothing more: write what the journal holds")
    parser.add_argument("--journal", type=Path, help="file that keeps what is done, to resume from")
    return parser.parse_args()


def _read(journal: Path | None) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(journal.read_text()) if journal and journal.exists() else {}
    return found


def _write(journal: Path | None, done: dict[str, dict[str, str]]) -> None:
    if journal:
        journal.write_text(json.dumps(done, indent=1))


if __name__ == "__main__":
    sys.exit(main())
