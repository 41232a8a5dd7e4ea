"""Disks of a few kilobytes, which root can mount: the quickest way to a full disk."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def mounted(folder: Path) -> Iterator[Path | None]:
    """Mount a disk of 4 kB at a new folder while the block runs; None where that cannot be."""
    mount = shutil.which("mount")
    folder.mkdir()
    words = [mount or "", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(folder)]
    if mount is None or os.geteuid() or subprocess.run(words, check=False, capture_output=True).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def resize(disk: Path, kibibytes: int) -> None:
    """Give a mounted disk another size."""
    subprocess.run(["mount", "-o", f"remount,size={kibibytes}k", str(disk)], check=True)
