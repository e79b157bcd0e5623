"""Single writes: updates and replacements of one document by its primary key, without the machinery for many.

Programs change single documents more often than many, and what a write needs in general costs more there than what LMDB
does. So the plan of `r.table(name).get(key).update(...)`, and of `replace`, carries a `SingleWrite`. It is made once for all
queries of a shape, knows the table, its indexes and which of them the changed fields concern, and computes in one go all
that is to be written: a `Batch`.

It acts where nothing is in the way: there is a document before and after, with the same key; the fields that change
concern ordered indexes only, none of them unique or being built, which have as many entries afterwards as before; nobody
listens (no write hook, no `return_changes`); the catalog is the one that the plan was made for. Otherwise it says
`MISSED` before anything is written, and the query goes the way of all others, which knows the errors.

**Threads.** A single write computes inside a write transaction, and so in one thread at a time; the functions of indexes
that are bound here rely on that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from docstore.catalog import IndexDefinition
from docstore.documents import decode_document, encode_document
from docstore.indexes.making import KeyOf, KeysOf
from docstore.indexes.ordered import OrderedIndex
from docstore.keys import primary_key
from docstore.storage.engine import MISSED, NOTHING, Batch, WriteTransaction
from docstore.store import OpenStore
from docstore.table import StoredTable
from docstore.transaction import Schema
from query.closures import CompiledFunction
from query.errors import ReqlError
from query.evaluate import Compiler
from query.merge import merge
from query.planner import Plan
from query.runtime import Document, Fields, Run
from query.term import PARAMETER, Argument, Term
from query.terms.writing import single_change
from query.values import Value, equal

__all__ = ["MISSED", "SingleWrite", "single_write_of"]

_MISSING: Final = object()
"""What stands for a field that is not there; null is another value."""

_CHANGES: Final = frozenset({"update", "replace"})
_OPTIONS: Final = frozenset({"durability"})
_MOST_SHAPES: Final = 1_000
"""Combinations of fields that are remembered with the indexes that they concern."""


class _Maintained(NamedTuple):
    """An index that is kept in step here: one of `key_of` and `keys_of` gives what a document is found by."""

    space: int
    key_of: KeyOf | None
    keys_of: KeysOf | None


class SingleWrite:
    """The change of one document of a table, whose key is a constant of a query."""

    __slots__ = (
        "_concerned",
        "_function",
        "_indexes",
        "_is_update",
        "_key_place",
        "_keys",
        "_primary_key",
        "_schema",
        "_slots",
        "_space",
        "_store",
    )

    def __init__(
        self,
        store: OpenStore,
        table: StoredTable,
        schema: Schema,
        key_place: int,
        function: CompiledFunction,
        slots: int,
        *,
        is_update: bool,
    ) -> None:
        self._store = store
        self._schema = schema
        self._keys = table.definition.key_space
        self._space = table.definition.space
        self._primary_key = table.primary_key
        self._key_place = key_place
        self._is_update = is_update
        self._function = function
        self._slots = [None] * slots
        self._indexes = [
            _maintained(table, definition)
            for definition in table.definition.indexes.values()
            if definition.state != "failed"
        ]
        self._concerned: dict[tuple[str, ...], Collection[_Maintained] | None] = {}

    def run(
        self, constants: tuple[Value, ...], options: Mapping[str, Any], timeout_seconds: float, *, soft: bool
    ) -> Any:
        """Write, and give the summary; MISSED where another has to."""
        store = self._store

        def compute(engine: WriteTransaction) -> Batch | None:
            if engine.schema is not self._schema and not store.recognize(engine, self._schema):
                return None
            try:
                return self._batch(engine, Run(store, None, options), constants)
            except ReqlError:
                return None

        batch = store.write_batch(compute, timeout_seconds, soft=soft)
        if batch is None:
            return MISSED
        replaced = int(batch is not NOTHING)
        return {
            "deleted": 0,
            "errors": 0,
            "inserted": 0,
            "replaced": replaced,
            "skipped": 0,
            "unchanged": 1 - replaced,
        }

    def _batch(self, engine: WriteTransaction, run: Run, constants: tuple[Value, ...]) -> Batch | None:
        """What is to be written; None where another has to say. A ReqlError means that too."""
        member = engine.get(self._keys, primary_key(constants[self._key_place]))
        old = None if member is None else engine.read(self._space, member, decode_document)
        if member is None or old is None:
            return None
        found = self._function.bind([run, *constants, *self._slots])(old)
        if type(found) is not dict:
            return None
        if self._is_update:
            new, names = merge(old, found), tuple(found)
            if self._primary_key in found and not _has_key_of(new, old, self._primary_key):
                return None
            if _are_same(old, new, names):
                return NOTHING
        else:
            new, names = found, ()
            if not _has_key_of(new, old, self._primary_key):
                return None
            if _is_same(old, new):
                return NOTHING
        concerned = self._concerned[names] if names in self._concerned else self._find_concerned(names)
        return None if concerned is None else self._batch_of(member, old, new, concerned)

    def _batch_of(
        self, member: bytes, old: Document, new: Document, concerned: Collection[_Maintained]
    ) -> Batch | None:
        gone: list[tuple[int, bytes, bytes]] = []
        come: list[tuple[int, bytes, bytes]] = []
        for space, key_of, keys_of in concerned:
            if key_of is not None:
                before, after = key_of(old), key_of(new)
                if before != after:
                    if before is None or after is None:
                        return None  # the number of entries changes
                    gone.append((space, before, member))
                    come.append((space, after, member))
            elif keys_of is not None:
                lost, won = set(keys_of(old)), set(keys_of(new))
                if lost != won:
                    if len(lost) != len(won):
                        return None
                    gone += [(space, key, member) for key in lost - won]
                    come += [(space, key, member) for key in won - lost]
        return Batch([(self._space, member, encode_document(new))], gone, come)

    def _find_concerned(self, names: tuple[str, ...]) -> Collection[_Maintained] | None:
        """The indexes that a change of some fields (none: all) concerns; None where another has to keep them in step."""
        concerned = [
            maintained
            for fields, maintained in self._indexes
            if not names or fields is None or not fields.isdisjoint(names)
        ]
        plain = [maintained for maintained in concerned if maintained is not None]
        if len(self._concerned) >= _MOST_SHAPES:
            self._concerned.clear()
        found = self._concerned[names] = plain if len(plain) == len(concerned) else None
        return found


def _maintained(table: StoredTable, definition: IndexDefinition) -> tuple[Fields, _Maintained | None]:
    """The fields that decide on the entries of an index, and how it is kept in step; None where that is not plain."""
    index: Any = table.stored_index(definition)
    if definition.state != "ready" or type(index) is not OrderedIndex or definition.refuses:
        return index.fields, None
    return index.fields, _Maintained(definition.space, *index.makers())


def _has_key_of(new: Document, old: Document, name: str) -> bool:
    return _is_same(old[name], new.get(name, _MISSING))


def _is_same(old: Value, new: Value) -> bool:
    # Python's comparison, which is faster, takes True for 1; what it tells apart is different.
    return old is new or (old == new and equal(old, new))


def _are_same(old: Document, new: Document, names: tuple[str, ...]) -> bool:
    return all(_is_same(old.get(name, _MISSING), new.get(name, _MISSING)) for name in names)


def single_write_of(plan: Plan, run: Run, constants: int) -> SingleWrite | None:
    """What a plan for so many constants writes, if that is one document of a table of the default database by its key."""
    term, store = plan.term, run.store
    if (
        term.kind.name not in _CHANGES
        or not _OPTIONS.issuperset(term.options)
        or run.options.get("on_error") == "raise"
    ):
        return None
    if term.options.get("durability", "hard") not in ("hard", "soft") or type(store) is not OpenStore:
        return None
    name, place = _target(term.args[0])
    table: Any = None if name is None else store.find_table(run, None, name)
    if type(table) is not StoredTable or table.write_hook is not None:
        return None
    compiler = Compiler(1 + constants)
    function = single_change(compiler, term)
    if function is None:
        return None
    slots = compiler.next_slot - 1 - constants
    is_update = term.kind.name == "update"
    return SingleWrite(store, table, run.transaction.schema, place - 1, function, slots, is_update=is_update)


def _target(target: Argument) -> tuple[str | None, int]:
    """The table's name and the place of the key among the constants, for `r.table(name).get(key)`; (None, 0) for others."""
    if type(target) is not Term or target.kind.name != "get":
        return None, 0
    source, key = target.args
    if type(source) is not Term or source.kind.name != "table" or len(source.args) != 1 or source.options:
        return None, 0
    if type(source.args[0]) is not str or type(key) is not Term or key.kind is not PARAMETER:
        return None, 0
    return source.args[0], key.args[0]
