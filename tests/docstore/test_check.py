"""The check finds what is wrong: each test damages a whole store behind the back of its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import docstore
from docstore.catalog import TableDefinition
from docstore.catalog_records import load
from docstore.check import MOST_PROBLEMS, check, check_store
from docstore.documents import encode_document
from docstore.keys import encode_key
from docstore.layout import (
    FIRST_FREE_SPACE,
    NEXT_SPACE_KEY,
    VERSION_KEY,
    Counts,
    counts_key,
    pack_counts,
    pack_row_id,
    pack_u32,
    pack_watermark,
    watermark_key,
)
from docstore.storage.engine import CATALOG_SPACE, WriteTransaction
from docstore.store import OpenStore, open_store
from query import r
from tests.docstore.stores import create_index, create_table, field, insert, reading


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[OpenStore]:
    store = open_store(str(tmp_path / "app.db"))
    create_table(store)
    insert(store, *[{"id": number, "a": number % 3, "tags": ["x", number]} for number in range(20)])
    create_index(store, "a", field("a"))
    create_index(store, "tags", field("tags"), multi=True)
    yield store
    store.close()


def problems(store: OpenStore, damage: Callable[[WriteTransaction, TableDefinition], object]) -> list[str]:
    """What the check finds after some damage."""
    with reading(store) as (_, table):
        definition = table.definition
    with store.engine.begin_write() as writer:
        damage(writer, definition)
    report = check_store(store)
    assert report.found == len(report.problems) or len(report.problems) == MOST_PROBLEMS
    return report.problems


def test_a_whole_store_has_no_problem(whole: OpenStore) -> None:
    report = check_store(whole)
    assert report.ok
    assert str(report) == "1 tables, 20 documents, 2 indexes, 60 entries: no problem found."


def test_a_missing_entry(whole: OpenStore) -> None:
    found = problems(whole, lambda writer, t: writer.remove(t.index("a").space, encode_key(1), pack_row_id(4)))
    assert "The index `a` of test.t lacks the entry int 1 of the document int 4." in found
    assert any("has 19 entries, but its count says 20" in problem for problem in found)


def test_an_orphan_entry(whole: OpenStore) -> None:
    found = problems(whole, lambda writer, t: writer.add(t.index("tags").space, encode_key("y"), pack_row_id(4)))
    assert any("orphan entry" in problem for problem in found)


def test_an_orphan_in_the_place_of_an_entry(whole: OpenStore) -> None:
    def swap(writer: WriteTransaction, table: TableDefinition) -> None:
        writer.remove(table.index("a").space, encode_key(1), pack_row_id(4))
        writer.add(table.index("a").space, encode_key(1), pack_row_id(5))

    found = problems(whole, swap)
    assert any("lacks the entry" in problem for problem in found)


def test_a_row_that_is_gone(whole: OpenStore) -> None:
    found = problems(whole, lambda writer, t: writer.delete(t.space, pack_row_id(4)))
    assert any("orphan entry" in problem for problem in found)
    assert any("19 documents, but its count says 20" in problem for problem in found)


def test_a_row_that_is_no_document(whole: OpenStore) -> None:
    found = problems(whole, lambda writer, t: writer.put(t.space, pack_row_id(4), b"\xc1"))
    assert any("is no document" in problem for problem in found)


def test_a_row_under_another_key(whole: OpenStore) -> None:
    found = problems(whole, lambda writer, t: writer.put(t.space, pack_row_id(4), encode_document({"id": 5})))
    assert "The primary key int 4 of test.t leads to the document int 5." in found
    assert "The primary key int 5 of test.t does not lead to its row 4." in found


def test_a_primary_key_that_is_gone(whole: OpenStore) -> None:
    found = problems(whole, lambda writer, t: writer.delete(t.key_space, encode_key(4)))
    assert "test.t has 19 primary keys, its documents make 20." in found
    assert "The primary key int 4 of test.t does not lead to its row 4." in found


def test_a_primary_key_without_a_document(whole: OpenStore) -> None:
    found = problems(whole, lambda writer, t: writer.put(t.key_space, encode_key(44), pack_row_id(44)))
    assert "The primary key int 44 of test.t leads to no document: 44." in found


def test_a_row_that_was_not_given_out(whole: OpenStore) -> None:
    found = problems(whole, lambda writer, t: writer.put(t.space, pack_row_id(20), encode_document({"id": 20})))
    assert "test.t has the row 20, but 20 is to be given out next." in found


def test_a_row_without_a_primary_key(whole: OpenStore) -> None:
    found = problems(whole, lambda writer, t: writer.put(t.space, pack_row_id(4), encode_document({"a": 1})))
    assert any("is no document" in problem for problem in found)


def test_a_wrong_count(whole: OpenStore) -> None:
    found = problems(
        whole, lambda writer, t: writer.put(CATALOG_SPACE, counts_key(t.space), pack_counts(Counts(20, 20, {99: 1})))
    )
    assert any("has 20 entries, but its count says 0" in problem for problem in found)
    assert any("tell of the space 99" in problem for problem in found)


def test_records_of_spaces_that_are_not_there(whole: OpenStore) -> None:
    def add(writer: WriteTransaction, _: TableDefinition) -> None:
        writer.put(CATALOG_SPACE, counts_key(77), pack_counts(Counts(1, 1, {})))
        writer.put(CATALOG_SPACE, watermark_key(78), pack_watermark(1, b"\x20"))

    found = problems(whole, add)
    assert any("counts for the space 77" in problem for problem in found)
    assert any("a watermark for the space 78" in problem for problem in found)


def test_a_catalog_that_cannot_be_read(whole: OpenStore) -> None:
    found = problems(whole, lambda writer, _: writer.put(CATALOG_SPACE, VERSION_KEY, b"1"))
    assert len(found) == 1
    assert "The catalog cannot be read" in found[0]


def test_no_more_problems_are_told_than_one_can_read(whole: OpenStore) -> None:
    insert(whole, *[{"id": 100 + number, "a": 1} for number in range(300)])

    def empty(writer: WriteTransaction, table: TableDefinition) -> None:
        writer.remove_many(table.index("a").space, list(writer.scan_entries(table.index("a").space)))

    assert len(problems(whole, empty)) == MOST_PROBLEMS
    assert "more" in str(check_store(whole))


def test_what_is_in_a_dead_space_is_no_problem(whole: OpenStore) -> None:
    transaction = whole.begin_write()
    transaction.catalog = transaction.catalog.drop_table("test", "t")
    transaction.flush()
    transaction.writer.commit()  # not through the store, whose sweeper would begin
    report = check_store(whole)
    assert report.ok
    assert report.documents == 0


def test_a_space_that_was_never_given_out(whole: OpenStore) -> None:
    with whole.begin_write() as transaction:
        transaction.catalog = transaction.catalog.create_table("test", "u")
    with reading(whole, "u") as (_, table):
        assert table.definition.space >= FIRST_FREE_SPACE
    found = problems(whole, lambda writer, _: writer.put(CATALOG_SPACE, NEXT_SPACE_KEY, pack_u32(FIRST_FREE_SPACE + 1)))
    assert any("was never given out" in problem for problem in found)


def test_counts_that_cannot_be_read(whole: OpenStore) -> None:
    found = problems(whole, lambda writer, t: writer.put(CATALOG_SPACE, counts_key(t.space), b"123"))
    assert any("The counts of test.t cannot be read" in problem for problem in found)


def test_a_store_that_cannot_be_opened_is_reported(tmp_path: Path) -> None:
    path = str(tmp_path / "app.db")
    store = open_store(path)
    with store.engine.begin_write() as writer:
        writer.delete(CATALOG_SPACE, NEXT_SPACE_KEY)
    store.close()
    report = check(path)
    assert report.problems == ["The store cannot be opened: The store has no catalog."]


@pytest.mark.parametrize("prefix", [b"b", b"h", b"l", b"m", b"o"])
def test_records_of_a_vector_index_that_are_cut_off(tmp_path: Path, prefix: bytes) -> None:
    path = str(tmp_path / "app.db")
    with docstore.connect(path) as db:
        r.table_create("texts").run(db)
        r.table("texts").insert([{"id": n, "v": r.vector([n, 1])} for n in range(5)]).run(db)
        r.table("texts").index_create("v", vector={"dimensions": 2}).run(db)
        with db.store.engine.begin_write() as writer:
            space = load(writer).table("test", "texts").index("v").space
            key, data = next(iter(writer.scan(space, prefix, bytes([prefix[0] + 1]))))
            writer.put(space, key, data[:-3])
        assert any("damaged" in problem for problem in docstore.check(db).problems)
