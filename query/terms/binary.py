"""Binary data: bytes, which compare, are sliced and counted as strings are, byte by byte."""

from __future__ import annotations

from typing import Any

from query.errors import ReqlDriverCompileError, ReqlQueryLogicError
from query.registry import term
from query.runtime import type_error
from query.values import Value


@term(155, on="r")
def binary(data: Value) -> bytes:
    """Binary data: Python's bytes, or, of a query that gives a string, its UTF-8.

    A Python string is a ReqlDriverCompileError, since it does not say which bytes it stands for.

    >>> r.binary(b"abc").count().run(db)
    3
    >>> r.binary(r.expr("a") + "b").run(db)
    b'ab'
    """
    if isinstance(data, bytes):
        return data
    if not isinstance(data, str):
        raise type_error("STRING", data)
    return data.encode()


@binary.checks_given
def _(*given: Any) -> None:
    for data in given:
        if isinstance(data, str):
            raise ReqlDriverCompileError(
                "Cannot convert a unicode string to binary, use `unicode.encode()` to specify the encoding."
            )
        if not isinstance(data, bytes | bytearray | memoryview) and not hasattr(type(data), "term"):
            raise ReqlDriverCompileError(
                f"Cannot convert {type(data).__name__} to binary, convert the object to a `bytes` object first."
            )


def text_of_binary(data: bytes) -> str:
    """The string that the bytes are the UTF-8 of; ReqlQueryLogicError, in RethinkDB's words, where they are of none."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        place, reason = _utf8_fault(data, error.start)
        beginning = data[: min(place, 20)].decode(errors="replace")
        raise ReqlQueryLogicError(
            f"String `{beginning}` (truncated) is not a UTF-8 string; {reason} at position {place}."
        ) from None


def _utf8_fault(data: bytes, start: int) -> tuple[int, str]:
    """What is wrong with the character that begins at a byte: the last byte looked at, and the reason."""
    first = data[start]
    length = 2 if 0xC0 <= first < 0xE0 else 3 if 0xE0 <= first < 0xF0 else 4 if 0xF0 <= first < 0xF8 else 1
    if length == 1:
        return start, "Invalid initial byte seen"
    code = first & (0x7F >> length)
    for place in range(start + 1, start + length):
        if place == len(data):
            return place, "Expected continuation byte, saw end of string"
        if data[place] & 0xC0 != 0x80:
            return place, "Expected continuation byte, saw something else"
        code = code << 6 | data[place] & 0x3F
    if code > 0x10FFFF:
        return start + length - 1, "Non-Unicode character encoded (beyond U+10FFFF)"
    if 0xD800 <= code <= 0xDFFF:
        return start + length - 1, "Surrogate codepoint encoded"
    return start + length - 1, "Overlong encoding seen"
