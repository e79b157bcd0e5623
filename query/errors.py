"""The errors of the language: RethinkDB's classes by RethinkDB's names.

    ReqlError
    ├── ReqlRuntimeError                 the query ran and failed
    │   ├── ReqlQueryLogicError          it asked for something that has no meaning
    │   │   └── ReqlNonExistenceError    it asked for something that is not there; `default` catches this one
    │   ├── ReqlResourceLimitError       it would need more than a limit allows
    │   ├── ReqlUserError                it called `r.error`
    │   ├── ReqlInternalError            a defect of ours
    │   ├── ReqlAvailabilityError        the store could not do it
    │   │   ├── ReqlOpFailedError        and has not done it
    │   │   └── ReqlOpIndeterminateError and may have done it
    │   └── ReqlPermissionsError
    ├── ReqlCompileError                 the query could not be built
    │   ├── ReqlDriverCompileError       found while Python built it
    │   └── ReqlServerCompileError       found while it was checked: arity, options, names
    │       └── ReqlArgumentError        and it was the type of an argument; ours, also a ReqlQueryLogicError
    └── ReqlDriverError                  the connection, the store or a cursor was used wrongly
        ├── ReqlAuthError
        ├── ReqlTimeoutError
        └── ReqlCursorEmpty              also a StopIteration

Every error has `.message`, the sentence alone. An error that a part of a query caused has `.term`, that part, and, once
it has left the query, `.source`: the text of the query and, below the part that failed, a line of carets. `str(error)`
is both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = [
    "ReqlArgumentError",
    "ReqlAuthError",
    "ReqlAvailabilityError",
    "ReqlCompileError",
    "ReqlCursorEmpty",
    "ReqlDriverCompileError",
    "ReqlDriverError",
    "ReqlError",
    "ReqlInternalError",
    "ReqlNonExistenceError",
    "ReqlOpFailedError",
    "ReqlOpIndeterminateError",
    "ReqlPermissionError",
    "ReqlPermissionsError",
    "ReqlQueryLogicError",
    "ReqlResourceLimitError",
    "ReqlRuntimeError",
    "ReqlServerCompileError",
    "ReqlTimeoutError",
    "ReqlUserError",
    "RqlClientError",
    "RqlCompileError",
    "RqlCursorEmpty",
    "RqlDriverError",
    "RqlError",
    "RqlRuntimeError",
    "RqlTimeoutError",
]


class ReqlError(Exception):
    """What every error of this project is.

    A message that shows a document may be a function: most errors of that kind are caught by the query itself, row by
    row, and nobody reads them.
    """

    def __init__(self, message: str | Callable[[], str], term: Any = None) -> None:
        super().__init__(message)
        self.term = term
        self.source: str | None = None

    @property
    def message(self) -> str:
        """The sentence alone."""
        (message,) = self.args
        if not isinstance(message, str):
            message = message()
            self.args = (message,)
        return str(message)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r})"

    def __reduce__(self) -> Any:
        return (type(self), (self.message,), {"source": self.source})

    def __str__(self) -> str:
        if self.source is None:
            return self.message
        return f"{self.message.removesuffix('.')} in:\n{self.source}"


class ReqlRuntimeError(ReqlError):
    """The query ran and failed."""


class ReqlQueryLogicError(ReqlRuntimeError):
    """The query asked for something that has no meaning."""


class ReqlNonExistenceError(ReqlQueryLogicError):
    """The query asked for something that is not there."""


class ReqlResourceLimitError(ReqlRuntimeError):
    """The query would need more than a limit allows."""


class ReqlUserError(ReqlRuntimeError):
    """The query called `r.error`."""


class ReqlInternalError(ReqlRuntimeError):
    """A defect of this library."""


class ReqlAvailabilityError(ReqlRuntimeError):
    """The store could not do it."""


class ReqlOpFailedError(ReqlAvailabilityError):
    """The store could not do it, and has not done it."""


class ReqlOpIndeterminateError(ReqlAvailabilityError):
    """The store may or may not have done it."""


class ReqlPermissionsError(ReqlRuntimeError):
    """The user may not do it."""


class ReqlCompileError(ReqlError):
    """The query could not be built."""


class ReqlDriverCompileError(ReqlCompileError):
    """The query could not be built from the Python values given."""


class ReqlServerCompileError(ReqlCompileError):
    """The query was built and is not well formed: arity, options, names."""


class ReqlArgumentError(ReqlServerCompileError, ReqlQueryLogicError):
    """An argument can be seen to be of the wrong type before the query runs.

    RethinkDB finds it while it runs; programs written for it catch ReqlQueryLogicError.
    """


class ReqlDriverError(ReqlError):
    """The connection, the store or a cursor was used in a way that it does not allow."""


class ReqlAuthError(ReqlDriverError):
    """Wrong credentials; nothing here raises it, programs written for RethinkDB catch it."""


class ReqlTimeoutError(ReqlDriverError, TimeoutError):
    """A wait took longer than it may."""


class ReqlCursorEmpty(ReqlDriverError, StopIteration):  # noqa: N818 - the name is RethinkDB's
    """The cursor has given its last row."""

    def __init__(self, message: str = "Cursor is empty.", term: Any = None) -> None:
        super().__init__(message, term)


# Other names of RethinkDB's for the same classes

ReqlPermissionError = ReqlPermissionsError
RqlClientError = ReqlDriverError
RqlCompileError = ReqlCompileError
RqlCursorEmpty = ReqlCursorEmpty
RqlDriverError = ReqlDriverError
RqlError = ReqlError
RqlRuntimeError = ReqlRuntimeError
RqlTimeoutError = ReqlTimeoutError
