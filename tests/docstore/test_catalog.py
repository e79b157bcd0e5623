"""The catalog: definitions, versions, records; and transactions that change it."""

from __future__ import annotations

from pathlib import Path

import pytest

from docstore.catalog import Catalog, IndexDefinition, new_catalog
from docstore.catalog_records import load
from docstore.errors import NewerFormatError, NotAStoreError, OlderFormatError, ReadOnlyError
from docstore.layout import FORMAT_KEY, FORMAT_VERSION, pack_u32
from docstore.storage.engine import CATALOG_SPACE
from docstore.storage.lmdb import open_lmdb
from docstore.store import OpenStore, open_store
from query.errors import ReqlOpFailedError, ReqlQueryLogicError
from query.runtime import Run
from tests.docstore.stores import create_index, create_table, field, insert, reading


def with_table() -> Catalog:
    return new_catalog().create_table("test", "posts")


def with_index() -> Catalog:
    catalog = with_table()
    return catalog.create_index(catalog.table("test", "posts"), "author", field("author"))


# Definitions


def test_a_new_catalog_has_the_database_test() -> None:
    assert list(new_catalog().databases) == ["test"]


def test_a_change_leaves_the_catalog_it_was_made_from() -> None:
    before = new_catalog()
    after = before.create_table("test", "posts")
    assert not list(before.tables())
    assert [table.title for table in after.tables()] == ["test.posts"]


def test_changed_catalogs_never_share_a_version() -> None:
    catalog = new_catalog()
    versions = [catalog.create_table("test", "a").version, catalog.create_table("test", "a").version]
    assert len(set(versions)) == 2
    assert max(versions) < 0


@pytest.mark.parametrize("name", ["", "a b", "a.b", "ä", "a/b", "x" * 128])
def test_a_name_of_other_characters_is_refused(name: str) -> None:
    with pytest.raises(ReqlQueryLogicError, match=r"Table name `.*` (invalid|too long)|Table name `.*\.\.\.` too long"):
        new_catalog().create_table("test", name)
    with pytest.raises(ReqlQueryLogicError, match="Database name"):
        new_catalog().create_database(name)


def test_what_is_missing_and_what_is_there_already_are_told_as_in_rethinkdb() -> None:
    catalog = with_index()
    posts = catalog.table("test", "posts")
    cases = [
        (lambda: catalog.create_database("test"), "Database `test` already exists."),
        (lambda: catalog.database("x"), "Database `x` does not exist."),
        (lambda: catalog.table("x", "posts"), "Database `x` does not exist."),
        (lambda: catalog.table("test", "x"), "Table `test.x` does not exist."),
        (lambda: catalog.create_table("test", "posts"), "Table `test.posts` already exists."),
        (lambda: catalog.create_index(posts, "author", ""), "Index `author` already exists on table `test.posts`."),
        (lambda: catalog.drop_index(posts, "x"), "Index `x` does not exist on table `test.posts`."),
    ]
    for call, message in cases:
        with pytest.raises(ReqlOpFailedError) as caught:
            call()
        assert caught.value.message == message


def test_an_index_cannot_have_the_name_of_the_primary_key() -> None:
    catalog = with_index()
    posts = catalog.table("test", "posts")
    with pytest.raises(ReqlQueryLogicError, match="Index name conflict"):
        catalog.create_index(posts, "id", field("x"))
    with pytest.raises(ReqlQueryLogicError, match="Index name conflict"):
        catalog.rename_index(posts, "author", "id")


def test_spaces_are_never_given_twice() -> None:
    catalog = with_index()
    first = catalog.table("test", "posts")
    catalog = catalog.drop_table("test", "posts").create_table("test", "posts")
    assert catalog.table("test", "posts").space > first.space
    assert catalog.dead == {first.space: "map", first.key_space: "map", first.indexes["author"].space: "multimap"}


def test_dropping_a_database_drops_its_tables_and_indexes() -> None:
    catalog = with_index().drop_database("test")
    assert not catalog.databases
    assert sorted(catalog.dead.values()) == ["map", "map", "multimap"]


def test_an_index_that_is_renamed_over_another_takes_its_place() -> None:
    catalog = with_index()
    posts = catalog.table("test", "posts")
    catalog = catalog.create_index(posts, "new", field("name"))
    with pytest.raises(ReqlOpFailedError, match="already exists"):
        catalog.rename_index(posts, "new", "author")
    renamed = catalog.rename_index(posts, "new", "author", overwrite=True).table("test", "posts")
    assert list(renamed.indexes) == ["author"]
    assert renamed.indexes["author"].function == field("name")


def test_a_table_keeps_its_id_and_space_when_it_is_renamed() -> None:
    catalog = with_table()
    old = catalog.table("test", "posts")
    new = catalog.change_table("test", "posts", new_name="articles").table("test", "articles")
    assert (new.id, new.space) == (old.id, old.space)


