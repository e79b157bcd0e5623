"""JSON text to values, and what is wrong with a text that is no JSON, in the words of RapidJSON, which RethinkDB uses.

Python's reader does the work. Only a text that it refuses is read once more, by `_Fault`, for the words; both know the
same grammar.
"""

from __future__ import annotations

import json
import math
import re
from typing import Final, NoReturn

from query.errors import ReqlDriverCompileError, ReqlQueryLogicError
from query.pseudo_types import PSEUDO_TYPE, pseudo_value
from query.values import Value, check_number, from_python


class JsonError(Exception):
    """A text that is no JSON; its message is RapidJSON's."""


def read_json(text: str) -> Value:
    """The value that a JSON text stands for; an object with a `$reql_type$` is a time, a binary, a geometry.

    Raises JsonError where it stands for none, ReqlQueryLogicError for JSON that is no value: fields of the same name, too
    many levels, a pseudo-type with wrong fields.
    """
    try:
        found = json.loads(
            text,
            parse_int=_whole_number,
            parse_float=_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise JsonError(_fault(text)) from None
    try:
        return from_python(found)
    except ReqlDriverCompileError as error:
        if "surrogate" in error.message:
            raise JsonError(_SURROGATE) from None
        raise ReqlQueryLogicError(error.message) from None


_TOO_BIG: Final = "Number too big to be stored in double."
_SURROGATE: Final = "The surrogate pair in string is invalid."


def _whole_number(digits: str) -> Value:
    return check_number(int(digits)) if len(digits) <= 20 else _number(digits)


def _number(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise JsonError(_TOO_BIG)
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise JsonError("Invalid value.")


def _object(pairs: list[tuple[str, Value]]) -> Value:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise ReqlQueryLogicError(f"Duplicate key `{twice}` in JSON.")
    if PSEUDO_TYPE not in fields:
        return fields
    return pseudo_value(fields)


def _too_deep() -> ReqlQueryLogicError:
    return ReqlQueryLogicError("Nesting depth limit exceeded: the JSON text has too many levels.")


def _fault(text: str) -> str:
    try:
        _Fault(text).document()
    except JsonError as error:
        return str(error)
    except RecursionError:
        raise _too_deep() from None
    return "Unspecific syntax error."


_SPACE: Final = re.compile(r"[ \t\n\r]*")
_PLAIN: Final = re.compile(r'[^"\\\x00-\x1f]*')
_DIGITS: Final = re.compile(r"[0-9]*")
_HEXADECIMAL: Final = re.compile(r"[0-9A-Fa-f]{4}")


class _Fault:
    """Reads a text up to what is wrong with it, and raises JsonError there."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def document(self) -> None:
        """The whole text."""
        self._space()
        if not self._next():
            raise JsonError("The document is empty.")
        self._value()
        self._space()
        if self._next():
            raise JsonError("The document root must not follow by other values.")

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found[0]

    def _space(self) -> None:
        self._skip(_SPACE)

    def _takes(self, token: str) -> bool:
        if not self._text.startswith(token, self._at):
            return False
        self._at += len(token)
        return True

    def _value(self) -> None:
        first = self._next()
        if first == "{":
            self._object()
        elif first == "[":
            self._array()
        elif first == '"':
            self._string()
        elif not any(map(self._takes, ("null", "true", "false"))):
            self._number()

    def _object(self) -> None:
        self._at += 1
        self._space()
        if self._takes("}"):
            return
        while True:
            if self._next() != '"':
                raise JsonError("Missing a name for object member.")
            self._string()
            self._space()
            if not self._takes(":"):
                raise JsonError("Missing a colon after a name of object member.")
            self._space()
            self._value()
            self._space()
            if self._takes("}"):
                return
            if not self._takes(","):
                raise JsonError("Missing a comma or '}' after an object member.")
            self._space()

    def _array(self) -> None:
        self._at += 1
        self._space()
        if self._takes("]"):
            return
        while True:
            self._value()
            self._space()
            if self._takes("]"):
                return
            if not self._takes(","):
                raise JsonError("Missing a comma or ']' after an array element.")
            self._space()

    def _string(self) -> None:
        self._at += 1
        while True:
            self._skip(_PLAIN)
            if self._takes('"'):
                return
            if self._takes("\\"):
                self._escape()
            elif self._next() in ("", "\0"):
                raise JsonError("Missing a closing quotation mark in string.")
            else:
                raise JsonError("Invalid escape character in string.")

    def _escape(self) -> None:
        if not self._takes("u"):
            if self._next() not in tuple('"\\/bfnrt'):
                raise JsonError("Invalid escape character in string.")
            self._at += 1
            return
        if 0xD800 <= self._code_unit() <= 0xDBFF and not (self._takes("\\u") and 0xDC00 <= self._code_unit() <= 0xDFFF):
            raise JsonError(_SURROGATE)

    def _code_unit(self) -> int:
        digits = self._skip(_HEXADECIMAL)
        if not digits:
            raise JsonError("Incorrect hex digit after \\u escape in string.")
        return int(digits, 16)

    def _number(self) -> None:
        self._takes("-")
        if not self._takes("0") and not self._skip(_DIGITS):
            raise JsonError("Invalid value.")
        if self._takes(".") and not self._skip(_DIGITS):
            raise JsonError("Miss fraction part in number.")
        if self._takes("e") or self._takes("E"):
            if not self._takes("+"):
                self._takes("-")
            if not self._skip(_DIGITS):
                raise JsonError("Miss exponent in number.")
