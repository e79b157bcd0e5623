"""The options of `run` and `connect`: their names, what each may be, and what it means here.

Those that RethinkDB's driver takes and that have no meaning in a store of one process are accepted, so that programs
written for it run unchanged; an unknown one is an error, since it would be ignored silently.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from docstore.errors import NotAStoreError
from query.errors import ReqlDriverCompileError, ReqlDriverError, ReqlQueryLogicError
from query.runtime import type_error
from query.term import Term
from query.values import describe, from_python

Check: TypeAlias = Callable[[str, Any], None]
"""Raises a ReqlError for what an option, by its name, cannot be."""


def _kind(expected: str, *kinds: type) -> Check:
    def check(name: str, found: Any) -> None:
        if type(found) not in kinds:
            raise type_error(expected, from_python(found))

    return check


_FLAG: Final = _kind("BOOL", bool)
_NUMBER: Final = _kind("NUMBER", int, float)


def _count(called: str) -> Check:
    def check(name: str, found: Any) -> None:
        _NUMBER(name, found)
        if found != found // 1:
            raise ReqlQueryLogicError(f"Number not an integer: {found!r}")
        if found < 1:
            raise ReqlQueryLogicError(f"Illegal {called} `{int(found)}`.  (Must be >= 1.)")

    return check


def _one_of(title: str, *choices: str) -> Check:
    """An option of the server's."""
    *most, last = [f'"{choice}"' for choice in choices]
    listed = f"{', '.join(most)}{',' if len(most) > 1 else ''} and {last}"

    def check(name: str, found: Any) -> None:
        if type(found) is not str:
            raise type_error("STRING", from_python(found))
        if found not in choices:
            raise ReqlQueryLogicError(f"{title} `{found}` unrecognized (options are {listed}).")

    return check


def _format(*choices: str) -> Check:
    """An option of the driver's."""

    def check(name: str, found: Any) -> None:
        if found not in choices:
            raise ReqlDriverError(f'Unknown {name} run option "{found}".')

    return check


def _positive(name: str, found: Any) -> None:
    _NUMBER(name, found)
    if not found > 0:
        raise ReqlQueryLogicError(f"Expected a positive number for the option `{name}` but found {describe(found)}.")


def _database(name: str, found: Any) -> None:
    if type(found) is not str:
        raise type_error("STRING", from_python(found))


OPTIONS: Final[Mapping[str, Check]] = {
    "db": _database,
    "array_limit": _count("array size limit"),
    "changefeed_queue_size": _count("changefeed queue size"),
    "durability": _one_of("Durability option", "hard", "soft"),
    "on_error": _one_of("Error option", "count", "raise"),
    "time_format": _format("native", "raw"),
    "binary_format": _format("native", "raw"),
    "group_format": _format("native", "raw"),
    "vector_format": _format("numpy", "list", "raw"),
    "profile": _FLAG,
    "noreply": _FLAG,
    "read_mode": _one_of("Read mode", "majority", "single", "outdated"),
    "identifier_format": _one_of("Identifier format", "name", "uuid"),
    "ignore_write_hook": _FLAG,
    "min_batch_rows": _count("min_batch_rows"),
    "max_batch_rows": _count("max_batch_rows"),
    "max_batch_bytes": _count("max_batch_bytes"),
    "max_batch_seconds": _positive,
    "first_batch_scaledown_factor": _positive,
}
"""Every option with its check."""


def checked_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, checked; `db` may be given as `r.db(name)`.

    Raises ReqlDriverCompileError for an unknown one, ReqlQueryLogicError for one that cannot have its value (of formats,
    which are the driver's affair, ReqlDriverError).
    """
    result: dict[str, Any] = {}
    for name, value in options.items():
        if name not in OPTIONS:
            known = ", ".join(sorted(OPTIONS))
            raise ReqlDriverCompileError(
                f"Unrecognized global optional argument `{name}`. The options of run: {known}."
            )
        value = _database_name(value) if name == "db" else value
        OPTIONS[name](name, value)
        result[name] = value
    return result


def checked_permissions(**allowed: Any) -> dict[str, Any]:
    """What a connection allows besides data: those that are True; ReqlDriverCompileError where one is no bool."""
    for name, value in allowed.items():
        if type(value) is not bool:
            raise ReqlDriverCompileError(f"Expected True or False for the option `{name}` but found {describe(value)}.")
    return {name: True for name, value in allowed.items() if value}


def checked_path(path: Any) -> str | None:
    """Where a store is; None in memory. Raises NotAStoreError for what no file can be called."""
    if path is None:
        return None
    if not isinstance(path, str | bytes | os.PathLike):
        raise NotAStoreError(f"Expected the path of a store, or None for one in memory, but found {describe(path)}.")
    place = os.fsdecode(path)
    if not place or "\0" in place:
        raise NotAStoreError(f"Expected the path of a store but found {describe(place)}, which no file is called.")
    return place


def checked_seconds(seconds: Any) -> float:
    """How long a write waits; ReqlDriverCompileError where it is no number, or below 0."""
    if type(seconds) not in (int, float) or not seconds >= 0:
        raise ReqlDriverCompileError(
            f"Expected a number of seconds, 0 or more, for `busy_timeout` but found {describe(seconds)}."
        )
    return float(seconds)


def _database_name(value: Any) -> Any:
    term = getattr(value, "term", None)
    return term.args[0] if type(term) is Term and term.kind.name == "db" else value
