"""Values as JSON text: as `to_json_string` gives it, and as errors show it.

Fields are in the order of their names, and a number that is whole, up to 2**53, has no point, as RethinkDB writes them. Ints
have all their digits. What JSON has no form for is an object with a `$reql_type$`: binary, times, geometry, vectors.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from typing import Any, Final

from query.errors import ReqlQueryLogicError
from query.values import Bound, Time, Value
from query.vectors import Vector

MAX_SHOWN: Final = 300
"""Characters of a value that an error shows within a sentence; RethinkDB's number."""


def compact(value: Value) -> str:
    """The value as JSON on one line.

    >>> compact({"b": [1.0, None], "a": "ü"})
    '{"a":"ü","b":[1,null]}'
    """
    kind = type(value)
    if kind is dict:
        return "{" + ",".join([f"{_quoted(name)}:{compact(value[name])}" for name in sorted(value)]) + "}"
    if kind is list:
        return "[" + ",".join(map(compact, value)) + "]"
    if kind is Bound:
        raise ReqlQueryLogicError(f"Cannot convert `{value!r}` to JSON.")
    return _scalar(value) if kind in _SCALARS else compact(as_object(value))


_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


def _scalar(value: Value) -> str:
    kind = type(value)
    if kind is str:
        return _quoted(value)
    if kind is int or kind is float:
        return number_text(value)
    return "null" if value is None else "true" if value else "false"


_ESCAPE: Final = re.compile(r"\\(?:\\|u00[01][0-9a-f])")


def _quoted(text: str) -> str:
    """A string as JSON; the control characters with capital letters, as RapidJSON writes them."""
    quoted: str = json.encoder.encode_basestring(text)
    if text.isprintable():
        return quoted
    return _ESCAPE.sub(lambda found: f"{found[0][:2]}{found[0][2:].upper()}", quoted)


def pretty(value: Value, indent: str = "\n") -> str:
    """The value as JSON on many lines, indented by tabs, with a tab before the value of each field; bounds too.

    >>> pretty({"a": 1, "b": []})
    '{\\n\\t"a":\\t1,\\n\\t"b":\\t[]\\n}'
    """
    kind = type(value)
    if kind in _SCALARS:
        return _scalar(value)
    inner = indent + "\t"
    if kind is list:
        return "[" + ",".join([inner + pretty(item, inner) for item in value]) + indent + "]" if value else "[]"
    if kind is Bound:
        return repr(value) if indent == "\n" else pretty({"$reql_type$": value.type_name}, indent)
    found = as_object(value)
    fields = [f"{inner}{_quoted(name)}:\t{pretty(found[name], inner)}" for name in sorted(found)]
    return "{" + ",".join(fields) + indent + "}" if fields else "{}"


def shown(value: Value) -> str:
    """The value as an error shows it within a sentence: as `pretty` gives it, cut where it is long."""
    text = pretty(value)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def is_whole(number: float) -> bool:
    """Whether a float stands for a whole number, and for no other: above 2**53 it does not know its last digits.

    >>> is_whole(2.0), is_whole(0.5), is_whole(1e300)
    (True, False, False)
    """
    return number.is_integer() and abs(number) <= _LAST_WHOLE


def number_error(number: float) -> ReqlQueryLogicError:
    """The error for a number that should be whole: with all the digits that a double has.

    >>> number_error(0.5).message
    'Number not an integer: 0.5'
    """
    bound = "" if abs(number) <= _LAST_WHOLE else " (>2^53)" if number > 0 else " (<-2^53)"
    return ReqlQueryLogicError(f"Number not an integer{bound}: {number:.20g}")


_LAST_WHOLE: Final = 2**53
"""Up to here all whole numbers are doubles."""


def number_text(number: int | float) -> str:
    """A number as RapidJSON writes it; the same for 1 and 1.0.

    >>> number_text(1.0), number_text(-2.5), number_text(2**53), number_text(1e20), number_text(1e-7)
    ('1', '-2.5', '9007199254740992', '100000000000000000000.0', '1e-7')
    """
    text = repr(number)
    if isinstance(number, int):
        return text
    if is_whole(number) and text != "-0.0":
        return repr(int(number))
    return text if "e" not in text else _scientific(text)


_WIDEST: Final = 21
"""Digits of a number that is written without an exponent."""


def _scientific(text: str) -> str:
    """A number that Python writes with an exponent, with one only where RapidJSON writes it."""
    sign, mantissa, power = _EXPONENT.fullmatch(text).groups()  # type: ignore[union-attr]
    digits = mantissa.replace(".", "")
    point = int(power) + 1
    if len(digits) <= point <= _WIDEST:
        return f"{sign}{digits}{'0' * (point - len(digits))}.0"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if 0 < point <= _WIDEST:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{point - 1}"


_EXPONENT: Final = re.compile(r"(-?)([0-9.]+)e([+-][0-9]+)")


def as_object(value: Value) -> dict[str, Value]:
    """The object that a value is in JSON: of a binary, a time, a geometry or a vector one with a `$reql_type$`."""
    kind = type(value)
    if kind is bytes:
        return {"$reql_type$": "BINARY", "data": b64encode(value).decode()}
    if kind is Vector:
        return vector_json(value)
    return _time(value) if kind is Time else dict(value)


def vector_json(vector: Vector) -> dict[str, Any]:
    """A vector as JSON, as it is on the wire too."""
    data = b64encode(vector.data).decode()
    return {"$reql_type$": "VECTOR", "data": data, "dimensions": vector.dimensions, "type": vector.type}


def _time(moment: Time) -> dict[str, Value]:
    """A time as RethinkDB has it in JSON; as on the wire, with all microseconds where a double cannot carry them."""
    total = moment.epoch_microseconds
    seconds = total / 1_000_000
    told: dict[str, Value] = {"$reql_type$": "TIME", "epoch_time": seconds}
    if round(seconds * 1_000_000) != total:
        told["microseconds"] = total
    return {**told, "timezone": moment.zone}
