"""The compiled makers of index entries give what those in Python give."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from docstore.indexes.function import IndexFunction
from docstore.indexes.making import entries_maker, key_maker, key_maker_in_python, keys_maker
from query import Query
from query.convert import function_term
from query.values import Time
from query.wire import dumps
from tests.strategies import values

KEYS = (
    st.text(max_size=5)
    | st.sampled_from(["", "a", "a\0b", "é", "x" * 504, "x" * 505, "x" * 506, "x" * 507, "x" * 600])
    | st.integers(-3, 3)
    | st.sampled_from([2**53 - 1, 2**53, -(2**53), 2**63, 0.0, -0.0, 1.5, True, None, Time.at(0, 60)])
)
DOCUMENTS = st.lists(
    st.fixed_dictionaries(
        {}, optional={"a": KEYS | values(), "b": KEYS, "tags": st.lists(KEYS, max_size=12) | values()}
    )
)


def function(body: Any) -> IndexFunction:
    return IndexFunction(dumps(function_term(body, Query)).decode())


@given(DOCUMENTS)
def test_a_key_of_a_field(documents: list[dict[str, Any]]) -> None:
    of = function(lambda row: row["a"])
    rows = [(bytes([at % 256]), document) for at, document in enumerate(documents)]
    key_of = key_maker_in_python(of)
    wanted = [(key, member) for member, document in rows if (key := key_of(document)) is not None]
    assert entries_maker(of, multi=False)(rows) == wanted
    assert [*map(key_maker(of), documents)] == [*map(key_of, documents)]


@given(DOCUMENTS)
def test_a_key_of_several_fields(documents: list[dict[str, Any]]) -> None:
    of = function(lambda row: [row["a"], row["b"]])
    rows = [(bytes([at % 256]), document) for at, document in enumerate(documents)]
    key_of = key_maker_in_python(of)
    wanted = [(key, member) for member, document in rows if (key := key_of(document)) is not None]
    assert entries_maker(of, multi=False)(rows) == wanted
    assert [*map(key_maker(of), documents)] == [*map(key_of, documents)]


@given(DOCUMENTS)
def test_keys_of_an_array(documents: list[dict[str, Any]]) -> None:
    of = function(lambda row: row["tags"])
    rows = [(bytes([at % 256]), document) for at, document in enumerate(documents)]
    keys_of = keys_maker(of)
    wanted = sorted([(member, key) for member, document in rows for key in keys_of(document)])
    assert sorted([(member, key) for key, member in entries_maker(of, multi=True)(rows)]) == wanted
