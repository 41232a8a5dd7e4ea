"""Public top-level names that stand in more than one file: how many, and which.

Usage: python docs/count_names.py [--list]

A name that two files define is a question to ask: a reader who searches for it finds two things. Methods, tests, and
names with a leading underscore do not count, nor does what a plugin's class is called.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "prunescope"

ALLOWED = 0.08
"""The share of names that may stand in two files."""


def public_names(path: Path) -> set[str]:
    """Return the names that a module defines at its top level: functions, classes and constants."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return {name for name in found if not name.startswith("_")}


def main() -> None:
    """Print the share; exit with 1 where it is too large."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for name in public_names(path):
            places[name].append(str(path.relative_to(PACKAGE.parent)))
    repeated = {name: found for name, found in places.items() if len(found) > 1}
    share = len(repeated) / len(places)
    print(f"{len(repeated)} of {len(places)} public top-level names stand in two files or more: {share:.1%}")
    if "--list" in sys.argv:
        for name, found in sorted(repeated.items(), key=lambda item: (-len(item[1]), item[0])):
            print(f"{name}: {', '.join(found)}")
    sys.exit(share > ALLOWED)


if __name__ == "__main__":
    main()
