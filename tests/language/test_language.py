"""Runs the cases of this folder; conftest.py says what a case is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

import query
from query import Query
from query.planner import make_plan
from query.runtime import Grouped, Run, Stream
from tests.language.conftest import NAMES


def test_a_query_gives_what_the_manual_says(chapter: dict[str, Any], case: dict[str, Any]) -> None:
    asked = parse(case["query"]) if "raises" not in case else None
    if asked is None:
        with pytest.raises(getattr(query, case["raises"])) as caught:
            answer(parse(case["query"]), case)
        assert type(caught.value).__name__ == case["raises"]
        assert case.get("message", "") in caught.value.message
        return
    found = answer(asked, case)
    if "gives" in case or "gives_python" in case:
        wanted = eval(case["gives_python"], dict(NAMES)) if "gives_python" in case else case["gives"]
        if case.get("any_order"):
            found, wanted = sorted(found, key=repr), sorted(wanted, key=repr)
        assert typed(found) == typed(wanted), found


def parse(source: str) -> Query:
    return eval(source, dict(NAMES))  # type: ignore[no-any-return]


def answer(asked: Query, case: dict[str, Any]) -> Any:
    run = Run()
    run.array_limit = case.get("options", {}).get("array_limit", run.array_limit)
    term = r_expr(asked).term
    found = make_plan(term).execute(run, term.constants)
    if isinstance(found, Grouped):
        return {tuple(k) if isinstance(k, list) else k: v for k, v in found.groups}
    return list(found) if isinstance(found, Stream) else found


def r_expr(asked: Query) -> Query:
    return asked


def typed(value: Any) -> Any:
    """The value with its types made part of it, so that 1, 1.0 and True differ."""
    if isinstance(value, dict):
        return {typed(key): typed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return (type(value).__name__, *map(typed, value))
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | frozenset):
        return typed(list(value))
    return (type(value).__name__ if isinstance(value, bool | int | float) else "", value)
