"""Joins: pairs `{"left": row, "right": row}` of the rows of two sequences, and `zip`, which makes one of each pair."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any, Final, TypeAlias

from query.arguments import Read, Reader, function_or_constant, reader
from query.closures import Env, Transform, located
from query.errors import ReqlError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.merge import merge
from query.registry import term
from query.runtime import STORED, Document, Fields, Function, Index, Run, Table, type_error
from query.tables import gives_rows, index_in, table_of
from query.term import Argument, Term
from query.values import Value, group_marker

_FIRST_BATCH: Final = 20
_BATCH: Final = 200
"""Left rows whose right sides are read at once. The first batch is smaller, for those who take only a few pairs."""

_MOST_AT_ONCE: Final = 2_000
"""Right rows that are held for a batch of left ones; where there are more, the keys have many each."""


@term(48, functions=2)
def inner_join(sequence: object, other: object, predicate: Function) -> object:
    """The pairs of rows of two sequences for which a function of both holds.

    Every row is held against every other: where the condition is an equality, `eq_join` is far faster.

    >>> r.expr([1, 2]).inner_join([2, 3], lambda x, y: x == y).run(db)
    [{'left': 2, 'right': 2}]
    """


@term(49, functions=2)
def outer_join(sequence: object, other: object, predicate: Function) -> object:
    """As `inner_join`, and the rows of the first sequence that have no partner, as pairs with only `left`.

    >>> r.expr([1, 2]).outer_join([2, 3], lambda x, y: x == y).run(db)
    [{'left': 1}, {'left': 2, 'right': 2}]
    """


@term(50, structural=True, functions=1)
def eq_join(
    sequence: object, key: str | Function, table: object, *, index: str | None = None, ordered: Value = False
) -> object:
    """The pairs of rows and the documents of a table whose primary key, or key in `index`, is a field of the row.

    `key` is the field or a function of the row. Rows that have none, or null, are left out. The pairs are in the order of
    the rows; `ordered=True`, with which RethinkDB promises that, changes nothing.

    >>> r.expr([{"post": 1}]).eq_join("post", r.table("posts"))[0]["right"]["title"].run(db)
    'Hello'
    """


@term(72, name="zip")
def zip_(sequence: object) -> object:
    """One row of each pair that a join gives: `right` merged into `left`.

    >>> r.expr([{"left": {"a": 1}, "right": {"b": 2}}]).zip().run(db)
    [{'a': 1, 'b': 2}]
    """


# Every row against every other


def _side(need: Fields, name: str, looked_at: Fields) -> Fields:
    """The fields needed of the rows of one side, where those of a pair are known."""
    return looked_at if need is not None and name not in need else None


def _nested_loops(compiler: Compiler, node: Term, need: Fields, outer: bool) -> Transform:
    compiled = function_or_constant(compiler, node.args[2], 2)
    left_fields, right_fields = compiled.fields
    others = compiler.rows(node.args[1], _side(need, "right", right_fields))

    def make(env: Env, rows: Iterator[Value]) -> Iterator[Value]:
        holds, again = compiled.bind(env), _held(env[0], lambda: others(env))
        for left in rows:
            partner = False
            for right in again():
                found = holds(left, right)
                if found is not None and found is not False:
                    partner = True
                    yield {"left": left, "right": right}
            if outer and not partner:
                yield {"left": left}

    return Transform(_side(need, "left", left_fields), make)


def _held(run: Run, rows: Callable[[], Iterator[Value]]) -> Callable[[], Iterator[Value]]:
    """Rows that are read many times: held in memory, unless they are more than an array may have."""
    kept: list[Value] | None = None
    fits = True

    def again() -> Iterator[Value]:
        nonlocal kept, fits
        if kept is None and fits:
            reading = rows()
            kept = list(islice(reading, run.array_limit + 1))
            if len(kept) > run.array_limit:
                begun, kept, fits = kept, None, False
                return chain(begun, reading)
        return rows() if kept is None else iter(kept)

    return again


@inner_join.transforms
def _(compiler: Compiler, node: Term, need: Fields) -> Transform:
    return _nested_loops(compiler, node, need, outer=False)


@outer_join.transforms
def _(compiler: Compiler, node: Term, need: Fields) -> Transform:
    return _nested_loops(compiler, node, need, outer=True)


# By key

Lookup: TypeAlias = Callable[[list[Value]], Iterable[Iterable[Document]]]
"""The documents of each of some keys, which are not null; to be read one key after the other."""


@eq_join.transforms
def _(compiler: Compiler, node: Term, need: Fields) -> Transform:
    """Where whole rows of a table are wanted, they come as they are stored: many may have no partner, and only of those
    that have one more than the key's fields is decoded."""
    key = reader(compiler, node.args[1], node)
    lookup = _lookup(compiler, node, _side(need, "right", frozenset()))
    needed = _side(need, "left", key.fields)
    if needed is not None or key.fields is None or not gives_rows(compiler, node.args[0]):
        return Transform(needed, lambda env, rows: _pairs(rows, key.bind(env), lookup(env), _whole))

    look = _look(node.args[1], key)

    def make(env: Env, rows: Iterator[Value]) -> Iterator[Value]:
        read, read_stored = key.bind(env), look(env)
        decode = env[0].store.decoder(None)
        return _pairs(rows, lambda row: read_stored(row) if type(row) is bytes else read(row), lookup(env), decode)

    return Transform(STORED, make)


