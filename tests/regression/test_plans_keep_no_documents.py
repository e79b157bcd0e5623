"""A plan that was kept for later queries of its shape kept the documents of the first one too."""

from __future__ import annotations

import gc

import docstore
from query import r


def test_a_plan_keeps_no_constants() -> None:
    with docstore.connect() as db:
        r.table_create("t").run(db)
        documents = [{"id": number, "kept": ["by the plan"]} for number in range(2_000)]
        r.table("t").insert(documents).run(db)
        r.table("t").get(5).run(db)
        del documents
        gc.collect()
        dicts = [one for one in gc.get_objects() if type(one) is dict and one.get("kept") == ["by the plan"]]
        assert dicts == []
