"""JSON: values out of text, and text out of values."""

from __future__ import annotations

from query.errors import ReqlQueryLogicError
from query.json_reading import JsonError, read_json
from query.json_text import compact
from query.registry import term
from query.values import Value


@term(98, on="r")
def json(text: str) -> Value:
    """The value that a JSON text stands for; ReqlQueryLogicError where it stands for none.

    >>> r.json('{"a": [1, 2.5]}').run(db)
    {'a': [1, 2.5]}
    """
    try:
        return read_json(text)
    except JsonError as error:
        raise ReqlQueryLogicError(f'Failed to parse "{_beginning(text)}" as JSON: {error}') from None


def _beginning(text: str) -> str:
    encoded = text.encode()
    return text if len(encoded) <= 40 else f"{encoded[:37].decode(errors='replace')}..."


@term(172, aliases=("to_json",))
def to_json_string(value: Value) -> str:
    """The value as JSON text; times and binaries as objects with a `$reql_type$`.

    >>> r.expr({"a": [1, None]}).to_json_string().run(db)
    '{"a":[1,null]}'
    """
    return compact(value)
