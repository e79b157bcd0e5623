"""The fields of objects: read by `bracket`, that is `row["name"]`, and `get_field`; `keys`, `values`, `object`.

Reads run once and more for every document that a scan looks at, so that a field of a variable has a closure of its own
(`variable_field`), which comparisons take into theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final, NamedTuple

from query.arguments import no_object_error
from query.closures import Closure, Env, KeepMaker, as_value, located
from query.errors import ReqlArgumentError, ReqlError, ReqlNonExistenceError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.geometries import PSEUDO_TYPE
from query.json_text import is_whole, number_error, pretty, shown
from query.registry import TERMS, term
from query.runtime import Fields, Row, Stream, collect, type_error
from query.term import Argument, Term
from query.type_names import runtime_type_name
from query.values import Value, type_name

_SKIP: Final[Any] = object()

_GEOMETRY_FIELDS: Final = frozenset({"coordinates", "type", PSEUDO_TYPE})
"""What a geometry has for its users, and not in queries: there it has no fields."""


@term(170, structural=True)
def bracket(source: object, key: Value) -> object:
    """The field of an object, the field of each object of a sequence that has it, or the element at a place.

    Written `source["name"]` and `source[0]`; `source[2:5]` is `slice`. Raises ReqlNonExistenceError where there is no such
    field or element; `default` catches it.

    >>> r.expr({"a": 1})["a"].run(db)
    1
    >>> r.expr([{"a": 1}, {}])["a"].run(db)
    [1]
    >>> r.expr([1, 2, 3])[-1].run(db)
    3
    """


@bracket.checks
def _(node: Term) -> None:
    key = node.args[1]
    if type(key) not in _KEY_TYPES:
        raise ReqlArgumentError(_bad_key(key).message)
    if type(key) is float and not is_whole(key):
        raise ReqlArgumentError(number_error(key).message)


@term(31, structural=True)
def get_field(source: object, name: str) -> object:
    """The field of an object, or the field of each object of a sequence that has it.

    Raises ReqlNonExistenceError where an object has no such field; `default` catches it.

    >>> r.expr({"a": 1}).get_field("a").run(db)
    1
    """


# Fields of variables


class VariableField(NamedTuple):
    """A field of a variable that is sure to hold a plain value, of a name known when the query is compiled."""

    slot: int
    name: str
    node: Term

    def missing(self, env: Env) -> Value:
        """The field where the variable is no object; raises ReqlNonExistenceError where it is one without the field."""
        return _field_of(env[0], env[self.slot], self.name, self.node)


def variable_field(compiler: Compiler, node: Argument) -> VariableField | None:
    """The variable and the field where a term is a field of a variable."""
    if type(node) is not Term or node.kind not in _READERS or type(node.args[1]) is not str:
        return None
    slot = compiler.place(node.args[0])
    return None if slot is None else VariableField(slot, node.args[1], node)


def _read_variable(field: VariableField) -> Closure:
    slot, name, missing = field.slot, field.name, field.missing
    if name in _GEOMETRY_FIELDS:
        return lambda env: _field_of(env[0], env[slot], name, field.node)

    def read(env: Env) -> Value:
        try:
            return env[slot][name]
        except (KeyError, TypeError):
            return missing(env)

    return read


def _read_nested(outer: VariableField, inner: Closure, name: str, node: Term) -> Closure:
    """A field of a field of a variable."""
    slot, first = outer.slot, outer.name
    if name in _GEOMETRY_FIELDS:
        return lambda env: _field_of(env[0], inner(env), name, node)

    def read(env: Env) -> Value:
        try:
            return env[slot][first][name]
        except (KeyError, TypeError):
            return _field_of(env[0], inner(env), name, node)

    return read


# Fields of anything


def _field_of(run: Any, found: Any, name: str, node: Term) -> Any:
    """The field of whatever a term may be; of a sequence an array or a stream."""
    kind = type(found)
    if kind is Row:
        found = found.value
        kind = type(found)
    if kind is dict:
        if name in found:
            return found[name]
        raise ReqlNonExistenceError(partial(_no_attribute, name, found), node)
    if kind is list:
        return _fields_of(run, found, name, node)
    if kind is Stream:
        return found.changed(run, lambda: _field_rows(run, found.rows(), name, node))
    raise no_object_error(found, node)


def _no_attribute(name: str, found: dict[str, Value]) -> str:
    return f"No attribute `{name}` in object:\n{pretty(found)}"


def _fields_of(run: Any, array: list[Value], name: str, node: Term) -> list[Value]:
    return collect(run, _field_rows(run, iter(array), name, node))


def _field_rows(run: Any, rows: Iterator[Value], name: str, node: Term) -> Iterator[Value]:
    """The field of each row that has it."""
    for row in rows:
        if type(row) is dict:
            found = row.get(name, _SKIP)
            if found is not _SKIP:
                yield found
        elif row is not None:
            raise no_object_error(row, node, in_sequence=True)


def _named(name: Value, node: Term) -> str:
    if type(name) is not str:
        raise located(type_error("STRING", name), node)
    return name


# Hooks


def _compile_value(compiler: Compiler, node: Term) -> Closure:
    field = variable_field(compiler, node)
    if field is not None:
        return _read_variable(field)
    source, name = node.args
    if type(name) is not str or not compiler.is_value(source):
        return _checked_value(compiler.any(node), node)
    inner = compiler.value(source)
    outer = variable_field(compiler, source)
    if outer is not None:
        return _read_nested(outer, inner, name, node)
    if name in _GEOMETRY_FIELDS:
        return lambda env: _field_of(env[0], inner(env), name, node)

    def read(env: Env) -> Value:
        found = inner(env)
        try:
            return found[name]
        except (KeyError, TypeError):
            return _field_of(env[0], found, name, node)

    return read


def _checked_value(inner: Closure, node: Term) -> Closure:
    def value(env: Env) -> Value:
        try:
            return as_value(inner(env))
        except ReqlError as error:
            raise located(error, node) from None

    return value


def _compile_field(compiler: Compiler, node: Term) -> Closure:
    """A closure of a field of whatever the source is."""
    source, name = node.args
    if type(name) is not str:
        return _compile_dynamic(compiler, node)
    if compiler.is_value(source):
        return _compile_value(compiler, node)
    if compiler.is_stream(source):
        rows = _compile_rows(compiler, node, None, None)
        return lambda env: Stream(lambda: rows(env))
    inner = compiler.any(source)
    return lambda env: _field_of(env[0], inner(env), name, node)


def _compile_dynamic(compiler: Compiler, node: Term) -> Closure:
    """A closure of the field or the element that another part of the query names."""
    inner, key = compiler.any(node.args[0]), compiler.value(node.args[1])
    if node.kind is get_field.kind:
        return lambda env: _field_of(env[0], inner(env), _named(key(env), node), node)
    element: Closure = TERMS["nth"].hooks["compiles"](compiler, node)

    def read(env: Env) -> Any:
        wanted = key(env)
        if type(wanted) is str:
            return _field_of(env[0], inner(env), wanted, node)
        if type(wanted) is int or type(wanted) is float:
            return element(env)
        raise located(_bad_key(wanted), node)

    return read


_KEY_TYPES: Final = frozenset({str, int, float, type(None), Term})


def _bad_key(found: Any) -> ReqlQueryLogicError:
    error = ReqlNonExistenceError if found is None else ReqlQueryLogicError
    return error(f"Expected NUMBER or STRING as second argument to `bracket` but found {runtime_type_name(found)}.")


@bracket.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    key = node.args[1]
    if type(key) is int or type(key) is float:
        element: Closure = TERMS["nth"].hooks["compiles"](compiler, node)
        return element
    if type(key) is not str and type(key) is not Term:
        raise located(_bad_key(key), node)
    return _compile_field(compiler, node)


@get_field.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    return _compile_field(compiler, node)


def _compile_rows(compiler: Compiler, node: Term, need: Fields, keep: KeepMaker) -> Closure:
    """A closure of the rows that a field of a sequence is, or of the elements of a field that is an array."""
    source, name = node.args
    if type(name) is not str or not compiler.is_stream(source):
        return compiler.rows_of_any(node, keep)
    rows = compiler.rows(source, frozenset({name}))
    if keep is None:
        return lambda env: _field_rows(env[0], rows(env), name, node)
    return lambda env: filter(keep(env).test, _field_rows(env[0], rows(env), name, node))


def _streams(compiler: Compiler, node: Term) -> bool:
    return type(node.args[1]) is str and compiler.is_stream(node.args[0])


for _declaration in (bracket, get_field):
    _declaration.compiles_value(_compile_value)
    _declaration.compiles_rows(_compile_rows)
    _declaration.streams(_streams)

_READERS: Final = frozenset({bracket.kind, get_field.kind})


# All fields


@term(94)
def keys(document: Value) -> list[Value]:
    """The names of an object's fields, in their order.

    >>> r.expr({"b": 1, "a": 2}).keys().run(db)
    ['a', 'b']
    """
    return sorted(_object(document, "keys"))


@term(186)
def values(document: Value) -> list[Value]:
    """The values of an object's fields, in the order of their names.

    >>> r.expr({"b": 1, "a": 2}).values().run(db)
    [2, 1]
    """
    found = _object(document, "values")
    return [found[name] for name in sorted(found)]


def _object(found: Value, name: str) -> dict[str, Value]:
    if type(found) is not dict:
        raise ReqlQueryLogicError(f"Cannot call `{name}` on objects of type `{type_name(found)}`.")
    return found


@term(143, name="object", on="r")
def object_(*pairs: Value) -> dict[str, Value]:
    """An object of names and values in turns, where names are not known when the query is written.

    Raises ReqlQueryLogicError for a name that is given twice.

    >>> r.object("a", 1, "b", 2).run(db)
    {'a': 1, 'b': 2}
    """
    if len(pairs) % 2:
        raise ReqlQueryLogicError(f"OBJECT expects an even number of arguments (but found {len(pairs)}).")
    result: dict[str, Value] = {}
    for name, value in zip(pairs[::2], pairs[1::2], strict=True):
        if type(name) is not str:
            raise type_error("STRING", name)
        if name in result:
            raise ReqlQueryLogicError(
                f'Duplicate key "{name}" in object.  (got {shown(result[name])} and {shown(value)} as values)'
            )
        result[name] = value
    return result
