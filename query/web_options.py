"""The options of `r.http` to a request: checked in RethinkDB's order, with its words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from query.errors import ReqlQueryLogicError
from query.json_text import compact, pretty
from query.runtime import type_error
from query.values import Value, type_name
from query.web import Request, encoded_fields

_FORMATS: Final = ("auto", "json", "jsonp", "text", "binary")
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_MOST_MILLISECONDS: Final = 2_592_000_000
"""30 days."""


def request_of(url: Value, options: Mapping[str, Value]) -> Request:
    """The request that an address and options say, checked; ReqlQueryLogicError for what can be none."""
    if type(url) is not str:
        raise type_error("STRING", url)
    request = Request(url)
    if "auth" in options:
        request.auth = _auth(options["auth"])
    if "method" in options:
        request.method = _method(options["method"])
    if "data" in options:
        _set_data(request, options["data"])
    if "result_format" in options:
        request.result_format = _result_format(options["result_format"])
    if "params" in options:
        request.params = checked_params(options["params"])
    if "header" in options:
        _set_header(request, options["header"])
    if "timeout" in options:
        request.timeout_ms = _milliseconds(options["timeout"])
    if "attempts" in options:
        request.attempts = whole_count(options["attempts"], 64)
    if "redirects" in options:
        request.redirects = whole_count(options["redirects"], 32)
    if "verify" in options:
        request.verify = options["verify"] is not None and options["verify"] is not False
    return request


def _wrong(what: str, expected: str, found: Value) -> ReqlQueryLogicError:
    return ReqlQueryLogicError(f"Expected `{what}` to be {expected}, but found {type_name(found)}.")


def _auth(found: Value) -> tuple[str, str, str]:
    if type(found) is not dict:
        raise _wrong("auth", "an OBJECT", found)
    kind = found.get("type", "basic")
    if type(kind) is not str:
        raise _wrong("auth.type", "a STRING", kind)
    for name in ("user", "pass"):
        if name not in found:
            raise ReqlQueryLogicError(f"`auth.{name}` not found in the auth object.")
        if type(found[name]) is not str:
            raise _wrong(f"auth.{name}", "a STRING", found[name])
    if kind not in ("basic", "digest"):
        raise ReqlQueryLogicError("`auth.type` is not recognized ('basic', and 'digest' are allowed).")
    return kind, found["user"], found["pass"]


def _method(found: Value) -> str:
    if type(found) is not str:
        raise type_error("STRING", found)
    if found not in _METHODS:
        raise ReqlQueryLogicError(
            f"`method` ({found}) is not recognized (GET, HEAD, POST, PUT, PATCH and DELETE are allowed)."
        )
    return found


def _set_data(request: Request, found: Value) -> None:
    if request.method in ("GET", "HEAD"):
        raise ReqlQueryLogicError(
            "`data` should only be specified on a PUT, POST, PATCH, or DELETE request.  "
            "If you want URL parameters, use `params` instead."
        )
    if type(found) is str:
        request.data = found.encode()
    elif request.method != "POST":
        request.headers["Content-Type"] = "application/json"
        request.data = compact(found).encode()
    elif type(found) is dict:
        _check_fields(found, lambda name, item: _wrong(f"data.{name}", "a NUMBER, STRING or NULL", item))
        request.data = encoded_fields(found).encode()
    else:
        raise _wrong("data", "a STRING or OBJECT", found)
    if request.method == "POST":
        request.headers["Content-Type"] = "application/x-www-form-urlencoded"


def _check_fields(fields: dict[str, Value], error: Callable[[str, Value], ReqlQueryLogicError]) -> None:
    for name in sorted(fields):
        if fields[name] is not None and type(fields[name]) not in (int, float, str):
            raise error(name, fields[name])


def _result_format(found: Value) -> str:
    if type(found) is not str:
        raise type_error("STRING", found)
    if found not in _FORMATS:
        raise ReqlQueryLogicError(
            f"`result_format` ({found}) is not recognized, ('auto', 'json', 'jsonp', 'text', and 'binary' are allowed)."
        )
    return found


def checked_params(found: Value) -> dict[str, Value]:
    """Parameters of an address: an object of strings, numbers and nulls."""
    if type(found) is not dict:
        raise ReqlQueryLogicError(f"Expected `params` to be an OBJECT, but found {type_name(found)}:\n{pretty(found)}")
    _check_fields(
        found,
        lambda name, item: ReqlQueryLogicError(
            f"Expected `params.{name}` to be a NUMBER, STRING or NULL, but found {type_name(item)}:\n{pretty(item)}"
        ),
    )
    return found


def _set_header(request: Request, found: Value) -> None:
    if type(found) is dict:
        for name in sorted(found):
            value = found[name]
            if value is not None and type(value) is not str:
                raise _wrong(f"header.{name}", "a STRING or NULL", value)
        lines = [f"{name}: {found[name]}" for name in sorted(found) if found[name] is not None]
    elif type(found) is list:
        for place, line in enumerate(found):
            if type(line) is not str:
                raise _wrong(f"header[{place}]", "a STRING", line)
        lines = found
    else:
        raise _wrong("header", "an ARRAY or OBJECT", found)
    for line in lines:
        if "\r" in line or "\n" in line:
            raise ReqlQueryLogicError("A `header` item contains newline characters.")
        name, colon, value = line.partition(":")
        if colon:
            same = [known for known in request.headers if known.lower() == name.strip().lower()]
            for known in same:
                del request.headers[known]
            request.headers[name.strip()] = value.strip()


def _milliseconds(found: Value) -> int:
    if type(found) is not int and type(found) is not float:
        raise type_error("NUMBER", found)
    if found < 0:
        raise ReqlQueryLogicError("`timeout` may not be negative.")
    return int(min(found * 1000, _MOST_MILLISECONDS))


def whole_count(found: Value, bits: int) -> int:
    """A whole number of so many bits, 0 or more."""
    if type(found) is float and found.is_integer():
        found = int(found)
    if type(found) is float:
        raise ReqlQueryLogicError(f"Number not an integer: {found!r}")
    if type(found) is not int:
        raise type_error("NUMBER", found)
    if not 0 <= found < 2**bits:
        raise ReqlQueryLogicError(f"Integer too large: {found}")
    return found
