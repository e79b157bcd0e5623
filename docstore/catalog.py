"""Databases, tables, and the definitions and states of indexes: frozen values, each change gives a new catalog.

A `Catalog` that was loaded or committed has a positive `version`, one more with each commit that changed it, whichever
process made it. A changed catalog that is not committed has a negative version, which no other catalog of this process
ever has; so a cache may go by the version alone, and forgets nothing wrong when the change is rolled back.

Definitions are found by name. A table's `id` and the spaces of tables and indexes stay when they are renamed, and are
never given twice. What is dropped is only forgotten; its spaces are noted as dead, and a sweeper empties them
(`build.py`). Counts and watermarks are no part of the catalog (`layout.py`).

The life of an index: *building* -> *ready*, or *building* -> *failed* with an `error`. Only ready indexes answer
queries.

The records are written by `save` and read by `load`; `load` keeps the definitions of the catalog before it where they
did not change, so that what was made of them (compiled index functions) can be kept too. All of this is pure but for
these two; any thread may use a catalog.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Final, Literal, TypeAlias

from docstore.layout import FIRST_FREE_SPACE, SpaceKind
from query.errors import ReqlOpFailedError, ReqlQueryLogicError
from query.values import Value

DEFAULT_DATABASE: Final = "test"
LANGUAGE_VERSION: Final = 1
"""Counted up when a later version of the language would compute other keys from the same index function."""

IndexState: TypeAlias = Literal["building", "ready", "failed"]

MAX_NAME: Final = 127
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_uncommitted: Final = count(1)


@dataclass(frozen=True, slots=True)
class IndexDefinition:
    """One secondary index.

    `function` is its function's Term in wire form, as JSON text. `kind` says which class of `docstore.indexes` keeps it,
    and `options` what that class wants to know beside `multi` and `unique`.
    """

    name: str
    space: int
    function: str
    kind: str = "ordered"
    multi: bool = False
    unique: bool = False
    options: Mapping[str, Value] = field(default_factory=dict)
    language_version: int = LANGUAGE_VERSION
    state: IndexState = "building"
    error: str | None = None

    @property
    def geo(self) -> bool:
        """Whether its keys are shapes on the earth."""
        return self.kind == "geo"

    @property
    def space_kind(self) -> SpaceKind:
        """Whether its space is a map or a multimap."""
        return "map" if self.kind == "vector" else "multimap"

    @property
    def refuses(self) -> bool:
        """Whether there are documents that it does not allow to be written."""
        return self.unique or bool(self.options.get("strict"))

    @property
    def outdated(self) -> bool:
        """Whether a later version of the language would compute other keys."""
        return self.language_version < LANGUAGE_VERSION


@dataclass(frozen=True, slots=True)
class TableDefinition:
    """One table. `options` are what `config` may set beside names."""

    id: str
    name: str
    database: str
    primary_key: str
    space: int
    """That of its rows."""
    key_space: int
    """That of its primary keys."""
    indexes: Mapping[str, IndexDefinition] = field(default_factory=dict)
    options: Mapping[str, Value] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Its name as errors give it: `test.posts`."""
        return f"{self.database}.{self.name}"

    def index(self, name: str) -> IndexDefinition:
        """An index by name; ReqlOpFailedError where there is none."""
        found = self.indexes.get(name)
        if found is None:
            raise ReqlOpFailedError(f"Index `{name}` was not found on table `{self.title}`.")
        return found

    def index_in(self, space: int) -> IndexDefinition | None:
        """The index with this space, whatever its name is by now."""
        return next((index for index in self.indexes.values() if index.space == space), None)


