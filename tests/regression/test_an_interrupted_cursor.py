"""A cursor that is interrupted while it reads says so at the next use: it ended, as if there were no more rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import docstore
from docstore import Connection
from query import r


def test_an_interrupted_cursor_does_not_pretend_to_be_at_its_end(
    db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    r.table_create("t").run(db)
    r.table("t").insert([{"id": number} for number in range(5_000)]).run(db)
    cursor = r.table("t").run(db)
    seen = [next(cursor)["id"] for _ in range(1_000)]
    stream = cursor._stream

    def interrupted() -> Iterator[Any]:
        for _ in range(10):
            yield next(stream)
        raise KeyboardInterrupt

    monkeypatch.setattr(cursor, "_stream", interrupted())
    with pytest.raises(KeyboardInterrupt):
        next(cursor)
    with pytest.raises(docstore.ClosedError, match="interrupted"):
        seen += [row["id"] for row in cursor]
    assert seen == list(range(len(seen)))
    with pytest.raises(docstore.ClosedError, match="interrupted"):
        next(cursor)
