r"""Entries of a BibTeX file: their fields, and their text as written.

What a list of references needs of the format (Patashnik 1988, "BibTeXing"): entries in braces, values in braces, in
quotes or bare. Strings (`@string`) and concatenation (`#`) are not expanded.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OPENING = re.compile(r"@\s*(\w+)\s*\{")
ENTRY_KEY = re.compile(r"\s*([^\s,{}]+)\s*,")
FIELD_NAME = re.compile(r"\s*([\w-]+)\s*=\s*")
BARE = re.compile(r"[^\s,{}\"#]+")
END = re.compile(r"\s*(,|$)")

NO_ENTRIES = ("comment", "preamble", "string")

ACCENT = re.compile(r"""\{?\\([`'^"~=.]|[cvuHk](?![a-zA-Z]))\s*\{?(\\?[a-zA-Z])\}?\}?""")
COMBINING = {
    "`": "\u0300",
    "'": "\u0301",
    "^": "\u0302",
    '"': "\u0308",
    "~": "\u0303",
    "=": "\u0304",
    ".": "\u0307",
    "c": "\u0327",
    "v": "\u030c",
    "u": "\u0306",
    "H": "\u030b",
    "k": "\u0328",
}
"""TeX's accents as Unicode's combining characters."""

LETTERS = {"ss": "ß", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "ae": "æ", "AE": "Æ", "aa": "å", "AA": "Å", "i": "ı"}
LETTER = re.compile(rf"\\({'|'.join(sorted(LETTERS, key=len, reverse=True))})(?![a-zA-Z])(\{{\}}|\s+)?")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of a BibTeX file."""

    kind: str
    """In lower case: "inproceedings"."""
    key: str
    fields: Mapping[str, str]
    """Name in lower case -> value without its outer braces or quotes."""
    text: str
    """The entry as the file has it."""


def read_entries(text: str) -> Iterator[Entry]:
    r"""Yield the entries of a BibTeX file in order; what lies between them is a comment.

    Raises ValueError with the line where an entry cannot be read.

    >>> (entry,) = read_entries("@Book{knuth1986, title = {The {\\TeX}book}, year = 1986}")
    >>> entry.kind, entry.key, entry.fields["year"]
    ('book', 'knuth1986', '1986')
    """
    position = 0
    while opening := OPENING.search(text, position):
        line = text.count("\n", 0, opening.start()) + 1
        position = _closing(text, opening.end(), line) + 1
        kind = opening[1].lower()
        if kind not in NO_ENTRIES:
            yield _entry(kind, text[opening.start() : position], text[opening.end() : position - 1], line)


def plain_text(value: str) -> str:
    r"""Return a value as text: accents as letters, no braces, no escapes.

    >>> plain_text("{Sch{\\\"u}rholt} \\& {N:M}~sparsity")
    'Schürholt & N:M sparsity'
    """
    value = ACCENT.sub(lambda found: unicodedata.normalize("NFC", found[2].lstrip("\\") + COMBINING[found[1]]), value)
    value = LETTER.sub(lambda found: LETTERS[found[1]], value)
    value = re.sub(r"\\([&%$#_{}])", r"\1", re.sub(r"(?<!\\)[{}]", "", value))
    return " ".join(value.replace("~", " ").replace("---", "—").replace("--", "–").split())


def split_names(value: str) -> tuple[str, ...]:
    """Return the names of an author field, each as "Family, Given", or whole where it is in braces.

    >>> split_names("Knuth, Donald E. and Leslie Lamport and {The Dantzig and Ford team}")
    ('Knuth, Donald E.', 'Lamport, Leslie', 'The Dantzig and Ford team')
    """
    return tuple(_family_first(name) for name in _split(" ".join(value.split()), " and "))


def _family_first(name: str) -> str:
    if "," in name or " " not in name or len(_split(name, " ")) == 1:
        return plain_text(name)
    *given, family = _split(name, " ")
    return f"{plain_text(family)}, {plain_text(' '.join(given))}"


def _split(text: str, separator: str) -> list[str]:
    """Split at a separator outside braces."""
    parts, start = [], 0
    for found in re.finditer(re.escape(separator), text):
        before = text[start : found.start()]
        if _balanced(before):
            parts.append(before)
            start = found.end()
    return [part.strip() for part in (*parts, text[start:]) if part.strip()]


def _entry(kind: str, text: str, body: str, line: int) -> Entry:
    key = ENTRY_KEY.match(body)
    if key is None:
        raise ValueError(f"line {line}: @{kind} has no key")
    return Entry(kind=kind, key=key[1], fields=dict(_fields(body[key.end() :], key[1], line)), text=text)


def _fields(body: str, key: str, line: int) -> Iterator[tuple[str, str]]:
    position = 0
    while body[position:].strip():
        name = FIELD_NAME.match(body, position)
        value = _value(body, name.end(), line) if name else None
        end = END.match(body, value[1]) if value else None
        if name is None or value is None or end is None:
            raise ValueError(f"line {line}: cannot read {body[position:].strip()[:40]!r} in the entry {key}")
        yield name[1].lower(), value[0]
        position = end.end()


def _value(body: str, start: int, line: int) -> tuple[str, int] | None:
    """Return a value and where it ends; None where there is none."""
    if body.startswith("{", start):
        end = _closing(body, start + 1, line)
        return body[start + 1 : end], end + 1
    if body.startswith('"', start):
        ends = (at.start() for at in re.finditer('"', body) if at.start() > start)
        quote = next((end for end in ends if _balanced(body[start + 1 : end])), None)
        return None if quote is None else (body[start + 1 : quote], quote + 1)
    bare = BARE.match(body, start)
    return None if bare is None else (bare[0], bare.end())


def _balanced(text: str) -> bool:
    return text.count("{") == text.count("}")


def _closing(text: str, start: int, line: int) -> int:
    """Return where the brace that is open at `start` is closed."""
    depth = 1
    for brace in re.finditer(r"[{}]", text[start:]):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return start + brace.start()
    raise ValueError(f"line {line}: a brace is never closed")