@dataclass(frozen=True, slots=True)
class DatabaseDefinition:
    """One database: a name for tables."""

    id: str
    name: str
    tables: Mapping[str, TableDefinition] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Catalog:
    """All definitions of a store at one moment, and the spaces that wait for the sweeper."""

    version: int
    next_space: int
    databases: Mapping[str, DatabaseDefinition]
    dead: Mapping[int, SpaceKind] = field(default_factory=dict)
    users: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What `docstore.users` says."""

    # What there is

    def database(self, name: str) -> DatabaseDefinition:
        """A database by name; ReqlOpFailedError where there is none."""
        found = self.databases.get(name)
        if found is None:
            check_characters("Database", name)
            raise ReqlOpFailedError(f"Database `{name}` does not exist.")
        return found

    def table(self, database: str, name: str) -> TableDefinition:
        """A table by name; ReqlOpFailedError where there is none."""
        found = self.database(database).tables.get(name)
        if found is None:
            check_characters("Table", name)
            raise ReqlOpFailedError(f"Table `{database}.{name}` does not exist.")
        return found

    def tables(self) -> Iterator[TableDefinition]:
        """All tables of all databases."""
        for database in self.databases.values():
            yield from database.tables.values()

    def table_with_id(self, identity: str) -> TableDefinition | None:
        """The table with this id, whatever its name is by now."""
        return next((table for table in self.tables() if table.id == identity), None)

    # Databases

    def create_database(self, name: str, identity: str | None = None) -> Catalog:
        """With an empty database more."""
        check_name("Database", name)
        if name in self.databases:
            raise ReqlOpFailedError(f"Database `{name}` already exists.")
        return self._with_database(DatabaseDefinition(identity or str(uuid.uuid4()), name))

    def drop_database(self, name: str) -> Catalog:
        """Without a database and all its tables."""
        tables = self.database(name).tables
        databases = {other: database for other, database in self.databases.items() if other != name}
        return self._changed(databases=databases, dead={**self.dead, **_spaces_of(*tables.values())})

    def rename_database(self, name: str, new_name: str) -> Catalog:
        """With another name for a database."""
        database = self.database(name)
        check_name("Database", new_name)
        if new_name == name:
            return self
        if new_name in self.databases:
            raise ReqlOpFailedError(f"Database `{new_name}` already exists.")
        databases = {other: definition for other, definition in self.databases.items() if other != name}
        tables = {title: replace(table, database=new_name) for title, table in database.tables.items()}
        databases[new_name] = replace(database, name=new_name, tables=tables)
        return self._changed(databases=databases)

    # Tables

    def create_table(
        self, database: str, name: str, primary_key: str = "id", options: Mapping[str, Value] | None = None
    ) -> Catalog:
        """With an empty table more."""
        parent = self.database(database)
        check_name("Table", name)
        if name in parent.tables:
            raise ReqlOpFailedError(f"Table `{database}.{name}` already exists.")
        keys, rows = self.next_space, self.next_space + 1  # what grows at its end comes last: see `put_many`
        table = TableDefinition(
            str(uuid.uuid4()),
            name,
            database,
            primary_key,
            rows,
            keys,
            options=dict(options or {}),
        )
        return self._with_database(_with_table(parent, table), next_space=self.next_space + 2)

    def drop_table(self, database: str, name: str) -> Catalog:
        """Without a table."""
        table = self.table(database, name)
        parent = self.databases[database]
        tables = {other: definition for other, definition in parent.tables.items() if other != name}
        return self._with_database(replace(parent, tables=tables), dead={**self.dead, **_spaces_of(table)})

    def change_table(
        self, database: str, name: str, *, new_name: str | None = None, options: Mapping[str, Value] | None = None
    ) -> Catalog:
        """With another name, or other options, for a table."""
        table, parent = self.table(database, name), self.databases[database]
        if new_name is not None and new_name != name:
            check_name("Table", new_name)
            if new_name in parent.tables:
                raise ReqlOpFailedError(f"Table `{database}.{new_name}` already exists.")
        tables = {other: definition for other, definition in parent.tables.items() if other != name}
        changed = replace(table, name=new_name or name, options=table.options if options is None else dict(options))
        return self._with_database(_with_table(replace(parent, tables=tables), changed))

    def with_table_id(self, database: str, name: str, identity: str) -> Catalog:
        """With another id for a table that was just created."""
        table = replace(self.table(database, name), id=identity)
        return self._with_database(_with_table(self.databases[database], table))

    def move_table(self, database: str, name: str, new_database: str) -> Catalog:
        """With a table in another database, which has none of that name."""
        table, parent, target = self.table(database, name), self.databases[database], self.database(new_database)
        left = replace(parent, tables={other: one for other, one in parent.tables.items() if other != name})
        moved = _with_table(target, replace(table, database=new_database))
        return self._changed(databases={**self.databases, database: left, new_database: moved})

    # Indexes

    def create_index(self, table: TableDefinition, name: str, function: str, **features: Any) -> Catalog:
        """With an index more, building; `features` are fields of its definition (`multi`, `unique`, `kind`...)."""
        table = self._current(table)
        if name == table.primary_key:
            raise ReqlQueryLogicError(f"Index name conflict: `{name}` is the name of the primary key.")
        if name in table.indexes:
            raise ReqlOpFailedError(f"Index `{name}` already exists on table `{table.title}`.")
        index = IndexDefinition(name, self.next_space, function, **features)
        return self._with_indexes(table, {**table.indexes, name: index}, next_space=self.next_space + 1)

    def drop_index(self, table: TableDefinition, name: str) -> Catalog:
        """Without an index."""
        table = self._current(table)
        index = table.indexes.get(name)
        if index is None:
            raise ReqlOpFailedError(f"Index `{name}` does not exist on table `{table.title}`.")
        indexes = {other: definition for other, definition in table.indexes.items() if other != name}
        return self._with_indexes(table, indexes, dead={**self.dead, index.space: index.space_kind})

    def rename_index(self, table: TableDefinition, name: str, new_name: str, *, overwrite: bool = False) -> Catalog:
        """With another name for an index; with `overwrite`, in the place of the one that has this name."""
        table = self._current(table)
        for each in (name, new_name):
            if each == table.primary_key:
                raise ReqlQueryLogicError(f"Index name conflict: `{each}` is the name of the primary key.")
        index, replaced = table.indexes.get(name), table.indexes.get(new_name)
        if index is None or (replaced is not None and new_name != name and not overwrite):
            other_way = "" if overwrite else f" or index `{new_name}` already exists"
            raise ReqlOpFailedError(f"Index `{name}` does not exist{other_way} on table `{table.title}`.")
        if new_name == name:
            return self
        dead = dict(self.dead)
        if replaced is not None:
            dead[replaced.space] = replaced.space_kind
        indexes = {other: definition for other, definition in table.indexes.items() if other != name}
        indexes[new_name] = replace(index, name=new_name)
        return self._with_indexes(table, indexes, dead=dead)

    def set_index_state(
        self, table: TableDefinition, name: str, state: IndexState, error: str | None = None
    ) -> Catalog:
        """With an index in another state."""
        table = self._current(table)
        index = replace(table.index(name), state=state, error=error)
        return self._with_indexes(table, {**table.indexes, name: index})

    # Users

    def with_users(self, users: Mapping[str, Mapping[str, Any]]) -> Catalog:
        """With other users, or other permissions of theirs."""
        return self._changed(users=users)

    # The sweeper

    def forget_space(self, space: int) -> Catalog:
        """Without a dead space, which is empty by now."""
        return self._changed(dead={other: kind for other, kind in self.dead.items() if other != space})

    # Parts

    def committed(self, version: int) -> Catalog:
        """The same as it is known once it is committed."""
        return replace(self, version=version)

    def _current(self, table: TableDefinition) -> TableDefinition:
        """The table as this catalog has it: the caller's may be from before another change."""
        found = self.table_with_id(table.id)
        if found is None:
            raise ReqlOpFailedError(f"Table `{table.title}` does not exist.")
        return found

    def _with_indexes(self, table: TableDefinition, indexes: Mapping[str, IndexDefinition], **changes: Any) -> Catalog:
        ordered = {name: indexes[name] for name in sorted(indexes)}
        parent = self.databases[table.database]
        return self._with_database(_with_table(parent, replace(table, indexes=ordered)), **changes)

    def _with_database(self, database: DatabaseDefinition, **changes: Any) -> Catalog:
        return self._changed(databases={**self.databases, database.name: database}, **changes)

    def _changed(self, **changes: Any) -> Catalog:
        return replace(self, version=-next(_uncommitted), **changes)


