"""Types told and changed: `coerce_to`, `type_of`, `info`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from query.closures import Closure, Env, as_value, located
from query.errors import ReqlError, ReqlNonExistenceError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.json_text import compact, number_text, shown
from query.registry import term
from query.runtime import (
    Database,
    Document,
    Function,
    Grouped,
    Range,
    Row,
    Run,
    Stream,
    Table,
    collect,
    runtime_type_name,
    type_error,
)
from query.tables import range_of
from query.term import Argument, Term
from query.terms.binary import text_of_binary
from query.terms.selecting import between
from query.values import MAXVAL, MINVAL, Bound, Value, check_number
from query.vectors import Vector


@term(52, on="both")
def type_of(value: object) -> str:
    """The name of a value's type: NULL, BOOL, NUMBER, STRING, ARRAY, OBJECT, PTYPE<TIME>, STREAM, TABLE and so on.

    >>> r.expr([1]).type_of().run(db)
    'ARRAY'
    """
    return runtime_type_name(value)


# coerce_to


@term(51)
def coerce_to(value: object, type_name: str) -> object:
    """The value as one of another type: "array", "object", "string", "number", "bool" or "binary".

    Sequences, objects and vectors become arrays; arrays and sequences of pairs objects; strings numbers; strings and binaries each
    other; everything a string, which is JSON, and a bool. Raises ReqlQueryLogicError for anything else.

    >>> r.expr("12").coerce_to("number").run(db)
    12
    >>> r.expr([["a", 1]]).coerce_to("object").run(db)
    {'a': 1}
    """


_WHOLE: Final = re.compile(r"\s*[+-]?[0-9]{1,20}", re.ASCII)
_NUMBER: Final = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.ASCII | re.IGNORECASE)
_HEXADECIMAL: Final = re.compile(
    r"\s*[+-]?0x([0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(p[+-]?[0-9]+)?", re.ASCII | re.IGNORECASE
)
_NON_FINITE: Final = re.compile(r"\s*[+-]?(nan|inf(inity)?)", re.ASCII | re.IGNORECASE)
"""The numbers of C's `scanf`, which RethinkDB reads them with: white space before them, none after."""


def _to_number(run: Run, text: str) -> Value:
    if _WHOLE.fullmatch(text):
        return check_number(int(text))
    if _NUMBER.fullmatch(text) or _NON_FINITE.fullmatch(text):
        return check_number(float(text))
    if _HEXADECIMAL.fullmatch(text):
        return check_number(_of_hexadecimal(text))
    raise ReqlQueryLogicError(f"Could not coerce `{text}` to NUMBER.")


def _of_hexadecimal(text: str) -> int | float:
    try:
        number = float.fromhex(text)
    except OverflowError:
        return math.inf
    return int(number) if number.is_integer() else number


def _to_pairs(run: Run, document: Document) -> Value:
    run.check_size(len(document))
    return [[name, document[name]] for name in sorted(document)]


def _to_object(run: Run, rows: Any) -> Value:
    result: Document = {}
    for pair in rows:
        if type(pair) is not list:
            raise type_error("ARRAY", pair)
        if len(pair) != 2:
            raise ReqlQueryLogicError(f"Expected array of size 2, but got size {len(pair)}.")
        name, found = pair
        if type(name) is not str:
            raise type_error("STRING", name)
        if name in result:
            raise ReqlQueryLogicError(
                f"Duplicate key `{name}` in coerced object.  (got `{shown(result[name])}` and `{shown(found)}` as values)"
            )
        result[name] = found
    return result


Coercion: TypeAlias = Callable[[Run, Any], Value]

_COERCIONS: Final[dict[tuple[type, str], Coercion]] = {
    (list, "OBJECT"): _to_object,
    (Stream, "OBJECT"): _to_object,
    (Stream, "ARRAY"): lambda run, stream: collect(run, stream.rows()),
    (dict, "ARRAY"): _to_pairs,
    (Vector, "ARRAY"): lambda run, vector: vector.numbers(),
    (str, "NUMBER"): _to_number,
    (str, "BINARY"): lambda run, text: text.encode(),
    (bytes, "STRING"): lambda run, binary: text_of_binary(binary),
    (int, "STRING"): lambda run, number: number_text(number),
    (float, "STRING"): lambda run, number: number_text(number),
}
"""By the type of what is coerced and the name of the other type; what becomes itself, and all values do, is apart."""

