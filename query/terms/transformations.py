"""Transformations: terms from sequences to sequences; `ordering.py` and `windows.py` have the rest of the chapter.

A term here gives an array of an array and a stream of a stream, which is read only as far as it is needed.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from functools import partial
from heapq import heapify, heappop, heapreplace
from itertools import chain, islice
from typing import Any, Final

from query.arguments import function_of, predicate, union_of, whole_number
from query.closures import Closure, Env, KeepMaker, Transform, located
from query.errors import ReqlArgumentError, ReqlError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.registry import TERMS, term
from query.runtime import Fields, Function, Stream, collect, iterate
from query.term import FUNC, Term
from query.terms.ordering import Key, Ordering, bound, comparable, orderings
from query.values import Value


@term(38, name="map", on="both")
def map_(sequence: object, function: object | Function, *more: object | Function) -> object:
    """Apply a function to each element of a sequence, or to the elements of several, taken in step.

    With several sequences the function comes last and has a parameter for each; the shortest one ends it.

    >>> r.expr([1, 2, 3]).map(lambda x: x * 2).run(db)
    [2, 4, 6]
    >>> r.map([1, 2], [10, 20], lambda x, y: x + y).run(db)
    [11, 22]
    """


@map_.checks
def _(node: Term) -> None:
    *sequences, last = node.args
    if type(last) is Term and last.kind is FUNC and len(last.args[0]) not in (0, len(sequences)):
        raise ReqlArgumentError(_arity(len(last.args[0]), len(sequences)), node)


@map_.transforms
def _(compiler: Compiler, node: Term, need: Fields) -> Transform:
    map_.hooks["checks"](node)
    *others, last = node.args[1:]
    compiled = function_of(compiler, last, len(others) + 1, node)
    if not others:
        return Transform(compiled.fields[0], lambda env, rows: map(compiled.bind(env), rows))
    sources = [compiler.rows(arg, compiled.fields[place + 1]) for place, arg in enumerate(others)]
    return Transform(
        compiled.fields[0], lambda env, rows: map(compiled.bind(env), rows, *[source(env) for source in sources])
    )


def _arity(parameters: int, sequences: int) -> str:
    were = "sequence was" if sequences == 1 else "sequences were"
    return (
        f"The function passed to `map` expects {parameters} argument{'' if parameters == 1 else 's'}, "
        f"but {sequences} {were} found."
    )


@map_.streams
def _(compiler: Compiler, node: Term) -> bool:
    return any(compiler.is_stream(arg) for arg in node.args[:-1])


@map_.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    transform: Transform = map_.hooks["transforms"](compiler, node, None)
    if len(node.args) > 2 and any(compiler.is_stream(arg) for arg in node.args[1:-1]):
        rows = compiler.rows(node.args[0], transform.need)
        return lambda env: Stream(lambda: transform.make(env, rows(env)))
    return compiler.transforming(node, transform)


@map_.compiles_rows
def _(compiler: Compiler, node: Term, need: Fields, keep: KeepMaker) -> Closure:
    transform: Transform = map_.hooks["transforms"](compiler, node, need)
    source, make = compiler.rows(node.args[0], transform.need), transform.make
    if keep is None:
        return lambda env: make(env, source(env))
    return lambda env: filter(keep(env).test, make(env, source(env)))


@term(40, functions=1)
def concat_map(sequence: object, function: Function) -> object:
    """Apply a function that gives a sequence to each element, and put all that it gives into one sequence.

    >>> r.expr([1, 2]).concat_map(lambda x: [x, x * 10]).run(db)
    [1, 10, 2, 20]
    """


@concat_map.transforms
def _(compiler: Compiler, node: Term, need: Fields) -> Transform:
    compiled = function_of(compiler, node.args[1], 1, node, body="rows")
    return Transform(compiled.fields[0], lambda env, rows: chain.from_iterable(map(compiled.bind(env), rows)))


@term(96, structural=True)
def with_fields(sequence: object, *selectors: Value) -> object:
    """The rows that have all of these fields, and of each only these: `has_fields`, then `pluck`.

    >>> r.expr([{"a": 1, "b": 2}, {"b": 3}]).with_fields("a").run(db)
    [{'a': 1}]
    """


def _has_then_pluck(node: Term) -> Term:
    source, *selectors = node.args
    return Term(TERMS["pluck"].kind, (Term(TERMS["has_fields"].kind, (source, *selectors)), *selectors))


@with_fields.streams
def _(compiler: Compiler, node: Term) -> bool:
    return compiler.is_stream(node.args[0])


@with_fields.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    return compiler.any(_has_then_pluck(node))


@with_fields.compiles_rows
def _(compiler: Compiler, node: Term, need: Fields, keep: KeepMaker) -> Closure:
    return compiler.rows(_has_then_pluck(node), need, keep)


@term(87, functions=1)
def offsets_of(sequence: object, predicate: Value | Function) -> object:
    """The places, from 0, of the elements that are equal to a value, or for which a function holds.

    >>> r.expr(["a", "b", "a"]).offsets_of("a").run(db)
    [0, 2]
    """


@offsets_of.transforms
def _(compiler: Compiler, node: Term, need: Fields) -> Transform:
    fields, bind = predicate(compiler, node.args[1])

    def make(env: Env, rows: Iterator[Value]) -> Iterator[Value]:
        test = bind(env)
        return (place for place, row in enumerate(rows) if test(row))

    return Transform(fields, make)


# Single answers and samples


_NOTHING: Final = object()


@term(86)
def is_empty(sequence: object) -> bool:
    """Whether a sequence has no element; reads at most one.

    >>> r.expr([]).is_empty().run(db)
    True
    """


@is_empty.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    source = compiler.rows(node.args[0], frozenset())
    return lambda env: next(source(env), _NOTHING) is _NOTHING


@term(81, deterministic=False)
def sample(sequence: object, count: int) -> object:
    """So many elements, taken at random, each at most once; all of them where there are no more.

    >>> r.expr([1, 2, 3]).sample(3).count().run(db)
    3
    """


@sample.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    source, number = compiler.any(node.args[0]), whole_number(compiler, node.args[1], node)

    def sampled(env: Env) -> Any:
        found, count = source(env), number(env)
        if count < 0:
            raise ReqlQueryLogicError(f"Number of items to sample must be non-negative, got `{count}`.", node)
        try:
            rows = _reservoir(env, iterate(found), count)
        except ReqlError as error:
            raise located(error, node) from None
        if type(found) is Stream and found.table is not None:
            return Stream(lambda: iter(rows), "SELECTION<ARRAY>", found.table)
        return rows

    return sampled


def _reservoir(env: Env, rows: Iterator[Value], count: int) -> list[Value]:
    """A sample in one pass: each row that comes replaces a random one with the chance that it belongs."""
    held = collect(env[0], islice(rows, min(count, sys.maxsize)))
    for passed, row in enumerate(rows, len(held) + 1):
        place = random.randrange(passed)
        if place < count:
            held[place] = row
    return held


# Several sequences as one


@term(44, on="both")
def union(*sequences: object, interleave: bool | str | list[Value] | Function = True) -> object:
    """The elements of several sequences, one sequence after the other.

    With `interleave` a field, a function, `r.desc` of one or an array of these, sequences that are already in that order
    are merged into one in that order; a sequence that is not in order is a ReqlQueryLogicError. True and False do the
    same here: RethinkDB promises no order for True.

    >>> r.expr([1, 2]).union([3], [4]).run(db)
    [1, 2, 3, 4]
    >>> r.expr([{"a": 1}, {"a": 3}]).union([{"a": 2}], interleave="a")["a"].run(db)
    [1, 2, 3]
    """


@union.streams
def _(compiler: Compiler, node: Term) -> bool:
    return any(compiler.is_stream(arg) for arg in node.args)


def _merge_keys(compiler: Compiler, node: Term) -> list[Ordering]:
    interleave = node.options.get("interleave", True)
    return [] if type(interleave) is bool else orderings(compiler, interleave, node)


@union.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    keys = _merge_keys(compiler, node)
    pairs = [compiler.sequence(node, arg, partial(compiler.rows, arg)) for arg in node.args]
    sources, stream_rows = [source for source, _ in pairs], [rows for _, rows in pairs]

    def united(env: Env) -> Any:
        found = [source(env) for source in sources]
        for each in found:
            try:
                iterate(each)
            except ReqlError as error:
                raise located(error, node) from None

        def rows() -> Iterator[Value]:
            parts = [rows(env) if rows else iterate(each) for rows, each in zip(stream_rows, found, strict=True)]
            return _merged(parts, bound(env, keys), node) if keys else chain.from_iterable(parts)

        is_array = all(type(each) is list or each.is_array for each in found)
        return collect(env[0], rows()) if is_array else Stream(rows)

    return united


@union.compiles_rows
def _(compiler: Compiler, node: Term, need: Fields, keep: KeepMaker) -> Closure:
    keys = _merge_keys(compiler, node)
    if need is not None:
        need = union_of(need, *[key.fields for key in keys])
    sources = [compiler.rows(arg, need, keep) for arg in node.args]

    def rows(env: Env) -> Iterator[Value]:
        parts = [source(env) for source in sources]
        return _merged(parts, bound(env, keys), node) if keys else chain.from_iterable(parts)

    return rows


class _Reversed:
    """A key that compares the other way round."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __lt__(self, other: _Reversed) -> bool:
        return bool(other.key < self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and bool(other.key == self.key)

    __hash__ = None  # type: ignore[assignment]


def _merge_key(row: Value, keys: list[Key]) -> list[Any]:
    found = [(comparable(key.read(row)), key.descending) for key in keys]
    return [_Reversed(key) if descending else key for key, descending in found]


def _merged(parts: list[Iterator[Value]], keys: list[Key], node: Term) -> Iterator[Value]:
    """The rows of sequences in order, as one; of equal rows, those of an earlier sequence first."""
    waiting: list[Any] = []
    for place, rows in enumerate(parts):
        for row in rows:
            waiting.append([_merge_key(row, keys), place, row, rows])
            break
    heapify(waiting)
    while waiting:
        key, place, row, rows = waiting[0]
        yield row
        following = next(rows, _NOTHING)
        if following is _NOTHING:
            heappop(waiting)
            continue
        following_key = _merge_key(following, keys)
        if following_key < key:
            raise ReqlQueryLogicError("The streams given as arguments are not ordered by given ordering.", node)
        heapreplace(waiting, [following_key, place, following, rows])
