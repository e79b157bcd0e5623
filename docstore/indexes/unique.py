"""Unique indexes: no two documents with an equal key, whatever its length.

Updates are judged one after the other, each against what the ones before it leave: a key that one gives up the next may
take, and of two that want the same the first gets it. A refused update changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from docstore.catalog import IndexDefinition, TableDefinition
from docstore.documents import decode_document
from docstore.indexes.base import Update, missing_row
from docstore.keys import MAX_KEY_BYTES
from docstore.storage.engine import ReadTransaction
from query.runtime import Document
from query.values import Value, describe

FormsOf = Callable[[Document], dict[bytes, Value]]


def refusals(
    index: IndexDefinition,
    table: TableDefinition,
    forms_of: FormsOf,
    engine: ReadTransaction,
    updates: Sequence[Update],
) -> dict[bytes, str]:
    """For each member whose update would take a key that another document has, an error."""
    taken: dict[bytes, bytes | None] = {}
    refused: dict[bytes, str] = {}
    for member, old, new in updates:
        before = forms_of(old) if old is not None else {}
        after = forms_of(new) if new is not None else {}
        for form in after.keys() - before.keys():
            owner = taken[form] if form in taken else _owner(index, table, forms_of, engine, form)
            if owner is not None and owner != member:
                refused[member] = _refusal(index, after[form], _key_of(owner, index, table, engine, updates))
                break
        else:
            taken |= dict.fromkeys(before.keys() - after.keys(), None)
            taken |= dict.fromkeys(after, member)
    return refused


def _owner(
    index: IndexDefinition, table: TableDefinition, forms_of: FormsOf, engine: ReadTransaction, form: bytes
) -> bytes | None:
    """The member of the document that has a key, as the index has it."""
    members = engine.members(index.space, form[:MAX_KEY_BYTES])
    if len(form) < MAX_KEY_BYTES:
        return next(iter(members), None)
    for member in members:
        data = engine.get(table.space, member)
        if data is not None and form in forms_of(decode_document(data)):
            return member
    return None


def _key_of(
    owner: bytes, index: IndexDefinition, table: TableDefinition, engine: ReadTransaction, updates: Sequence[Update]
) -> Value:
    """The primary key of the document that has a key, or is to have it."""
    data = engine.get(table.space, owner)
    if data is not None:
        return decode_document(data)[table.primary_key]
    for member, _, new in updates:
        if member == owner and new is not None:
            return new[table.primary_key]
    raise missing_row(index.name, table)


def _refusal(index: IndexDefinition, value: Value, key: Value) -> str:
    return (
        f"Duplicate key in unique index `{index.name}`: {describe(value)} belongs to the document with the primary key "
        f"{describe(key)}."
    )
