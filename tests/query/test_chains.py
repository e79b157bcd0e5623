"""A long chain is compiled once, not once for each of its links."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from query import Query, r
from query.evaluate import Compiler

LINKS: dict[str, Callable[[Query], Query]] = {
    "concat_map": lambda query: query.concat_map(lambda row: [row]),
    "eq_join": lambda query: query.eq_join("a", r.table("t")).zip(),
    "filter": lambda query: query.filter(lambda row: row["a"] > 0),
    "fold": lambda query: query.fold(0, lambda total, row: total, emit=lambda before, row, after: [row]),
    "has_fields": lambda query: query.has_fields("a"),
    "limit": lambda query: query.limit(5),
    "map": lambda query: query.map(lambda row: row),
    "merge": lambda query: query.merge(lambda row: {"b": row["a"]}),
    "pluck": lambda query: query.pluck("a"),
    "skip": lambda query: query.skip(1),
    "slice": lambda query: query[0:5],
    "union": lambda query: query.union(r.table("t")),
    "mixed": lambda query: query.filter(lambda row: row["a"] > 0).skip(1).union([]).map(lambda row: row),
}


@pytest.mark.parametrize("name", LINKS)
def test_a_link_costs_the_same_wherever_it_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    compile_any = Compiler.any

    def counting(compiler: Compiler, node: Any) -> Any:
        nonlocal calls
        calls += 1
        return compile_any(compiler, node)

    monkeypatch.setattr(Compiler, "any", counting)

    def cost(links: int) -> int:
        nonlocal calls
        query, calls = r.table("t"), 0
        for _ in range(links):
            query = LINKS[name](query)
        Compiler(1).any(query.term)
        return calls

    assert cost(20) <= 2 * cost(10) + 2