def test_a_renamed_database_takes_its_tables_with_it() -> None:
    catalog = with_index().rename_database("test", "blog")
    assert catalog.table("blog", "posts").title == "blog.posts"


def test_an_index_of_an_older_language_is_outdated() -> None:
    assert IndexDefinition("a", 20, "", language_version=0).outdated
    assert not IndexDefinition("a", 20, "").outdated


# Stores


def test_the_catalog_of_a_store_opened_again_is_the_same(tmp_path: Path) -> None:
    path = str(tmp_path / "app.db")
    store = open_store(path)
    create_table(store)
    create_index(store, "a", field("a"), multi=True, options={"x": [1, None]})
    with store.begin_read() as transaction:
        before = transaction.catalog
    store.close()
    store = open_store(path)
    with store.begin_read() as transaction:
        assert transaction.catalog == before
    store.close()


def test_a_committed_catalog_has_the_next_version(store: OpenStore) -> None:
    with store.begin_read() as transaction:
        before = transaction.catalog.version
    create_table(store)
    with store.begin_read() as transaction:
        assert transaction.catalog.version == before + 1
        assert load(transaction.engine) == transaction.catalog


def test_writing_documents_does_not_move_the_version(store: OpenStore) -> None:
    create_table(store)
    with store.begin_read() as transaction:
        before = transaction.catalog
    insert(store, {"id": 1})
    with store.begin_read() as transaction:
        assert transaction.catalog is before


def test_a_transaction_sees_its_own_catalog_and_others_do_not(store: OpenStore) -> None:
    with store.begin_write() as transaction:
        transaction.catalog = transaction.catalog.create_table("test", "t")
        assert store.table(Run(store, transaction), None, "t").count(Run(store, transaction)) == 0
        with store.begin_read() as other, pytest.raises(ReqlOpFailedError, match="does not exist"):
            store.table(Run(store, other), None, "t")


def test_a_transaction_that_fails_leaves_the_catalog(store: OpenStore) -> None:
    with pytest.raises(ZeroDivisionError), store.begin_write() as transaction:
        transaction.catalog = transaction.catalog.create_table("test", "t")
        raise ZeroDivisionError
    with store.begin_read() as transaction:
        assert not list(transaction.catalog.tables())


def test_a_savepoint_that_fails_leaves_catalog_and_counts_as_they_were(store: OpenStore) -> None:
    create_table(store)
    with store.begin_write() as transaction:
        run = Run(store, transaction)
        table = store.table(run, None, "t")
        transaction.add_counts(table.definition.space, 5, {})
        savepoint = transaction.savepoint()
        savepoint.catalog = savepoint.catalog.create_table("test", "u")
        savepoint.add_counts(table.definition.space, 7, {})
        savepoint.abort()
        assert [found.name for found in transaction.catalog.tables()] == ["t"]
        assert table.count(run) == 5
        with transaction.savepoint() as kept:
            kept.catalog = kept.catalog.create_table("test", "v")
            kept.add_counts(table.definition.space, -5, {})
    with store.begin_read() as transaction:
        assert [found.name for found in transaction.catalog.tables()] == ["t", "v"]


def test_a_snapshot_cannot_change_the_catalog(store: OpenStore) -> None:
    with store.begin_read() as transaction, pytest.raises(ReadOnlyError):
        transaction.catalog = transaction.catalog.create_database("x")


def test_tables_are_kept_while_their_definition_is_the_same(store: OpenStore) -> None:
    create_table(store)
    with reading(store) as (_, before):
        pass
    create_table(store, "u")
    with reading(store) as (_, after):
        assert after is before


def test_another_store_object_on_the_same_file_sees_changes_of_the_catalog(tmp_path: Path) -> None:
    path = str(tmp_path / "app.db")
    first, second = open_store(path), open_store(path)
    create_table(first)
    with reading(second) as (run, table):
        assert table.count(run) == 0
    first.close()
    second.close()


@pytest.mark.parametrize(("step", "error"), [(1, NewerFormatError), (-1, OlderFormatError)])
def test_a_store_of_another_format_is_refused(tmp_path: Path, step: int, error: type[Exception]) -> None:
    path = str(tmp_path / "app.db")
    open_store(path).close()
    engine = open_lmdb(path)
    with engine.begin_write() as writer:
        writer.put(CATALOG_SPACE, FORMAT_KEY, pack_u32(FORMAT_VERSION + step))
    engine.close()
    with pytest.raises(error, match=f"format {FORMAT_VERSION + step}, "):
        open_store(path)


def test_a_file_with_other_data_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "app.db")
    engine = open_lmdb(path)
    with engine.begin_write() as writer:
        writer.put(CATALOG_SPACE, b"something", b"else")
    engine.close()
    with pytest.raises(NotAStoreError):
        open_store(path)
