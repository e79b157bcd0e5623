"""Any sequence of queries and transactions does the same to a store in a file, to one in memory, and to a Python dict.

The dict is the oracle: it says what each write counts, what each index holds, and what is left when a transaction or a
savepoint is rolled back. Both stores must agree with it, and with each other to the order of rows. At the end of each run
`check` proves every index of both against every row.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import docstore
from docstore.storage.lmdb import open_lmdb
from query import r
from query.values import sort_key

Document = dict[str, Any]
Keys = Callable[[Document], list[Any]]

SCALARS = st.sampled_from([None, True, False, -1, 0, 1, 2, 1.5, "", "a", "b", "x" * 600, "x" * 600 + "y", 2**53 + 1])
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.just({"x": 1}), st.just({"y": {"z": None}}))
KEYS = st.sampled_from([0, 1, 2, 3, "k0", "k1", "k2", [1, "a"], True])
FIELDS = st.fixed_dictionaries({}, optional={"a": VALUES, "b": VALUES, "n": st.sampled_from([0, 1, 5, "five"])})
DOCUMENTS = st.builds(lambda key, fields: {"id": key, **fields}, KEYS, FIELDS)
BOUNDS = st.one_of(SCALARS.filter(lambda value: value is not None), st.lists(st.sampled_from([0, 1, "a"]), max_size=2))


def text(value: Any) -> str:
    """A value in a form in which equal means equal, True and 1 apart."""
    return json.dumps(value, sort_keys=True)


def indexable(value: Any) -> bool:
    return all(map(indexable, value)) if isinstance(value, list) else value is not None and not isinstance(value, dict)


def field(name: str) -> Keys:
    return lambda document: [document[name]] if name in document and indexable(document[name]) else []


def compound(document: Document) -> list[Any]:
    values = [document.get("a"), document.get("b")]
    return [values] if indexable(values) else []


def multi(document: Document) -> list[Any]:
    value = document.get("a")
    found = {text(one): one for one in (value if isinstance(value, list) else [value]) if indexable(one)}
    return list(found.values())


def double(document: Document) -> list[Any]:
    number = document.get("n")
    return [number * 2] if isinstance(number, int) else []


KINDS: dict[str, tuple[Any, dict[str, Any], Keys]] = {
    "simple": (r.row["a"], {}, field("a")),
    "other": (r.row["b"], {}, field("b")),
    "compound": ([r.row["a"], r.row["b"]], {}, compound),
    "multi": (r.row["a"], {"multi": True}, multi),
    "function": (lambda row: row["n"] * 2, {}, double),
}
NAMES = st.sampled_from(["i", "j", "k"])


def merged(old: Document, patch: Document) -> Document:
    """What `update` makes of a document."""
    result = dict(old)
    for name, value in patch.items():
        both = isinstance(value, dict) and isinstance(result.get(name), dict)
        result[name] = merged(result[name], value) if both else value
    return result


class RollBack(Exception):  # noqa: N818 - no error, but the way to leave a transaction
    pass


class Model(RuleBasedStateMachine):
    """Two stores and the oracle."""

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        path = str(Path(self.folder.name) / "app.db")
        self.holder = open_lmdb(path, sync=False)
        self.stores = [docstore.connect(path), docstore.connect()]
        self.rows: dict[str, Document] = {}
        self.indexes: dict[str, str] = {}
        self.vector_indexes: dict[str, bool] = {}
        """Whether each is a multi index."""
        self.open_blocks: list[list[Any]] = []
        self.saved: list[tuple[dict[str, Document], dict[str, str], dict[str, bool]]] = []
        self.both(r.table_create("t"))
        self.t = r.table("t")

    def both(self, query: Any) -> Any:
        """The answer of both stores, which has to be the same."""
        answers = [self.plain(query.run(db)) for db in self.stores]
        assert text(answers[0]) == text(answers[1])
        return answers[0]

    @staticmethod
    def plain(answer: Any) -> Any:
        if isinstance(answer, docstore.Cursor):
            return list(answer)
        if isinstance(answer, dict):
            return {name: value for name, value in answer.items() if name not in ("config_changes", "first_error")}
        return answer

    def write(self, query: Any, changes: Iterator[str]) -> None:
        """A write counts what the oracle says."""
        wanted = dict.fromkeys(["deleted", "errors", "inserted", "replaced", "skipped", "unchanged"], 0)
        for kind in changes:
            wanted[kind] += 1
        assert self.both(query) == wanted

    def put(self, new: Document) -> str:
        """Put a document into the oracle; how it is counted."""
        key = text(new["id"])
        old = self.rows.get(key)
        self.rows[key] = new
        return "inserted" if old is None else "unchanged" if text(old) == text(new) else "replaced"

    def matching(self, test: Callable[[Document], bool]) -> list[Document]:
        return [row for row in self.rows.values() if test(row)]

    # Writes

    @rule(
        documents=st.lists(DOCUMENTS, min_size=1, max_size=4), conflict=st.sampled_from(["error", "replace", "update"])
    )
    def insert(self, documents: list[Document], conflict: str) -> None:
        def changes() -> Iterator[str]:
            for new in documents:
                old = self.rows.get(text(new["id"]))
                if old is not None and conflict == "error":
                    yield "errors"
                else:
                    yield self.put(merged(old, new) if old is not None and conflict == "update" else new)

        self.write(self.t.insert(documents, conflict=conflict), changes())

    @rule(documents=st.lists(DOCUMENTS, max_size=6))
    def insert_from_a_generator(self, documents: list[Document]) -> None:
        for db in self.stores:
            self.t.insert((document for document in documents), conflict="replace").run(db)
        for document in documents:
            self.put(document)

    @rule(key=KEYS, patch=FIELDS)
    def update(self, key: Any, patch: Document) -> None:
        old = self.rows.get(text(key))
        count = "skipped" if old is None else self.put(merged(old, patch))
        self.write(self.t.get(key).update(patch), iter([count]))

    @rule(new=DOCUMENTS)
    def replace(self, new: Document) -> None:
        self.write(self.t.get(new["id"]).replace(new), iter([self.put(new)]))

    @rule(key=KEYS)
    def delete(self, key: Any) -> None:
        gone = self.rows.pop(text(key), None)
        self.write(self.t.get(key).delete(), iter(["skipped" if gone is None else "deleted"]))

    @rule(value=SCALARS, patch=FIELDS)
    def update_a_selection(self, value: Any, patch: Document) -> None:
        found = self.matching(lambda row: "a" in row and text(row["a"]) == text(value))
        self.write(self.t.filter(r.row["a"] == value).update(patch), (self.put(merged(row, patch)) for row in found))

    @rule(value=SCALARS)
    def delete_a_selection(self, value: Any) -> None:
        found = self.matching(lambda row: "b" in row and text(row["b"]) == text(value))
        for row in found:
            del self.rows[text(row["id"])]
        self.write(self.t.filter({"b": value}).delete(), iter(["deleted"] * len(found)))

    @precondition(lambda self: "multi" not in self.indexes.values() and self.indexes)
    @rule(low=BOUNDS, high=BOUNDS, patch=FIELDS)
    def update_what_an_index_gives(self, low: Any, high: Any, patch: Document) -> None:
        name = min(self.indexes)
        found = [row for _, row in self.entries(name, low, high)]
        self.write(self.t.between(low, high, index=name).update(patch), (self.put(merged(row, patch)) for row in found))

    # Transactions

    @precondition(lambda self: len(self.open_blocks) < 3)
    @rule()
    def begin(self) -> None:
        blocks = [db.transaction() for db in self.stores]
        for block in blocks:
            block.__enter__()
        self.open_blocks.append(blocks)
        self.saved.append((dict(self.rows), dict(self.indexes), dict(self.vector_indexes)))

    @precondition(lambda self: self.open_blocks)
    @rule()
    def commit(self) -> None:
        self.saved.pop()
        for block in reversed(self.open_blocks.pop()):
            block.__exit__(None, None, None)

    @precondition(lambda self: self.open_blocks)
    @rule()
    def roll_back(self) -> None:
        self.rows, self.indexes, self.vector_indexes = self.saved.pop()
        for block in reversed(self.open_blocks.pop()):
            error = RollBack()
            assert not block.__exit__(RollBack, error, None)

    # Indexes

    @rule(name=NAMES, kind=st.sampled_from(sorted(KINDS)))
    def index_create(self, name: str, kind: str) -> None:
        if name in self.indexes:
            return
        function, options, _ = KINDS[kind]
        self.both(self.t.index_create(name, function, **options))
        self.indexes[name] = kind

    @precondition(lambda self: self.indexes)
    @rule(data=st.data())
    def index_drop(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.indexes)))
        self.both(self.t.index_drop(name))
        del self.indexes[name]

    @precondition(lambda self: self.indexes)
    @rule(data=st.data(), new=NAMES)
    def index_rename(self, data: st.DataObject, new: str) -> None:
        old = data.draw(st.sampled_from(sorted(self.indexes)))
        self.both(self.t.index_rename(old, new, overwrite=True))
        self.indexes[new] = self.indexes.pop(old)

    # Reads

    def entries(
        self, name: str, low: Any = None, high: Any = None, *, closed: bool = False
    ) -> list[tuple[Any, Document]]:
        """What an index holds from one key up to another, in the order of keys and then of arrival."""
        keys = KINDS[self.indexes[name]][2]
        found = [(sort_key(key), row) for row in self.rows.values() for key in keys(row)]
        if low is not None:
            first, last = sort_key(low), sort_key(high)
            found = [(key, row) for key, row in found if first <= key and (key < last or (closed and key == last))]
        return sorted(found, key=itemgetter(0))  # stable: documents of one key are in order of arrival

    @precondition(lambda self: self.indexes)
    @rule(data=st.data(), keys=st.lists(BOUNDS, min_size=1, max_size=3))
    def get_all(self, data: st.DataObject, keys: list[Any]) -> None:
        name = data.draw(st.sampled_from(sorted(self.indexes)))
        wanted = [row for key in keys for _, row in self.entries(name, key, key, closed=True)]
        found = self.both(self.t.get_all(*keys, index=name))
        assert sorted(map(text, found)) == sorted(map(text, wanted))
        assert self.both(self.t.get_all(*keys, index=name).count()) == len(wanted)

    @precondition(lambda self: self.indexes)
    @rule(data=st.data(), low=BOUNDS, high=BOUNDS, closed=st.booleans())
    def between(self, data: st.DataObject, low: Any, high: Any, closed: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.indexes)))
        wanted = [row for _, row in self.entries(name, low, high, closed=closed)]
        query = self.t.between(low, high, index=name, right_bound="closed" if closed else "open")
        assert sorted(map(text, self.both(query))) == sorted(map(text, wanted))
        assert self.both(query.count()) == len(wanted)
        assert list(map(text, self.both(query.order_by(index=name)))) == list(map(text, wanted))

    @precondition(lambda self: self.indexes)
    @rule(data=st.data(), limit=st.integers(0, 4))
    def order_by(self, data: st.DataObject, limit: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.indexes)))
        wanted = [text(row) for _, row in self.entries(name)]
        assert [text(row) for row in self.both(self.t.order_by(index=name))] == wanted
        backward = self.both(self.t.order_by(index=r.desc(name)).limit(limit))
        assert [text(row) for row in backward] == wanted[::-1][:limit]

    @rule(key=KEYS)
    def get(self, key: Any) -> None:
        assert text(self.both(self.t.get(key))) == text(self.rows.get(text(key)))

    @rule()
    def read_all(self) -> None:
        wanted = sorted(self.rows.values(), key=lambda row: sort_key(row["id"]))
        assert [text(row) for row in self.both(self.t.order_by(index="id"))] == [text(row) for row in wanted]

    @invariant()
    def counts_are_right(self) -> None:
        assert self.both(self.t.count()) == len(self.rows)
        status = self.both(self.t.index_status().pluck("index", "ready", "entries"))
        assert all(one["ready"] for one in status)
        assert [one["index"] for one in status] == sorted([*self.indexes, *self.vector_indexes])
        for one in status:
            if one["index"] in self.indexes:
                keys = {(text(key)[:300], text(row["id"])) for key, row in self.entries(one["index"])}
                assert one["entries"] == len(keys)

    def teardown(self) -> None:
        try:
            while self.open_blocks:
                self.roll_back()
            self.read_all()
            for db in self.stores:
                assert docstore.check(db).problems == []
        finally:
            for db in self.stores:
                db.close()
            self.holder.close()
            self.folder.cleanup()


def run(model: type[RuleBasedStateMachine], examples: int, steps: int) -> None:
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        model,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=checks
        ),
    )


def test_the_stores_do_what_the_model_does() -> None:
    run(Model, examples=250, steps=40)


@pytest.mark.slow
def test_the_stores_do_what_the_model_does_for_longer() -> None:
    run(Model, examples=3_000, steps=80)
