"""Values made values of another type: `coerce_to`.

| of                                      | becomes                                                                 |
|-----------------------------------------|-------------------------------------------------------------------------|
| anything                                | a bool: false of null and false, true of all else                       |
| a value                                 | a string: JSON, but for strings themselves and the UTF-8 of a binary    |
| a string                                | a number, a binary                                                      |
| an object, a time, a shape              | an array of pairs                                                       |
| a vector                                | an array of numbers                                                     |
| a sequence                              | an array; of pairs an object                                            |
| a table, a slice, a selection, a stream | what is more general: a selection, a stream; any value a stream, too    |

Everything becomes what it is. Anything else is a ReqlQueryLogicError, of null a ReqlNonExistenceError.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

from query.closures import Closure, Env, located
from query.errors import ReqlError, ReqlNonExistenceError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.json_text import as_object, compact, shown
from query.registry import term
from query.runtime import Document, Row, Run, Stream, collect, type_error
from query.term import Term
from query.terms.binary import text_of_binary
from query.type_names import runtime_type_name
from query.values import Geometry, Time, Value, check_number
from query.vectors import Vector


@term(51)
def coerce_to(value: object, type_name: str) -> object:
    """The value as one of another type: "array", "object", "string", "number", "bool" or "binary".

    Sequences, objects and vectors become arrays; arrays and sequences of pairs objects; strings numbers; strings and
    binaries each other; every value a string, which is JSON, and anything a bool. Raises ReqlQueryLogicError for anything
    else.

    >>> r.expr("12").coerce_to("number").run(db)
    12
    >>> r.expr([["a", 1]]).coerce_to("object").run(db)
    {'a': 1}
    """


_GENERAL: Final[dict[str, tuple[str, ...]]] = {
    "TABLE": ("TABLE", "TABLE_SLICE", "SELECTION<STREAM>", "STREAM"),
    "TABLE_SLICE": ("TABLE_SLICE", "SELECTION<STREAM>", "STREAM"),
    "SELECTION<STREAM>": ("SELECTION<STREAM>", "STREAM"),
    "SELECTION<ARRAY>": ("SELECTION<STREAM>", "STREAM"),
    "STREAM": ("STREAM",),
    "SELECTION<OBJECT>": ("SELECTION<OBJECT>", "DATUM"),
    "DB": ("DB",),
    "FUNCTION": ("FUNCTION",),
}
"""What is no value, and what it is as well; of a value `_OF_VALUES` says that."""

_OF_VALUES: Final = ("DATUM", "STREAM")
_VALUE_NAMES: Final = frozenset(
    {"ARRAY", "BINARY", "BOOL", "MAXVAL", "MINVAL", "NULL", "NUMBER", "OBJECT", "STRING", "VECTOR"}
)
_KNOWN: Final = _VALUE_NAMES | set(_OF_VALUES) | set(_GENERAL) | {"GROUPED_DATA"}


def _coerced(run: Run, found: Any, wanted: str) -> Any:
    if wanted not in _KNOWN:
        raise ReqlQueryLogicError(f"Unknown Type: {wanted}")
    kind = runtime_type_name(found)
    value = found.value if type(found) is Row else found
    is_value = kind not in _GENERAL or type(found) is Row
    name = _value_name(value) if is_value else kind
    if wanted in _GENERAL.get(kind, _OF_VALUES) or (is_value and wanted == name):
        return found
    if wanted == "BOOL":
        return value is not None
    coercion = _COERCIONS.get((Stream if type(found) is Stream else type(value), wanted))
    if coercion is not None:
        return coercion(run, value)
    if is_value and wanted == "STRING":
        return compact(value)
    error = ReqlNonExistenceError if value is None else ReqlQueryLogicError
    raise error(f"Cannot coerce {'SELECTION<STREAM>' if name == 'SELECTION<ARRAY>' else name} to {wanted}.")


def _value_name(value: Value) -> str:
    """What a value is called here: what is stored as an object is one."""
    return _NAMES.get(type(value)) or runtime_type_name(value)


_NAMES: Final[dict[type, str]] = {Time: "OBJECT", Geometry: "OBJECT", bytes: "BINARY", Vector: "VECTOR"}


@coerce_to.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    source, name = compiler.any(node.args[0]), compiler.value(node.args[1])
    stream_rows = compiler.rows(node.args[0]) if compiler.is_stream(node.args[0]) else None

    def coerce(env: Env) -> Any:
        try:
            wanted = name(env)
            if type(wanted) is not str:
                raise type_error("STRING", wanted)
            upper = wanted.upper()
            if stream_rows is not None and upper == "ARRAY":
                return collect(env[0], stream_rows(env))
            return _coerced(env[0], source(env), upper)
        except ReqlError as error:
            raise located(error, node) from None

    return coerce


# Numbers, as C's `scanf` reads them for RethinkDB: white space before them, none after


_WHOLE: Final = re.compile(r"\s*[+-]?[0-9]{1,20}", re.ASCII)
_NUMBER: Final = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.ASCII | re.IGNORECASE)
_HEXADECIMAL: Final = re.compile(
    r"\s*[+-]?0x([0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(p[+-]?[0-9]+)?", re.ASCII | re.IGNORECASE
)
_NON_FINITE: Final = re.compile(r"\s*[+-]?(nan|inf(inity)?)", re.ASCII | re.IGNORECASE)


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


# Arrays and objects


def _to_pairs(run: Run, found: Value) -> Value:
    document = as_object(found)
    run.check_size(len(document))
    return [[name, document[name]] for name in sorted(document)]


def _to_object(run: Run, rows: Iterable[Value]) -> Value:
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
                f"Duplicate key {compact(name)} in coerced object.  (got {shown(result[name])} and {shown(found)} as values)"
            )
        result[name] = found
    return result


def _to_array(run: Run, stream: Stream) -> Value:
    return collect(run, stream.rows())


Coercion: TypeAlias = Callable[[Run, Any], Value]

_COERCIONS: Final[dict[tuple[type, str], Coercion]] = {
    (list, "OBJECT"): _to_object,
    (Stream, "OBJECT"): _to_object,
    (Stream, "ARRAY"): _to_array,
    (Stream, "DATUM"): _to_array,
    (dict, "ARRAY"): _to_pairs,
    (Time, "ARRAY"): _to_pairs,
    (Geometry, "ARRAY"): _to_pairs,
    (Vector, "ARRAY"): lambda run, vector: vector.numbers(),
    (str, "NUMBER"): _to_number,
    (str, "BINARY"): lambda run, text: text.encode(),
    (bytes, "STRING"): lambda run, binary: text_of_binary(binary),
}
"""By the type of what is coerced and the name of the other type; what becomes itself, and all values do, is apart."""
