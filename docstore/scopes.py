"""The transactions and snapshots that blocks of a program hold open, and what cursors read in.

The transaction that a query joins is that of the innermost block which this thread *and* this asyncio task opened on the
connection; others see only what is committed.

**Interrupts.** Blocks are plain classes, since a generator that is interrupted between its `yield` and the block would keep
its transaction open for as long as somebody keeps the traceback; and their end is compiled (`docstore.native.blocks`). Without
compiled code one thing is left, an interrupt that comes just as Python enters `Block.__exit__`: then the transaction is undone
when the traceback goes.
"""

from __future__ import annotations

import sys
import threading
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, TypeVar
from weakref import ref

from docstore import native
from docstore.errors import TransactionClosedError, TransactionError
from docstore.store import OpenStore
from docstore.transaction import Transaction
from query.runtime import Run


class Holder(Protocol):
    """A connection, as far as its blocks know it."""

    @property
    def store(self) -> OpenStore:
        """The store behind it; ClosedError after its end."""

    def check_writable(self) -> None:
        """ReadOnlyError where it is for reading only."""


Connected = TypeVar("Connected", bound=Holder)

scopes: ContextVar[tuple[ref[Scope], ...]] = ContextVar("docstore_scopes", default=())
"""All blocks that are open in a context, the innermost last. They live as long as their `Block`s."""


@dataclass(slots=True, weakref_slot=True)
class Scope:
    """An open block of one thread and task."""

    connection: Holder
    transaction: Transaction
    writable: bool
    thread: int
    task: object

    @property
    def is_ours(self) -> bool:
        """Whether this thread and task opened it."""
        return self.thread == threading.get_ident() and self.task is _current_task()


def _current_task() -> object:
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def current_scope(connection: Holder) -> Scope | None:
    """The innermost block on a connection."""
    for known in reversed(scopes.get()):
        scope = known()
        if scope is not None and scope.connection is connection and scope.is_ours and not scope.transaction.closed:
            return scope
    return None


class Block(Generic[Connected]):
    """What `with db.transaction()` and `with db.snapshot()` are given."""

    __slots__ = ("_connection", "_is_own", "_timeout_seconds", "_writable", "scope")

    def __init__(self, connection: Connected, *, writable: bool, timeout_seconds: float | None = None) -> None:
        self._connection = connection
        self._writable = writable
        self._timeout_seconds = timeout_seconds
        self.scope: Scope | None = None
        """Not None while the block is open."""
        self._is_own = True
        """Whether the transaction ends with the block."""

    def __enter__(self) -> Connected:
        if self.scope is not None:
            raise TransactionError("The block is open already; make another with transaction() or snapshot().")
        connection, store = self._connection, self._connection.store
        outer = current_scope(connection)
        if self._writable and outer is not None and not outer.writable:
            raise TransactionError("A transaction cannot begin inside a snapshot, which is for reading only.")
        self._is_own = self._writable or outer is None
        is_writing = store.engine.is_writing_here
        try:
            transaction = self._begin(outer)
            transaction.is_held = True
            self.scope = Scope(connection, transaction, self._writable, threading.get_ident(), _current_task())
            scopes.set((*scopes.get(), ref(self.scope)))
        except BaseException:
            if self.scope is not None:
                self._leave(self.scope)
            if not is_writing:
                store.engine.abandon_write()
            raise
        return connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(kind, error, trace)

    def end(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Commit what is the block's own if there was no error, or undo it."""
        scope = self.scope
        assert scope is not None
        try:
            if self._is_own:
                scope.transaction.__exit__(kind, error, trace)
        finally:
            self._leave(scope)

    def _begin(self, outer: Scope | None) -> Transaction:
        if outer is not None:
            return outer.transaction.savepoint() if self._writable else outer.transaction
        store = self._connection.store
        if not self._writable:
            return store.begin_read()
        self._connection.check_writable()
        return store.begin_write(self._timeout_seconds)

    def _leave(self, scope: Scope) -> None:
        """End the transaction, whatever interrupts that, and forget the block."""
        interrupt: KeyboardInterrupt | None = None
        while self._is_own and not scope.transaction.closed:
            try:
                scope.transaction.abort()
            except KeyboardInterrupt as error:
                interrupt = error
        # Its own and those that have ended, no more: after an interrupt, this may be done late.
        scopes.set(
            tuple(
                [
                    known
                    for known in scopes.get()
                    if (one := known()) is not None and one is not scope and not one.transaction.closed
                ]
            )
        )
        self.scope = None
        if interrupt is not None:
            raise interrupt


if native.AVAILABLE:
    Block.__exit__ = native.blocks.leave  # type: ignore[method-assign]


class OwnSession:
    """What a cursor outside a block reads a batch in: the snapshot at hand, or a new one, ended afterwards."""

    __slots__ = ("_connection", "_run")

    def __init__(self, connection: Holder, run: Run) -> None:
        self._connection = connection
        self._run = run

    def __enter__(self) -> None:
        store = self._connection.store
        if self._run.transaction.closed:
            self._run.transaction = store.begin_read()

    def __exit__(self, *_: object) -> None:
        self._run.transaction.abort()


class JoinedSession:
    """What a cursor inside a block reads a batch in: the block's transaction, as long as it is open."""

    __slots__ = ("_scope",)

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __enter__(self) -> None:
        self.check_open()

    def check_open(self) -> None:
        """TransactionClosedError once the block has ended."""
        if self._scope.transaction.closed:
            raise TransactionClosedError(
                "The cursor belongs to a transaction or snapshot that has ended. Read it inside the `with` block."
            )

    def __exit__(self, *_: object) -> None:
        pass
