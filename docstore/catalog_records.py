"""The catalog's records: read from a transaction of the engine, written into one (`layout.py` has their form)."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

import msgspec

from docstore.catalog import Catalog, DatabaseDefinition, IndexDefinition, TableDefinition
from docstore.documents import decode_document, encode_document
from docstore.errors import CorruptStoreError
from docstore.layout import (
    DATABASE_PREFIX,
    DEAD_PREFIX,
    KIND_BYTES,
    KINDS,
    NEXT_SPACE_KEY,
    TABLE_PREFIX,
    USERS_KEY,
    VERSION_KEY,
    SpaceKind,
    dead_key,
    pack_u32,
    pack_u64,
    unpack_u32,
    unpack_u64,
)
from docstore.storage.engine import CATALOG_SPACE, ReadTransaction, WriteTransaction

Made = TypeVar("Made", DatabaseDefinition, TableDefinition, IndexDefinition)

_UUID_KEY_BYTES: Final = 17


def read_version(engine: ReadTransaction) -> int:
    """The version of the catalog that a transaction sees; 0 where there is none yet."""
    data = engine.get(CATALOG_SPACE, VERSION_KEY)
    return 0 if data is None else unpack_u64(data)


def load(engine: ReadTransaction, before: Catalog | None = None) -> Catalog:
    """The catalog that a transaction sees. Definitions that are equal to those of `before` are the very same objects.

    CorruptStoreError where the records make no catalog.
    """
    version, next_space = read_version(engine), engine.get(CATALOG_SPACE, NEXT_SPACE_KEY)
    if not version or next_space is None:
        raise CorruptStoreError("The store has no catalog.")
    known = {} if before is None else {table.id: table for table in before.tables()}
    tables: dict[str, dict[str, TableDefinition]] = {}
    for record in _records(engine, TABLE_PREFIX):
        table = _table_of(record)
        kept = known.get(table.id)
        tables.setdefault(table.database, {})[table.name] = kept if kept is not None and kept == table else table
    databases = {}
    for record in _records(engine, DATABASE_PREFIX):
        database = _convert(record, DatabaseDefinition)
        own = tables.pop(database.name, {})
        databases[database.name] = DatabaseDefinition(
            database.id, database.name, {name: own[name] for name in sorted(own)}
        )
    if tables:
        raise CorruptStoreError(f"The catalog has tables of the databases {sorted(tables)}, which are not in it.")
    users = engine.get(CATALOG_SPACE, USERS_KEY)
    return Catalog(
        version,
        unpack_u32(next_space),
        databases,
        dict(_dead_spaces(engine)),
        {} if users is None else decode_document(users),
    )


def save(engine: WriteTransaction, before: Catalog | None, after: Catalog, version: int) -> None:
    """Write what has changed from one catalog to the next, under a new version."""
    _save_records(engine, DATABASE_PREFIX, _databases(before), _databases(after))
    _save_records(engine, TABLE_PREFIX, _tables(before), _tables(after))
    old_dead = {} if before is None else before.dead
    for space in old_dead.keys() - after.dead.keys():
        engine.delete(CATALOG_SPACE, dead_key(space))
    for space in after.dead.keys() - old_dead.keys():
        engine.put(CATALOG_SPACE, dead_key(space), KIND_BYTES[after.dead[space]])
    if before is None or before.next_space != after.next_space:
        engine.put(CATALOG_SPACE, NEXT_SPACE_KEY, pack_u32(after.next_space))
    if after.users != ({} if before is None else before.users):
        engine.put(CATALOG_SPACE, USERS_KEY, encode_document(dict(after.users)))
    engine.put(CATALOG_SPACE, VERSION_KEY, pack_u64(version))


def _databases(catalog: Catalog | None) -> dict[str, DatabaseDefinition]:
    return {} if catalog is None else {database.id: database for database in catalog.databases.values()}


def _tables(catalog: Catalog | None) -> dict[str, TableDefinition]:
    return {} if catalog is None else {table.id: table for table in catalog.tables()}


def _save_records(
    engine: WriteTransaction,
    prefix: bytes,
    before: Mapping[str, DatabaseDefinition | TableDefinition],
    after: Mapping[str, DatabaseDefinition | TableDefinition],
) -> None:
    for identity in before.keys() - after.keys():
        engine.delete(CATALOG_SPACE, prefix + uuid.UUID(identity).bytes)
    for identity, definition in after.items():
        if definition is not before.get(identity):
            engine.put(CATALOG_SPACE, prefix + uuid.UUID(identity).bytes, encode_document(_record_of(definition)))


def _record_of(definition: DatabaseDefinition | TableDefinition) -> dict[str, Any]:
    if isinstance(definition, DatabaseDefinition):
        return {"id": definition.id, "name": definition.name}
    return dict(msgspec.to_builtins(definition))


def _records(engine: ReadTransaction, prefix: bytes) -> Iterator[dict[str, Any]]:
    for key, data in engine.scan(CATALOG_SPACE, prefix, bytes([prefix[0] + 1])):
        if len(key) == _UUID_KEY_BYTES:
            yield decode_document(data)


def _table_of(record: dict[str, Any]) -> TableDefinition:
    indexes = record.pop("indexes", {})
    made = {name: _convert(index, IndexDefinition) for name, index in indexes.items()}
    return _convert({**record, "indexes": made}, TableDefinition)


def _convert(record: dict[str, Any], kind: type[Made]) -> Made:
    try:
        return kind(**record)
    except TypeError as error:
        raise CorruptStoreError(f"Expected a {kind.__name__} in the catalog but found {record}: {error}") from None


def _dead_spaces(engine: ReadTransaction) -> Iterator[tuple[int, SpaceKind]]:
    for key, data in engine.scan(CATALOG_SPACE, DEAD_PREFIX, bytes([DEAD_PREFIX[0] + 1])):
        if data not in KINDS:
            raise CorruptStoreError(f"Expected a kind of space in the catalog but found {data!r}.")
        yield unpack_u32(key[1:]), KINDS[data]