def new_catalog() -> Catalog:
    """The catalog of a new store: one empty database, `test`."""
    return Catalog(0, FIRST_FREE_SPACE, {}).create_database(DEFAULT_DATABASE)


def check_name(kind: Literal["Database", "Table"], name: str) -> None:
    """ReqlQueryLogicError where a database or a table cannot have this name."""
    if len(name) > MAX_NAME:
        raise ReqlQueryLogicError(f"{kind} name `{name[:40]}...` too long (Max length is {MAX_NAME}).")
    check_characters(kind, name)


def check_characters(kind: Literal["Database", "Table"], name: str) -> None:
    """ReqlQueryLogicError where a name has characters that no name has, or none at all."""
    if not _NAME.fullmatch(name):
        raise ReqlQueryLogicError(f"{kind} name `{name}` invalid (Use A-Z, a-z, 0-9, _ and - only).")


def _with_table(database: DatabaseDefinition, table: TableDefinition) -> DatabaseDefinition:
    tables = {**database.tables, table.name: table}
    return replace(database, tables={name: tables[name] for name in sorted(tables)})


def _spaces_of(*tables: TableDefinition) -> dict[int, SpaceKind]:
    spaces: dict[int, SpaceKind] = {}
    for table in tables:
        spaces[table.space] = spaces[table.key_space] = "map"
        spaces |= {index.space: index.space_kind for index in table.indexes.values()}
    return spaces
