"""What kind of file is this? Decided by its first bytes, never by its name."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Literal, TypeAlias

from prunescope.api.errors import InputError
from prunescope.api.wording import count_text
from prunescope.networks.checkpoints.foreign import refuse_foreign_file

if TYPE_CHECKING:
    from pathlib import Path

Kind: TypeAlias = Literal["safetensors", "zip", "legacy"]
"""safetensors, or one of the two layouts of torch.save."""

LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The pickled number that torch.save wrote first before version 1.6, and still does when asked to."""

OTHERS = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"GGUF", "a GGUF file"),
    (b"\x7fELF", "a program"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
)

WANTED = "give a .safetensors file, a file written by torch.save, or a folder with config.json and weights"


def sniff(path: Path) -> Kind:
    """Return the layout of a checkpoint file; InputError, saying what it is instead, for anything else."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(b"PK\x03\x04"):
        return _sniff_zip(path)
    if head.startswith(LEGACY_MAGIC):
        return "legacy"
    if head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") < 100_000_000:
        return "safetensors"  # cut off or not: the reader checks that
    refuse_foreign_file(path)
    raise InputError(f"'{path}' is {_describe(head)}, not a checkpoint ({count_text(size, 'byte')})", fix=WANTED)


def _sniff_zip(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name.split("/", 1)[-1] for name in archive.namelist()}
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise InputError(f"'{path}' is a truncated or damaged archive", fix="copy or download it again") from error
    if "constants.pkl" in members:
        raise InputError(
            f"'{path}' is a TorchScript program, not a checkpoint",
            fix="save the state_dict of the network it was made from",
        )
    if "data.pkl" in members:
        return "zip"
    refuse_foreign_file(path)
    what = "a NumPy archive" if names and all(name.endswith(".npy") for name in names) else "a zip archive"
    raise InputError(f"'{path}' is {what}, not a checkpoint", fix=WANTED)


def _describe(head: bytes) -> str:
    for magic, what in OTHERS:
        if head.startswith(magic):
            return what
    if head[257:262] == b"ustar":
        return "a tar archive"
    if head[:1] == b"\x80" and head[1:2] <= b"\x05":
        return "a pickle not written by torch.save"
    return _describe_text(head)


def _describe_text(head: bytes) -> str:
    text = head.decode(errors="replace").lower()
    if text.lstrip().startswith(("<!doctype", "<html")):
        return "an HTML page (a download that failed?)"
    printable = all(character.isprintable() or character in "\n\r\t" for character in text[:-3])
    return "a text file" if printable and "\ufffd" not in text[:-3] else "of unknown format"
