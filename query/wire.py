"""Queries to RethinkDB's JSON and back: what its drivers send, and what a stored index function is.

A Term is `[number, [arguments], {options}]`; the numbers are RethinkDB's, from 10,000 our own.

| part of a query                  | JSON                                                                     |
|----------------------------------|--------------------------------------------------------------------------|
| null, bool, number, string       | itself; a float always has a point or an exponent, so that it stays one  |
| array                            | `[2, [elements]]`, MAKE_ARRAY                                            |
| object                           | an object; with a field `$reql_type$`, `[3, [], {fields}]`, MAKE_OBJ     |
| function                         | `[69, [[2, [numbers of its variables]], body]]`                          |
| variable, `r.row`                | `[10, [number]]`, `[13, []]`                                             |
| `r.minval`, `r.maxval`           | `[180, []]`, `[181, []]`                                                 |
| binary                           | `{"$reql_type$": "BINARY", "data": base64}`                              |
| time                             | `{"$reql_type$": "TIME", "epoch_time": seconds, "timezone": "+02:00"}`    |
| geometry                         | `{"$reql_type$": "GEOMETRY", "type": ..., "coordinates": ...}`           |
| vector                           | `{"$reql_type$": "VECTOR", "type": ..., "dimensions": ..., "data": base64}`, `data` as it is packed |

`do` has its function first on the wire and last in a Term. A time that a double cannot carry to the microsecond has
`microseconds` besides, all of them since 1970.

`decode(encode(argument))` is equal to the argument: arrays and objects without a Term inside become plain values again,
but for the objects of kinds that `expand`. Any other JSON is a Term too, or a ReqlCompileError: numbers, arity and
options are checked against the registry.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from query.errors import ReqlDriverCompileError, ReqlServerCompileError
from query.geometries import Geometry
from query.json_text import vector_json
from query.pseudo_types import PSEUDO_TYPE, pseudo_value
from query.registry import BY_NUMBER, Declaration
from query.term import (
    FUNC,
    IMPLICIT_VAR,
    MAKE_ARRAY,
    MAKE_OBJ,
    MAX_DEPTH,
    VAR,
    Argument,
    Source,
    Term,
    expand,
    make_array,
    make_object,
)
from query.values import MAX_NESTING, MAXVAL, MINVAL, Bound, Time, Value, describe, from_python
from query.vectors import Vector

Json: TypeAlias = Any
"""None, bool, int, float, str, and lists and dicts of them."""

_FUNCALL: Final = 64
_BOUNDS: Final[dict[int, Bound]] = {180: MINVAL, 181: MAXVAL}
_SCALARS: Final = frozenset({type(None), bool, int, float, str})


def dumps(argument: Argument) -> bytes:
    """A Term or a value as the text of its JSON, in UTF-8.

    >>> dumps([1, {"a": None}])
    b'[2,[1,{"a":null}]]'
    """
    return msgspec.json.encode(encode(argument))


def loads(text: str | bytes) -> Argument:
    """What `dumps` wrote. Raises ReqlCompileError for a text that is no query."""
    try:
        data = msgspec.json.decode(text)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ReqlDriverCompileError(f"Expected a query as JSON but found a text that is none: {error}.") from None
    return decode(data)


# To JSON


def encode(argument: Argument) -> Json:
    """A Term or a value as JSON-able data.

    Raises ReqlDriverCompileError for what has no wire form: an iterable that is read while the query runs.
    """
    encoder = _ENCODERS.get(type(argument))
    return argument if encoder is None else encoder(argument)


def _encode_term(term: Term) -> Json:
    args = [encode(arg) for arg in term.args]
    if term.kind.number < 0:
        raise ReqlDriverCompileError(f"A {term.kind.name} is a part of a plan and has no wire form.")
    if term.kind.number == _FUNCALL:
        args.insert(0, args.pop())
    if term.kind is MAKE_OBJ and PSEUDO_TYPE not in term.options:
        return {name: encode(arg) for name, arg in term.options.items()}
    if term.options:
        return [term.kind.number, args, {name: encode(arg) for name, arg in term.options.items()}]
    return [term.kind.number, args]


def _encode_time(moment: Time) -> Json:
    total = moment.epoch_microseconds
    seconds = total / 1_000_000
    encoded = {PSEUDO_TYPE: "TIME", "epoch_time": seconds, "timezone": moment.zone}
    if round(seconds * 1_000_000) != total:
        encoded["microseconds"] = total
    return encoded


def _encode_geometry(geometry: Geometry) -> Json:
    return {PSEUDO_TYPE: "GEOMETRY", **{name: _plain(item) for name, item in geometry.geojson.items()}}


def _plain(value: Value) -> Json:
    """The parts of a pseudo-type are plain JSON: its arrays are no Terms."""
    if type(value) is list:
        return [_plain(item) for item in value]
    if type(value) is dict:
        return {name: _plain(item) for name, item in value.items()}
    return value


def _encode_bound(bound: Bound) -> Json:
    return [next(number for number, known in _BOUNDS.items() if known is bound), []]


def _encode_source(source: Source) -> Json:
    raise ReqlDriverCompileError(f"An iterable that a query reads while it runs has no wire form: found {source!r}.")


_ENCODERS: Final[dict[type, Callable[[Any], Json]]] = {
    Term: _encode_term,
    list: lambda items: [MAKE_ARRAY.number, [encode(item) for item in items]],
    dict: lambda fields: {name: encode(item) for name, item in fields.items()},
    bytes: lambda data: {PSEUDO_TYPE: "BINARY", "data": b64encode(data).decode()},
    Time: _encode_time,
    Geometry: _encode_geometry,
    Vector: vector_json,
    Bound: _encode_bound,
    Source: _encode_source,
}


# From JSON


def decode(data: Json) -> Argument:
    """The Term or value that JSON stands for. Raises ReqlCompileError where it stands for none."""
    try:
        return _decode(data, 0, 0)
    except RecursionError:
        raise _too_deep() from None


def _decode(data: Json, depth: int, nested: int) -> Argument:
    """`depth` counts the levels of Terms and data above, `nested` those of data without a Term between."""
    kind = type(data)
    if kind in _SCALARS:
        return from_python(data)
    if depth > MAX_DEPTH + MAX_NESTING:
        raise _too_deep()
    if kind is list:
        return _decode_term(data, depth, nested)
    if kind is dict:
        return from_python(data) if PSEUDO_TYPE in data else _decode_object(data, depth, nested)
    raise ReqlDriverCompileError(f"Expected a query as JSON but found {describe(data)}.")


def _decode_term(data: list[Json], depth: int, nested: int) -> Argument:
    number, args, options = _parts(data)
    if number == MAKE_OBJ.number:
        _check_parts("make_obj", args, {}, 0)
        return _decode_object(options, depth, nested)
    if number == MAKE_ARRAY.number:
        _check_parts("make_array", (), options, 0)
        return _decode_array(args, depth, nested)
    if number in _BOUNDS:
        _check_parts("minval" if number == 180 else "maxval", args, options, 0)
        return _BOUNDS[number]
    if number == VAR.number:
        _check_parts("var", args, options, 1)
        return Term(VAR, (_variable(args[0]),))
    if number == IMPLICIT_VAR.number:
        _check_parts("row", args, options, 0)
        return Term(IMPLICIT_VAR, ())
    if number == FUNC.number:
        _check_parts("func", args, options, 2)
        return Term(FUNC, (_variables(args[0]), _decode(args[1], depth + 1, 0)))
    declaration = BY_NUMBER.get(number)
    if declaration is None:
        raise ReqlServerCompileError(f"Unrecognized term type {number}.")
    return _decode_declared(declaration, args, options, depth)


def _decode_declared(declaration: Declaration, args: list[Json], options: dict[str, Json], depth: int) -> Term:
    decoded = []
    spliced = False
    for arg in args:
        argument = _decode(arg, depth + 1, 0)
        spliced = spliced or (type(argument) is Term and argument.kind.name == "args")
        decoded.append(expand(argument) if declaration.kind.expands else argument)
    if not spliced:
        declaration.check_arity(len(decoded))
    if declaration.kind.number == _FUNCALL and decoded:
        decoded.append(decoded.pop(0))
    if not options:
        return Term(declaration.kind, tuple(decoded))
    named = {}
    for name, arg in options.items():
        declaration.check_option(name)
        named[name] = _decode(arg, depth + 1, 0)
    return Term(declaration.kind, tuple(decoded), named)


def _parts(data: list[Json]) -> tuple[int, list[Json], dict[str, Json]]:
    """The number, the arguments and the options of a term, of the right types."""
    if not data or len(data) > 3:
        raise ReqlDriverCompileError(f"Expected a term [number, [arguments], {{options}}] but found {describe(data)}.")
    number = data[0]
    args = data[1] if len(data) > 1 else []
    options = data[2] if len(data) > 2 else {}
    if type(number) is not int:
        raise ReqlDriverCompileError(f"Expected the number of a term but found {describe(number)}.")
    if type(args) is not list:
        raise ReqlDriverCompileError(f"Expected the arguments of term {number} as an array but found {describe(args)}.")
    if type(options) is not dict or not all(type(name) is str for name in options):
        raise ReqlDriverCompileError(
            f"Expected the options of term {number} as an object but found {describe(options)}."
        )
    return number, args, options


def _check_parts(name: str, args: list[Json] | tuple[()], options: Mapping[str, Json], count: int) -> None:
    if len(args) != count:
        raise ReqlServerCompileError(
            f"Expected {count} argument{'' if count == 1 else 's'} but found {len(args)}: `{name}`."
        )
    if options:
        raise ReqlServerCompileError(f"Unrecognized optional argument `{next(iter(options))}`: `{name}` has none.")


def _decode_array(items: list[Json], depth: int, nested: int) -> Argument:
    _check_nesting(nested)
    decoded = []
    for item in items:
        decoded.append(_decode(item, depth + 1, nested + 1))  # noqa: PERF401 - one frame a level, not two
    return make_array(decoded)


def _decode_object(fields: dict[str, Json], depth: int, nested: int) -> Argument:
    _check_nesting(nested)
    decoded = {}
    for name, item in fields.items():
        decoded[from_python(name)] = _decode(item, depth + 1, nested + 1)
    made = make_object(decoded)
    return pseudo_value(made) if type(made) is dict and PSEUDO_TYPE in made else made


def _check_nesting(nested: int) -> None:
    if nested >= MAX_NESTING:
        raise ReqlDriverCompileError(f"Nesting depth limit exceeded: more than {MAX_NESTING} levels.")


def _variable(number: Json) -> int:
    if type(number) is not int:
        raise ReqlDriverCompileError(f"Expected the number of a variable but found {describe(number)}.")
    value: int = from_python(number)
    return value


def _variables(data: Json) -> list[int]:
    if type(data) is not list or len(data) != 2 or data[0] != MAKE_ARRAY.number or type(data[1]) is not list:
        raise ReqlDriverCompileError(
            f"Expected the variables of a function, [2, [numbers]], but found {describe(data)}."
        )
    return [_variable(number) for number in data[1]]


def _too_deep() -> ReqlDriverCompileError:
    return ReqlDriverCompileError(f"Nesting depth limit exceeded: a query may have {MAX_DEPTH} levels.")