def _look(arg: Argument, key: Reader) -> Callable[[Env], Read]:
    """A closure of what reads the key of a row as it is stored."""
    if type(arg) is str:
        return lambda env: env[0].store.field_decoder(arg)

    def bind(env: Env) -> Read:
        read, decode = key.bind(env), env[0].store.decoder(key.fields)
        return lambda row: read(decode(row))

    return bind


def _whole(row: bytes) -> Document:
    raise AssertionError(f"a row as it is stored, which nobody asked for: {row[:40].hex()}")


def _pairs(rows: Iterator[Any], key_of: Read, lookup: Lookup, decode: Callable[[bytes], Document]) -> Iterator[Value]:
    size = _FIRST_BATCH
    while batch := list(islice(rows, size)):
        found = [(row, key) for row in batch if (key := key_of(row)) is not None]
        for (left, _), partners in zip(found, lookup([key for _, key in found]), strict=True):
            for right in partners:
                if type(left) is bytes:
                    left = decode(left)
                yield {"left": left, "right": right}
        size = _BATCH


def _lookup(compiler: Compiler, node: Term, fields: Fields) -> Callable[[Env], Lookup]:
    find_table, find_index = table_of(compiler, node.args[2]), index_in(compiler, node)

    def bind(env: Env) -> Lookup:
        table = find_table(env)
        by_key: Lookup | None = None

        def lookup(keys: list[Value]) -> Iterable[Iterable[Document]]:
            nonlocal by_key
            if not keys:
                return []
            if by_key is None:
                index = find_index(env, table)
                is_primary = index.name == table.primary_key
                by_key = _by_primary_key(env[0], table) if is_primary else _by_index(env[0], index, fields)
            try:
                return by_key(keys)
            except ReqlError as error:
                raise located(error, node) from None

        return lookup

    return bind


def _by_primary_key(run: Run, table: Table) -> Lookup:
    return lambda keys: [() if found is None else (found,) for found in table.get_many(run, keys)]


def _by_index(run: Run, index: Index, fields: Fields) -> Lookup:
    """By a secondary index: in one go where its keys can be read off the documents, and there are not too many of these; or
    else key by key."""
    paths = index.paths

    def key_by_key(keys: list[Value]) -> Iterable[Iterable[Document]]:
        return [index.get_all(run, [key], fields, None) for key in keys]

    if paths is None or index.multi:
        return key_by_key
    names = frozenset([path[0] for path in paths])
    compound, are_few = index.compound, True

    def lookup(keys: list[Value]) -> Iterable[Iterable[Document]]:
        nonlocal are_few
        if not are_few:
            return key_by_key(keys)
        markers = [group_marker(key) for key in keys]
        distinct = list(dict(zip(markers, keys, strict=True)).values())
        partners = index.get_all(run, distinct, None if fields is None else fields | names, None)
        found: dict[Any, list[Document]] = {}
        for document in islice(partners, _MOST_AT_ONCE):
            parts = [_at(document, path) for path in paths]
            found.setdefault(group_marker(parts if compound else parts[0]), []).append(document)
        if next(partners, None) is not None:
            are_few = False
            return key_by_key(keys)
        return [found.get(marker, ()) for marker in markers]

    return lookup


def _at(document: Value, path: tuple[str, ...]) -> Value:
    for name in path:
        document = document[name]
    return document


# zip


@zip_.transforms
def _(compiler: Compiler, node: Term, need: Fields) -> Transform:
    def make(env: Env, rows: Iterator[Value]) -> Iterator[Value]:
        for row in rows:
            if type(row) is not dict:
                raise located(type_error("OBJECT", row), node)
            if "left" not in row:
                raise ReqlQueryLogicError("ZIP can only be called on the result of a join.", node)
            yield merge(row["left"], row["right"]) if "right" in row else row["left"]

    return Transform(_PAIR, make)


_PAIR: Final = frozenset({"left", "right"})
