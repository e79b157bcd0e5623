"""Documents: parts of them (`pluck`, `without`, `has_fields`), and merging.

Applied to a sequence, these terms are applied to each of its objects. `fields.py` and `arrays.py` have the rest of the
manual's chapter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NoReturn, TypeAlias

from query.arguments import no_object_error, union_of
from query.closures import Closure, Env, KeepMaker, MakeKeep, as_literal, located
from query.determinism import rolls_dice
from query.errors import ReqlError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.merge import merge as merged
from query.registry import term
from query.runtime import Database, Document, Fields, Function, Keep, Literal, Row, Run, Stream, type_error
from query.selectors import Selectors, has_all, plucked, stripped
from query.sharing import fresh
from query.term import FUNC, Argument, Term
from query.values import Geometry, Time, Value, type_name

Change: TypeAlias = Callable[[Document], Value]


@term(33, structural=True)
def pluck(source: object, *selectors: Value) -> object:
    """Only some fields of an object, or of each object of a sequence.

    A selector is a field's name, an object for fields inside fields, `{"a": {"b": True}}` or `{"a": "b"}`, or an array of
    selectors. Fields that are not there are left out; of two selectors for the insides of one field the later one counts.

    >>> r.expr({"a": 1, "b": {"c": 2, "d": 3}}).pluck({"b": ["c"]}).run(db)
    {'b': {'c': 2}}
    """


@term(34, structural=True)
def without(source: object, *selectors: Value) -> object:
    """An object, or each object of a sequence, without some fields; selectors are those of `pluck`.

    >>> r.expr({"a": 1, "b": 2}).without("b").run(db)
    {'a': 1}
    """


@term(32, structural=True)
def has_fields(source: object, *selectors: Value) -> object:
    """Whether an object has all of these fields and none of them is null; of a sequence, the objects that have.

    Selectors are those of `pluck`.

    >>> r.expr({"a": 1, "b": None}).has_fields("a", "b").run(db)
    False
    >>> r.expr([{"a": 1}, {"b": 2}]).has_fields("a").run(db)
    [{'a': 1}]
    """


@term(35)
def merge(source: object, *others: dict[str, Value] | Function) -> object:
    """An object, or each object of a sequence, with others merged into it from left to right, objects inside it too.

    Instead of an object, a function of what has been merged so far. `r.literal` keeps an object from being merged.

    >>> r.expr({"a": 1, "b": {"c": 2}}).merge({"b": {"d": 3}}).run(db)
    {'a': 1, 'b': {'c': 2, 'd': 3}}
    """


@term(137, on="r")
def literal(value: Value = None) -> object:
    """Inside `merge` and `update`: replace what is there by `value`, not merging them; without one, remove the field.

    Raises ReqlQueryLogicError anywhere else.

    >>> r.expr({"a": {"b": 1}}).merge({"a": r.literal({"c": 2})}).run(db)
    {'a': {'c': 2}}
    """


# Of objects and sequences alike


def _applied(found: Any, change: Change, node: Term) -> Any:
    """What becomes of an object, or of each object of an array."""
    if type(found) is dict:
        return change(found)
    if type(found) is list:
        return [change(item) if type(item) is dict else _refused(item, node) for item in found]
    raise no_object_error(found, node)


def _refused(row: Value, node: Term) -> NoReturn:
    raise no_object_error(row, node, in_sequence=True)


def _polymorphic(compiler: Compiler, node: Term, bind: Callable[[Env], Change], rows: Callable[[], Closure]) -> Closure:
    """A closure of a term that changes an object, or each object of a sequence."""
    if compiler.is_stream(node.args[0]):
        stream_rows = rows()
        return lambda env: Stream(lambda: stream_rows(env))
    source = compiler.any(node.args[0])

    def apply(env: Env) -> Any:
        found = source(env)
        if type(found) is dict:
            return bind(env)(found)
        if type(found) is Stream:
            return found.changed(env[0], lambda: _changed(found.rows(), bind(env), node))
        return _applied(found.value if type(found) is Row else found, bind(env), node)

    return apply


def _changed(rows: Iterator[Value], change: Change, node: Term) -> Iterator[Value]:
    return (change(row) if type(row) is dict else _refused(row, node) for row in rows)


def _changed_rows(source: Closure, bind: Callable[[Env], Change], keep: KeepMaker, node: Term) -> Closure:
    if keep is None:
        return lambda env: _changed(source(env), bind(env), node)
    return lambda env: filter(keep(env).test, _changed(source(env), bind(env), node))


def _wanted(need: Fields, keep: KeepMaker) -> Fields:
    """The fields that are looked at of rows that are tested after a change."""
    return need if keep is None or need is None else union_of(need, keep.fields)


# pluck, without


def _binder(selectors: Selectors, part: Callable[..., Value], node: Term) -> Callable[[Env], Change]:
    constant = selectors.constant
    if constant is not None:
        change = partial(part, paths=constant)
        return lambda env: change

    def bind(env: Env) -> Change:
        try:
            paths = selectors.bind(env)
        except ReqlError as error:
            return partial(_fail, located(error, node))
        return lambda document: part(document, paths)

    return bind


def _fail(error: ReqlError, document: Document) -> NoReturn:
    """What a wrong selector does to each document: without any it is no error."""
    raise error


def _plucked_rows(compiler: Compiler, node: Term, need: Fields, keep: KeepMaker) -> Closure:
    if not compiler.is_stream(node.args[0]):
        return compiler.rows_of_any(node, keep)
    selectors, wanted = Selectors(compiler, node), _wanted(need, keep)
    fields = selectors.fields if wanted is None or selectors.fields is None else selectors.fields & wanted
    return _changed_rows(compiler.rows(node.args[0], fields), _binder(selectors, plucked, node), keep, node)


def _stripped_rows(compiler: Compiler, node: Term, need: Fields, keep: KeepMaker) -> Closure:
    if not compiler.is_stream(node.args[0]):
        return compiler.rows_of_any(node, keep)
    bind = _binder(Selectors(compiler, node), stripped, node)
    return _changed_rows(compiler.rows(node.args[0], _wanted(need, keep)), bind, keep, node)


@pluck.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    bind = _binder(Selectors(compiler, node), plucked, node)
    return _polymorphic(compiler, node, bind, lambda: _plucked_rows(compiler, node, None, None))


@without.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    bind = _binder(Selectors(compiler, node), stripped, node)
    return _polymorphic(compiler, node, bind, lambda: _stripped_rows(compiler, node, None, None))


pluck.compiles_rows(_plucked_rows)
without.compiles_rows(_stripped_rows)


# has_fields


def _having_rows(compiler: Compiler, node: Term, need: Fields, keep: KeepMaker) -> Closure:
    """The rows that have fields: the test is handed down to the scan, with the one from above."""
    if not compiler.is_stream(node.args[0]):
        return compiler.rows_of_any(node, keep)
    selectors = Selectors(compiler, node)
    bind = _binder(selectors, has_all, node)
    fields = selectors.fields if keep is None else union_of(selectors.fields, keep.fields)

    def both(env: Env) -> Keep:
        has = _tolerant(bind(env), node)
        if keep is None:
            return Keep(fields, has)
        above = keep(env).test
        return Keep(fields, lambda row: has(row) and above(row))

    return compiler.rows(node.args[0], need, MakeKeep(fields, both))


def _tolerant(has: Change, node: Term) -> Callable[[Value], bool]:
    """The test of each row of a sequence; as in `filter`, null does not pass it, and what else is no object is an error."""

    def test(row: Value) -> bool:
        if type(row) is dict:
            return bool(has(row))
        if row is None:
            return False
        _refused(row, node)

    return test


def _has_names(slot: int, names: tuple[str, ...], node: Term) -> Closure:
    """Whether a variable that holds an object has some fields of the first level."""

    def has(env: Env) -> Any:
        row = env[slot]
        if type(row) is not dict:
            return _having(env[0], row, partial(has_all, paths=names), node)
        for name in names:  # noqa: SIM110 - `all` would make a generator for every row
            if row.get(name) is None:
                return False
        return True

    return has


@has_fields.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    slot = compiler.place(node.args[0])
    if slot is not None and all(type(arg) is str for arg in node.args[1:]):
        return _has_names(slot, node.args[1:], node)
    bind = _binder(Selectors(compiler, node), has_all, node)
    source, rows = compiler.sequence(node, node.args[0], lambda: _having_rows(compiler, node, None, None))
    if rows is not None:
        return lambda env: source(env).selected(lambda: rows(env))

    return lambda env: _having(env[0], source(env), bind(env), node)


def _having(run: Run, found: Any, has: Change, node: Term) -> Any:
    if type(found) is list:
        return list(filter(_tolerant(has, node), found))
    if type(found) is Stream:
        return found.selected(lambda: filter(_tolerant(has, node), found.rows()))
    document = found.value if type(found) is Row else found
    if type(document) is not dict:
        raise no_object_error(found, node)
    return has(document)


has_fields.compiles_rows(_having_rows)


# merge, literal


def _merger(compiler: Compiler, node: Term) -> tuple[Fields, Callable[[Env], Change]]:
    """The fields that the functions among a merge's arguments look at, and what merges within one execution."""
    parts = [_merge_part(compiler, arg) for arg in node.args[1:]]

    def bind(env: Env) -> Change:
        others = [part(env) for _, part in parts]

        def change(document: Document) -> Value:
            result: Value = document
            for other in others:
                try:
                    addition = as_literal(other(result))
                    _check_mergeable(addition)
                    result = merged(result, addition)
                except ReqlError as error:
                    raise located(error, node) from None
            return result

        return change

    return union_of(*[fields for fields, _ in parts]), bind


