"""Any query gives a result or a Reql error, whatever is in it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings

import docstore
from docstore import Connection, Cursor
from query import Query, ReqlError, ReqlInternalError, ReqlUserError, r
from query.registry import TERMS
from query.term import Term
from tests.term_strategies import terms

UNBOUNDED = {"range", "wait", "index_wait"}
"""Terms that may run for ever, as they should."""


@pytest.fixture(scope="module")
def db() -> Iterator[Connection]:
    with docstore.connect() as connection:
        r.table_create("t").run(connection)
        table = r.table("t")
        table.index_create("a").run(connection)
        table.index_create("place", geo=True).run(connection)
        documents = [{"id": number, "a": number % 3, "place": r.point(number, 1)} for number in range(5)]
        table.insert(documents).run(connection)
        yield connection
        assert docstore.check(connection).problems == []


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(terms(names=sorted(TERMS.keys() - UNBOUNDED)))
def test_any_query_gives_a_result_or_a_reql_error(db: Connection, term: Term) -> None:
    try:
        found = Query(term).run(db)
        if isinstance(found, Cursor):
            list(islice(found, 100))
    except ReqlError as error:
        assert not isinstance(error, ReqlInternalError)
        # r.error says what the query wants it to say, which may be nothing.
        assert error.message or isinstance(error, ReqlUserError)
        assert str(error).startswith(error.message.removesuffix("."))
