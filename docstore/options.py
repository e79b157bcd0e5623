"""The options of `run` and `connect`: their names, what each may be, and what it means here.

Those that RethinkDB's driver takes and that have no meaning in a store of one process are accepted, so that programs
written for it run unchanged; an unknown one is an error, since it would be ignored silently.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from docstore.errors import NotAStoreError
from query.errors import ReqlDriverCompileError, ReqlQueryLogicError
from query.term import Term
from query.values import describe

Check = tuple[str, Callable[[Any], bool]]


def _one_of(*choices: str) -> Check:
    return " or ".join(repr(choice) for choice in choices), lambda found: found in choices


_FLAG: Final[Check] = ("True or False", lambda found: type(found) is bool)
_NUMBER: Final[Check] = ("a positive number", lambda found: type(found) in (int, float) and found > 0)
_COUNT: Final[Check] = ("a positive whole number", lambda found: type(found) is int and found > 0)

OPTIONS: Final[Mapping[str, Check]] = {
    "db": ("the name of a database", lambda found: type(found) is str),
    "array_limit": _COUNT,
    "durability": _one_of("hard", "soft"),
    "on_error": _one_of("count", "raise"),
    "time_format": _one_of("native", "raw"),
    "binary_format": _one_of("native", "raw"),
    "group_format": _one_of("native", "raw"),
    "vector_format": _one_of("numpy", "list", "raw"),
    "profile": _FLAG,
    "noreply": _FLAG,
    "read_mode": _one_of("single", "majority", "outdated"),
    "identifier_format": _one_of("name", "uuid"),
    "ignore_write_hook": _FLAG,
    "min_batch_rows": _COUNT,
    "max_batch_rows": _COUNT,
    "max_batch_bytes": _COUNT,
    "max_batch_seconds": _NUMBER,
    "first_batch_scaledown_factor": _NUMBER,
}
"""Every option with what it may be."""


def checked_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, checked; `db` may be given as `r.db(name)`.

    Raises ReqlDriverCompileError for an unknown one, ReqlQueryLogicError for one that cannot have its value.
    """
    result: dict[str, Any] = {}
    for name, value in options.items():
        if name not in OPTIONS:
            known = ", ".join(sorted(OPTIONS))
            raise ReqlDriverCompileError(
                f"Unrecognized global optional argument `{name}`. The options of run: {known}."
            )
        value = _database_name(value) if name == "db" else value
        expected, holds = OPTIONS[name]
        if not holds(value):
            raise ReqlQueryLogicError(f"Expected {expected} for the option `{name}` but found {describe(value)}.")
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
