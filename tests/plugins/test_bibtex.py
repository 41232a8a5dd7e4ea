r"""The part of BibTeX's format that a list of references needs."""

from __future__ import annotations

import pytest

from prunescope.plugins.bibtex import plain_text, read_entries, split_names

FILE = r"""
This is a comment, as is all between the entries: {unbalanced.

@Article{first:2001,
  author  = "Doe, Jo and others",
  TITLE   = {A {Nested {Title}}, with "quotes", commas},
  year = 2001, month = jul,
  url = {https://example.org/a_b%20c}
}
@comment{second, title = {no entry}}
@string{jmlr = "Journal of Machine Learning Research"}
@misc { third, title = "Quotes {" inside} braces" , year = {2003} , }
"""


def test_entries_come_in_order_with_their_fields_and_their_text():
    first, third = read_entries(FILE)
    assert (first.kind, first.key) == ("article", "first:2001")
    assert first.fields == {
        "author": "Doe, Jo and others",
        "title": 'A {Nested {Title}}, with "quotes", commas',
        "year": "2001",
        "month": "jul",
        "url": "https://example.org/a_b%20c",
    }
    assert first.text.startswith("@Article{first:2001,\n  author  = ")
    assert first.text.endswith("c}\n}")
    assert third.fields == {"title": 'Quotes {" inside} braces', "year": "2003"}


@pytest.mark.parametrize("text", ["", "no entry", "@comment{x}", "someone@example.org"])
def test_a_file_may_have_no_entries(text):
    assert list(read_entries(text)) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("\n\n@misc{a, title = {open}", "line 3: a brace is never closed"),
        ("@misc{a, title = {open}\n\n@misc{b, title = {c}}", "line 1: a brace is never closed"),
        ("@misc{}", "line 1: @misc has no key"),
        ("@misc{title = {no key}}", "line 1: @misc has no key"),
        ("@misc{a, title}", "cannot read 'title' in the entry a"),
        ("@misc{a, title = }", "cannot read 'title =' in the entry a"),
        ('@misc{a, title = "never closed}', "cannot read"),
        ('@misc{a, title = "one" # " two"}', "cannot read"),
        ("@misc{a, title = {one} year = 2000}", "cannot read"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        list(read_entries(text))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (r"{Sch{\"u}rholt}", "Schürholt"),
        (r"Sch\"urholt", "Schürholt"),
        (r"Fran{\c{c}}ois and \v{S}kov, {\'E}va", "François and Škov, Éva"),
        (r"P{\'\i}a", "Pía"),
        (r"Erd{\H o}s--R{\'e}nyi", "Erdős–Rényi"),
        (r"Stra{\ss}e, \O ster, {\L}ukasz", "Straße, Øster, Łukasz"),
        (r"50 \% of \$5\_\# \& more", "50 % of $5_# & more"),
        (r"a \{set\}", "a {set}"),
        ("two\n    lines~and {{Capitals}}", "two lines and Capitals"),
        ("Schürholt", "Schürholt"),
    ],
)
def test_values_as_text(value, text):
    assert plain_text(value) == text


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("Doe, Jo", ("Doe, Jo",)),
        ("Jo Doe and Roe, Ann\n  and {The {R} and D team}", ("Doe, Jo", "Roe, Ann", "The R and D team")),
        ("Plato and Anderson, A.", ("Plato", "Anderson, A.")),
        (r"Konstantin {van der Berg} and M{\"u}ller, J.", ("van der Berg, Konstantin", "Müller, J.")),
    ],
)
def test_names_of_authors(value, names):
    assert split_names(value) == names