def _check_mergeable(addition: Value) -> None:
    if type(addition) is Time or type(addition) is Geometry:
        raise ReqlQueryLogicError(f"Cannot merge objects of type `{type_name(addition)}`.")


def _is_function(arg: Argument) -> bool:
    return type(arg) is Term and arg.kind is FUNC


def _merge_part(compiler: Compiler, arg: Argument) -> tuple[Fields, Callable[[Env], Callable[[Value], Any]]]:
    if _is_function(arg):
        compiled = compiler.function(arg, 1, body="any")
        return compiled.fields[0], compiled.bind
    inner = compiler.any(arg)

    def read(env: Env) -> Any:
        found = inner(env)
        if type(found) is Stream or type(found) is Database:
            raise located(type_error("FUNCTION", found), arg)
        return found

    def bind(env: Env) -> Callable[[Value], Any]:
        found = read(env)
        return lambda _: fresh(found)

    def bind_each(env: Env) -> Callable[[Value], Any]:
        return lambda _: read(env)

    return frozenset(), bind_each if rolls_dice(arg) else bind


def _merged_rows(compiler: Compiler, node: Term, need: Fields, keep: KeepMaker) -> Closure:
    if not compiler.is_stream(node.args[0]):
        return compiler.rows_of_any(node, keep)
    fields, bind = _merger(compiler, node)
    wanted = _wanted(need, keep)
    source = compiler.rows(node.args[0], None if wanted is None else union_of(wanted, fields))
    return _changed_rows(source, bind, keep, node)


def _merge_one(compiler: Compiler, node: Term, bind: Callable[[Env], Change]) -> Closure:
    """One object merged into a plain value, as in the functions of `map` and `update`."""
    source, other = compiler.value(node.args[0]), compiler.any(node.args[1])

    def merge_one(env: Env) -> Any:
        found = source(env)
        if type(found) is not dict:
            return _applied(found, bind(env), node)
        addition = other(env)
        return merged(found, addition) if type(addition) is dict else bind(env)(found)

    return merge_one


@merge.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    _, bind = _merger(compiler, node)
    if len(node.args) == 2 and compiler.is_value(node.args[0]) and not _is_function(node.args[1]):
        return _merge_one(compiler, node, bind)
    return _polymorphic(compiler, node, bind, lambda: _merged_rows(compiler, node, None, None))


merge.compiles_rows(_merged_rows)


@literal.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    if not node.args:
        return lambda env: Literal(None, removes=True)
    value = compiler.value(node.args[0])
    return lambda env: Literal(value(env))


def _streams(compiler: Compiler, node: Term) -> bool:
    return compiler.is_stream(node.args[0])


for _declaration in (pluck, without, has_fields, merge):
    _declaration.streams(_streams)
