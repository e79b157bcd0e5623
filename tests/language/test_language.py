"""Runs the cases of this folder; conftest.py says what a case is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

import docstore
import query
from query import Query, r
from tests.language.conftest import NAMES


def test_a_query_gives_what_its_case_says(chapter: dict[str, Any], case: dict[str, Any]) -> None:
    with docstore.connect() as db:
        for name, documents in chapter.get("tables", {}).items():
            r.table_create(name).run(db)
            r.table(name).insert(documents).run(db)
        for source in [*chapter.get("setup", []), *case.get("setup", [])]:
            evaluated(source).run(db)
        if "raises" in case:
            check_error(db, case)
        else:
            check_answer(db, case)


def check_error(db: docstore.Connection, case: dict[str, Any]) -> None:
    with pytest.raises(getattr(query, case["raises"])) as caught:
        answer(db, case)
    # The type of an argument may be found wrong before the query runs.
    assert type(caught.value).__name__ in (case["raises"], "ReqlArgumentError")
    assert case.get("message", "") in caught.value.message


def check_answer(db: docstore.Connection, case: dict[str, Any]) -> None:
    found = answer(db, case)
    if "gives" in case or "gives_python" in case:
        wanted = evaluated(case["gives_python"]) if "gives_python" in case else case["gives"]
        if case.get("any_order"):
            found, wanted = sorted(found, key=repr), sorted(wanted, key=repr)
        assert typed(found) == typed(wanted), found
    if "gives_type" in case:
        assert evaluated(case["query"]).type_of().run(db) == case["gives_type"]


def evaluated(source: str) -> Any:
    """What Python source says: a query, or a value."""
    return eval(source, dict(NAMES))


def answer(db: docstore.Connection, case: dict[str, Any]) -> Any:
    """The result of a case's query, a cursor's rows as a list."""
    asked: Query = evaluated(case["query"])
    found = asked.run(db, **case.get("options", {}))
    return list(found) if isinstance(found, docstore.Cursor) else found


def typed(value: Any) -> Any:
    """The value with the types of its numbers made part of it, so that 1, 1.0 and True differ."""
    if isinstance(value, dict):
        return {typed(key): typed(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | frozenset):
        return (type(value).__name__, *map(typed, value))
    return (type(value).__name__, value) if isinstance(value, bool | int | float) else value