_TYPE_NAMES: Final = frozenset({"ARRAY", "BINARY", "BOOL", "NULL", "NUMBER", "OBJECT", "STRING", "STREAM"})
_SAME_NAMES: Final = {"PTYPE<BINARY>": "BINARY"}


def _coerced(run: Run, found: Any, wanted: str) -> Any:
    if type(found) is Row and wanted != "SELECTION<OBJECT>":
        found = found.value
    name = runtime_type_name(found)
    if wanted in (name, _SAME_NAMES.get(name)):
        return found
    coercion = _COERCIONS.get((type(found), wanted))
    if coercion is not None:
        return coercion(run, found)
    if wanted not in _TYPE_NAMES:
        raise ReqlQueryLogicError(f"Unknown Type: {wanted}")
    if type(found) is not Stream and wanted in ("STRING", "BOOL"):
        plain = as_value(found)
        return compact(plain) if wanted == "STRING" else plain is not None and plain is not False
    kind = ReqlNonExistenceError if found is None else ReqlQueryLogicError
    raise kind(f"Cannot coerce {name} to {wanted}.")


@coerce_to.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    source, name = compiler.any(node.args[0]), compiler.value(node.args[1])
    stream_rows = compiler.rows(node.args[0]) if compiler.is_stream(node.args[0]) else None

    def coerce(env: Env) -> Any:
        wanted = name(env)
        try:
            if type(wanted) is not str:
                raise type_error("STRING", wanted)
            upper = wanted.upper()
            if stream_rows is not None and upper == "ARRAY":
                return collect(env[0], stream_rows(env))
            return _coerced(env[0], source(env), upper)
        except ReqlError as error:
            raise located(error, node) from None

    return coerce


# info


@term(79, on="both")
def info(value: object) -> dict[str, Value]:
    """What is known of a value, a selection, a table or a database: its type, and what belongs to that type.

    >>> r.expr(1).info().run(db)
    {'type': 'NUMBER', 'value': '1'}
    >>> r.table("posts").info()["primary_key"].run(db)
    'id'
    """


def _info(run: Run, found: Any) -> Document:
    name = runtime_type_name(found)
    if type(found) is Database:
        assert run.store is not None
        return {**run.store.administer(run, "db_config", found.name), "type": name}
    if type(found) is Row:
        return {"table": _table_info(run, found.table), "type": name}
    if type(found) is Stream:
        if found.table is None:
            return {"type": name}
        if name == "TABLE":
            return _table_info(run, found.table)
        return {"table": _table_info(run, found.table), "type": name}
    if type(found) in (Bound, Grouped, Function):
        return {"type": name}
    plain = as_value(found)
    if type(plain) is bytes:
        return {"count": len(plain), "type": name}
    return {"type": name, "value": compact(plain)}


def _table_info(run: Run, table: Table) -> Document:
    return {**table.info(run), "type": "TABLE"}


def _slice_info(compiler: Compiler, node: Argument) -> Callable[[Env, Document], Document]:
    """What is told of a slice besides its table: the index and the bounds."""
    if type(node) is not Term or node.kind is not between.kind:
        return lambda env, about: about
    bounds = range_of(compiler, node)
    index = compiler.value(node.options["index"]) if "index" in node.options else None

    def told(env: Env, about: Document) -> Document:
        low, high, low_open, high_open = _ends(bounds(env))
        return {
            "index": index(env) if index else about["table"]["primary_key"],
            "left_bound": low,
            "left_bound_type": "open" if low_open else "closed",
            "right_bound": high,
            "right_bound_type": "open" if high_open else "closed",
            "sorting": "UNORDERED",
            **about,
        }

    return told


def _ends(bounds: Range) -> tuple[Value, Value, bool, bool]:
    """The ends of a range as values: a bound that is none is told as its name."""
    low, high = [repr(end) if end is MINVAL or end is MAXVAL else end for end in (bounds.low, bounds.high)]
    return low, high, bounds.low_open, bounds.high_open


@info.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    source, slice_info = compiler.any(node.args[0]), _slice_info(compiler, node.args[0])

    def told(env: Env) -> Document:
        try:
            return slice_info(env, _info(env[0], source(env)))
        except ReqlError as error:
            raise located(error, node) from None

    return told
