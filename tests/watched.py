"""Run commands of the program under an audit hook, in this process: python watched.py COMMANDS.json -> JSON on stdout.

COMMANDS.json: {"modules": [...], "files": [...], "commands": [{"words": [...], "folder": "..."}]}. Reported of every
command: its exit code, what it said, and each event that runs code of a file's: an import of one of `modules`, a
process, `exec` of code that lies in the folder, an open of one of `files`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

PROCESSES = ("os.exec", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen")

HARMLESS = ("cc", "gcc", "ldconfig", "lscpu", "uname")
"""What libraries ask of the machine."""


class Watch:
    """The events of the command under way."""

    def __init__(self, modules: list[str], files: list[str]) -> None:
        self.modules, self.files = set(modules), set(files)
        self.folder, self.events = "", []

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.folder and self.is_noteworthy(event, arguments):
            self.events.append(f"{event} {arguments!r}"[:200])

    def is_noteworthy(self, event, arguments):
        first = arguments[0] if arguments else None
        if event == "import":
            return str(first).partition(".")[0] in self.modules
        if event == "exec":
            return str(getattr(first, "co_filename", "")).startswith(self.folder)
        if event == "open":
            return isinstance(first, str | bytes) and Path(os.fsdecode(first)).name in self.files
        return event in PROCESSES and Path(str(first)).name not in HARMLESS


def run(asked: dict) -> list[dict]:
    from typer.testing import CliRunner

    import prunescope.runs.pipeline  # noqa: F401 - torch and timm are loaded before anything is watched
    from prunescope.cli.application import build

    watch, found = Watch(asked["modules"], asked["files"]), []
    sys.addaudithook(watch)
    for command in asked["commands"]:
        os.chdir(command["folder"])
        watch.events, watch.folder = [], command["folder"]
        result = CliRunner().invoke(build(command["words"]), command["words"])
        watch.folder = ""
        crash = result.exception
        crashed = "" if crash is None or isinstance(crash, SystemExit) else repr(crash)
        found.append(
            {
                "words": command["words"],
                "exit_code": result.exit_code,
                "events": watch.events,
                "said": result.stderr,
                "crashed": crashed,
            }
        )
    return found


if __name__ == "__main__":
    json.dump(run(json.loads(Path(sys.argv[1]).read_text())), sys.stdout)
