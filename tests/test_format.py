"""`docstore/FORMAT.md` says what is on disk: its test cases and its limits are held against the code."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import docstore
from docstore.documents import MAX_DOCUMENT_BYTES, decode_document, encode_document
from docstore.keys import decode_key, encode_key
from docstore.layout import ROW_ID_BYTES
from docstore.storage.engine import MAX_KEY_BYTES, MAX_SPACE, MEMBER_BYTES
from query.geometries import Geometry
from query.values import MAX_NESTING, MAXVAL, MINVAL, Time, compare, equal
from query.vectors import Vector

FORMAT = (Path(docstore.__file__).parent / "FORMAT.md").read_text()
_CASE = re.compile(r"^\| `(.+)` \| `([0-9a-f]+)` \|$", re.MULTILINE)
_NAMES = {"Time": Time, "Geometry": Geometry, "Vector": Vector, "MINVAL": MINVAL, "MAXVAL": MAXVAL, "bytes": bytes}


def section(heading: str) -> str:
    """The text below a heading, up to the next one."""
    assert FORMAT.count(f"\n{heading}\n") == 1
    return re.split(r"^#", FORMAT.split(f"\n{heading}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]


def cases(heading: str) -> list[Any]:
    """The values of a table of test cases, with their bytes."""
    rows = _CASE.findall(section(heading))
    return [pytest.param(_value(text), bytes.fromhex(data), id=text) for text, data in rows]


def _value(text: str) -> Any:
    return eval(text, {"__builtins__": {}}, _NAMES)


KEY_CASES = cases("### Test cases: key forms")
DOCUMENT_CASES = cases("### Test cases: documents")


@pytest.mark.parametrize(("value", "data"), KEY_CASES)
def test_a_value_has_the_key_form_that_the_format_gives_it(value: Any, data: bytes) -> None:
    assert encode_key(value) == data
    assert equal(decode_key(data), value)


def test_the_key_cases_stand_in_the_order_of_the_values() -> None:
    for left, right in pairwise(case.values for case in KEY_CASES):
        order = compare(left[0], right[0])
        assert order <= 0
        assert (left[1] < right[1]) == (order < 0)


def test_every_tag_of_a_form_has_a_case_and_every_case_a_tag() -> None:
    tags = set(re.findall(r"^\| ([0-9a-f]{2}) \|", section("## Key forms"), re.MULTILINE))
    shown = {case.values[1][:1].hex() for case in KEY_CASES}
    assert shown == tags - {"00", "01", "ff"}


@pytest.mark.parametrize(("value", "data"), DOCUMENT_CASES)
def test_a_document_has_the_bytes_that_the_format_gives_it(value: Any, data: bytes) -> None:
    assert encode_document(value) == data
    decoded = decode_document(data)
    assert equal(decoded, value)
    assert encode_document(decoded) == data


def test_no_table_of_cases_is_empty() -> None:
    assert len(KEY_CASES) >= 40
    assert len(DOCUMENT_CASES) >= 12


def test_the_limits_of_the_format_are_those_of_the_code() -> None:
    assert f"at most {MAX_DOCUMENT_BYTES:,} bytes" in section("## Documents")
    assert f"at most {MAX_NESTING} levels" in section("## Documents")
    assert f"at most {MAX_KEY_BYTES} bytes, a member {MEMBER_BYTES}" in section("## Spaces")
    assert ROW_ID_BYTES == MEMBER_BYTES
    assert MAX_SPACE == 2**32 - 1
