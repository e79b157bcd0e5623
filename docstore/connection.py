"""`connect`, and what is done with a connection: run queries, open transactions and snapshots.

Threads: a connection may be shared by any number of threads. Which transaction a query joins is told in `scopes.py`.

How a query is run:

1. its plan is looked up by shape, default database and catalog version, or made (`query.planner`);
2. a query that only reads runs in a snapshot of its own, or in the transaction it joins;
3. a write that computes all its changes before it writes the first (one document, or a few given as constants) is handed
   to the `WriteQueue`, where those of several threads share a commit, or, if its durability is soft, to the open group of
   `storage/soft.py`; every other write has the write lock, and a
   transaction, to itself, so that it can be undone alone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from docstore.conduct import CachedPlan, conduct, is_long
from docstore.cursor import DEFAULT_BATCHING, Batching, Cursor
from docstore.descriptions import SERVER_ID
from docstore.documents import decode_document
from docstore.errors import ClosedError, ReadOnlyError
from docstore.options import checked_options, checked_path, checked_permissions, checked_seconds
from docstore.placement import SERVER
from docstore.points import MISSED, Points
from docstore.prepared import PreparedQuery
from docstore.results import conversion, presented, without_bounds
from docstore.scopes import Block, JoinedSession, OwnSession, Scope, current_scope, scopes
from docstore.store import OpenStore, open_store
from docstore.transaction import Transaction
from query.builder import set_repl
from query.errors import ReqlDriverCompileError, ReqlError, ReqlNonExistenceError, ReqlResourceLimitError
from query.evaluate import Compiler
from query.explain import Explanation, explain
from query.locate import explain_error
from query.planner import Plan, make_plan
from query.profile import Timing, task_of
from query.retelling import retold
from query.runtime import Run, Stream, collect
from query.sharing import fresh, unshared
from query.term import Argument, Term
from query.values import describe
from query.vectors import Made

__all__ = ["Connection", "connect"]

MAX_PLANS: Final = 2_000
"""Compiled queries that a connection keeps: some 10 KB each."""


def connect(
    path: str | bytes | os.PathLike[str] | None = None,
    *,
    db: str = "test",
    create: bool = True,
    read_only: bool = False,
    busy_timeout: float = 30.0,
    on_error: str = "count",
    durability: str | None = None,
    allow_http: bool = False,
    allow_js: bool = False,
) -> Connection:
    """Open a store, or make one.

    - `path`: the store's file; a second file with `-lock` at its end stands beside it. None: a store in memory, gone when
      its connection is closed. A path already open in this process is shared.
    - `db`: the database of `r.table(name)`; see `Connection.use`.
    - `create=False`: a store that does not exist is a NotAStoreError.
    - `read_only=True`: writes are a ReadOnlyError; the store must exist.
    - `busy_timeout`: seconds that a write waits for another thread or process before it is a BusyError.
    - `on_error="raise"`: an error of a single document in a write is raised, and undoes the query, instead of being
      counted in its summary.
    - `durability`: `"hard"` or `"soft"`, for writes that do not say; without it, what the table's `config` says.
    - `allow_http=True`: queries may ask servers with `r.http`; `allow_js=True`: and run JavaScript with `r.js`.

    >>> with connect() as db:
    ...     (r.expr(1) + 1).run(db)
    2
    """
    said = {"db": db, "on_error": on_error, "durability": durability}
    options = checked_options({name: option for name, option in said.items() if option is not None})
    options.update(checked_permissions(allow_http=allow_http, allow_js=allow_js))
    place, seconds = checked_path(path), checked_seconds(busy_timeout)
    store = open_store(place, create=create, read_only=read_only, busy_timeout=seconds)
    return Connection(store, options, busy_timeout=busy_timeout, read_only=read_only)


class Connection:
    """An open store. Made by `docstore.connect`; a context manager; usable by any number of threads."""

    def __init__(self, store: OpenStore, defaults: Mapping[str, Any], *, busy_timeout: float, read_only: bool) -> None:
        self._store = store
        self._defaults = dict(defaults)
        self._busy_timeout = busy_timeout
        self._read_only = read_only
        self._forget_plans()
        self._closed = False

    def _forget_plans(self) -> None:
        self.points = Points()
        """What reads single documents of tables of the default database."""
        self._plans: dict[Any, CachedPlan] = {}

    # The life of a connection

    @property
    def path(self) -> str | None:
        """The store's file; None for a store in memory."""
        return self._store.path

    @property
    def store(self) -> OpenStore:
        """The store behind the connection, for tools such as `check_store`."""
        self.check_open()
        return self._store

    def use(self, db: str) -> None:
        """Make `db` the database of `r.table(name)`. It need not exist yet."""
        self._defaults["db"] = checked_options({"db": db})["db"]
        self._forget_plans()

    def repl(self) -> Self:
        """Let `.run()` without an argument run on this connection, in this thread."""
        set_repl(self)
        return self

    def is_open(self) -> bool:
        """Whether the connection can be used."""
        return not self._closed

    def noreply_wait(self) -> None:
        """Return when all queries with `noreply=True` are done: here they are when `run` returns."""
        self.check_open()

    def server(self) -> dict[str, Any]:
        """The server that RethinkDB's answers tell of: its `id` and its `name`."""
        self.check_open()
        return {"id": SERVER_ID, "name": SERVER, "proxy": False}

    def reconnect(self, noreply_wait: bool = True, timeout: float | None = None) -> Self:
        """Open a closed connection again, on the same file; an open one stays as it is. Both arguments mean nothing here.

        ClosedError where the store was in memory, and is gone.
        """
        if self._closed:
            path = self._store.path
            if path is None:
                raise ClosedError("The connection was to a store in memory, which is gone since it was closed.")
            options = {"create": False, "read_only": self._read_only, "busy_timeout": self._busy_timeout}
            self._store = open_store(path, **options)  # type: ignore[arg-type]
            self._forget_plans()
            self._closed = False
        return self

    def close(self, noreply_wait: bool = True) -> None:
        """Give the store back; its last connection in this process closes it. Closing twice does nothing."""
        if not self._closed:
            self._closed = True
            self._store.close()

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Write a copy of the store, as it is now, to a new file, while others go on reading and writing.

        The copy is compact: it has none of the free room that a store keeps for what is written next. StoreError where the
        file exists, or the store is in memory.

        >>> db.backup("copy.db")  # doctest: +SKIP
        """
        self.check_open()
        self._store.engine.copy_to(os.fspath(path))

    def __enter__(self) -> Self:
        self.check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = " (closed)" if self._closed else " (read only)" if self._read_only else ""
        return f"<docstore.Connection to {self.path or 'a store in memory'}, database {self._defaults['db']!r}{state}>"

    def check_open(self) -> None:
        """ClosedError after `close`."""
        if self._closed:
            raise ClosedError(f"The connection to {self.path or 'the store in memory'} is closed.")

    # Transactions

    def transaction(self, *, timeout: float | None = None) -> AbstractContextManager[Connection, None]:
        """All queries of the block, on any tables, as one: done whole at its end, or not at all if it raises.

        Takes the write lock at once, waiting for at most `timeout` seconds (the connection's `busy_timeout`), and sees
        its own writes. Inside another `transaction()` of the same connection it is a savepoint.

        >>> with db.transaction():
        ...     _ = r.table("posts").get(1).update({"likes": 1}).run(db)
        ...     _ = r.table("posts").get(2).delete().run(db)
        """
        return Block(self, writable=True, timeout_seconds=self._busy_timeout if timeout is None else timeout)

    def snapshot(self) -> AbstractContextManager[Connection, None]:
        """All queries of the block read the same state of the store, whatever others commit meanwhile; never waits.

        Inside a `transaction()` of the same connection, the block reads that transaction. A long snapshot keeps the
        file from reusing the space of what is overwritten.

        >>> with db.snapshot():
        ...     posts, authors = r.table("posts").count().run(db), r.table("posts")["author"].distinct().run(db)
        """
        return Block(self, writable=False)

    def check_writable(self) -> None:
        """ReadOnlyError where the connection is for reading only."""
        if self._read_only:
            raise ReadOnlyError("The store was opened with read_only=True, and this would write to it.")

    # Running queries

    def prepare(self, build: Callable[..., Any], **options: Any) -> PreparedQuery:
        """A query for the hottest places: a function of values that gives a query, to be called with values.

        The function is called for the first values of each combination of types, and the query kept; then only the values
        are put in, which is cheaper than building. So what the function takes from elsewhere is fixed by then. A function
        that computes with its values in Python, or puts them where a name or a list stands, is called each time. The
        options are those of `run`.

        >>> post = db.prepare(lambda key: r.table("posts").get(key))
        >>> post(1)["title"]
        'Hello'
        """
        self.check_open()
        checked_options(options)
        if not callable(build):
            raise ReqlDriverCompileError(
                f"Expected a function that gives a query, as lambda key: r.table('posts').get(key), but found "
                f"{describe(build)}."
            )
        return PreparedQuery(self, build, options)

    def run_query(self, argument: Argument, options: dict[str, Any]) -> Any:
        """Run a query; `Query.run` calls this. See there."""
        if self._closed:
            self.check_open()
        merged: Mapping[str, Any] = {**self._defaults, **checked_options(options)} if options else self._defaults
        if options and (merged.get("profile") or merged.get("noreply")):
            return self._run_specially(argument, options)
        if type(argument) is not Term:
            if type(argument) is list:
                Run(self._store, None, merged).check_size(len(argument))
            return presented(fresh(argument), merged)
        cached = None if options else self._plans.get(argument.shape)
        if cached is None:
            cached = self._cached(argument, merged)
        scope = current_scope(self) if scopes.get() else None
        try:
            if cached.writes:
                return self._write(argument, cached, merged, scope)
            return self._read(argument, cached, merged, scope)
        except ReqlError as error:
            if not cached.writes:
                told = self._retold(error, argument, merged, scope)
                if told is not error:
                    raise told from None
            explain_error(error, argument, cached.plan)
            raise
        except RecursionError:
            raise ReqlResourceLimitError(
                "The query is nested too deeply to run from this depth of Python calls."
            ) from None

    def _retold(
        self, error: ReqlError, argument: Argument, options: Mapping[str, Any], scope: Scope | None
    ) -> ReqlError:
        """The error of a query that only reads, with the document that it shows whole."""
        if type(error) is not ReqlNonExistenceError or error.source is not None:
            return error
        if scope is not None:
            return retold(error, argument, Run(self._store, scope.transaction, options))
        with self._store.begin_read() as transaction:
            return retold(error, argument, Run(self._store, transaction, options))

    def _run_specially(self, argument: Argument, options: dict[str, Any]) -> Any:
        """Run a query with `profile` or `noreply`: its value beside where the time went, or nothing."""
        left = {name: value for name, value in options.items() if name not in ("profile", "noreply")}
        if options.get("profile") and type(argument) is Term:
            found = self._profiled(argument, {**self._defaults, **checked_options(left)})
        else:
            value = self.run_query(argument, left)
            found = {"value": value, "profile": []}
        return None if options.get("noreply") else found

    def _profiled(self, argument: Term, options: Mapping[str, Any]) -> dict[str, Any]:
        """The value of a query and the tasks that it took, beginning with the planning and ending with the commit."""
        tasks: list[Any] = []
        done = time.perf_counter()

        def execute(transaction: Transaction) -> Any:
            nonlocal done
            run, timing = Run(self._store, transaction, options), Timing()
            started = time.perf_counter()
            plan = make_plan(argument, run, compiler=Compiler(1 + len(argument.constants), timing))
            planned = time.perf_counter()
            found = plan.execute(run, argument.constants)
            value = presented(list(found.rows()) if type(found) is Stream else found, options)
            done = time.perf_counter()
            tasks[:] = [
                task_of("Begin the transaction.", started - began, []),
                task_of("Plan and compile the query.", planned - started, []),
                *timing.tasks(plan.term),
            ]
            return value

        began = time.perf_counter()
        value = self._in_transaction(argument, execute, writes=conduct(argument)[0])
        tasks.append(task_of("End the transaction.", time.perf_counter() - done, []))
        return {"value": value, "profile": tasks}

    def explain_query(self, argument: Argument, options: dict[str, Any], run: bool) -> Any:
        """How a query is run; `Query.explain` calls this. See there."""
        self.check_open()
        merged = {**self._defaults, **checked_options(options)}

        def execute(transaction: Transaction) -> Explanation:
            return explain(argument, Run(self._store, transaction, merged), execute=run)

        return self._in_transaction(argument, execute, writes=run and type(argument) is Term and conduct(argument)[0])

    def _in_transaction(self, argument: Argument, execute: Callable[[Transaction], Any], *, writes: bool) -> Any:
        """What is done in the transaction that the thread has open, or in one of its own."""
        scope = current_scope(self)
        try:
            if writes:
                self.check_writable()
                if scope is None:
                    return self._store.write_alone(execute, self._busy_timeout)
                with scope.transaction.savepoint() as inner:
                    return execute(inner)
            if scope is not None:
                return execute(scope.transaction)
            with self._store.begin_read() as transaction:
                return execute(transaction)
        except ReqlError as error:
            explain_error(error, argument, None)
            raise

    def _cached(self, argument: Term, options: Mapping[str, Any]) -> CachedPlan:
        key = argument.shape if options is self._defaults else (argument.shape, options["db"])
        plans = self._plans  # looked at before the points, so that none of an earlier default database comes among them
        cached = plans.get(key)
        if cached is None:
            if len(plans) >= MAX_PLANS:
                self._forget_plans()
            cached = CachedPlan(*conduct(argument), points=self.points if options is self._defaults else None)
            plans[key] = cached
        return cached

    def _read(self, argument: Term, cached: CachedPlan, options: Mapping[str, Any], scope: Scope | None) -> Any:
        if scope is not None:
            run = Run(self._store, scope.transaction, options)
            return self._answer(cached.plan_for(argument, run), run, argument, cached, JoinedSession(scope), scope)
        store = self._store
        transaction = store.begin_read()
        run = Run(store, transaction, options)
        try:
            plan = cached.plan if cached.schema is transaction.schema else None
            return self._answer(
                plan or cached.plan_for(argument, run), run, argument, cached, OwnSession(self, run), None
            )
        finally:
            run.transaction.abort()  # another one by now, perhaps: `index_wait` holds no snapshot while it waits

    def _durability_of(self, argument: Term, options: Mapping[str, Any]) -> Any:
        """What the table that a single write is to says of writes that do not say."""
        target = argument.args[0]
        table = target.args[0] if type(target) is Term and target.kind.name == "get" else target
        is_table = type(table) is Term and table.kind.name == "table"
        return self._store.durability_of(options["db"], *table.args) if is_table else None

    def _answer(
        self,
        plan: Plan,
        run: Run,
        argument: Term,
        cached: CachedPlan,
        session: OwnSession | JoinedSession,
        scope: Scope | None,
    ) -> Any:
        """What a query that reads gives its user.

        Documents that come out as they are stored are decoded one by one when the user takes them: those that are at hand
        take a quarter of the memory then, and what is decoded is still in the processor's cache.
        """
        rows = None if cached.tells_bounds else plan.stored_rows(run, argument.constants)
        if rows is not None:
            return self._cursor(rows, run, argument, session, scope, decode_document)
        found = plan.execute(run, argument.constants)
        if cached.tells_bounds:
            found = without_bounds(found)
        if type(found) is not Stream:
            is_plain = (found is None or type(found) is dict) and run.options is self._defaults and not Made.any
            return unshared(found) if is_plain else presented(found, run.options)
        cursor = self._cursor(found.rows(), run, argument, session, scope, None)
        return presented(list(cursor), run.options) if found.type_name == "SELECTION<ARRAY>" else cursor

    def _cursor(
        self,
        rows: Iterator[Any],
        run: Run,
        argument: Term,
        session: OwnSession | JoinedSession,
        scope: Scope | None,
        decode: Callable[[bytes], Any] | None,
    ) -> Cursor:
        cursor = Cursor(
            rows,
            session,
            partial(conversion, run.options, decode),
            argument,
            lambda error: self._retold(error, argument, run.options, scope),
            DEFAULT_BATCHING if run.options is self._defaults else Batching.of(run.options),
            session.check_open if type(session) is JoinedSession else None,
        )
        cursor.fill()
        return cursor

    def _write(self, argument: Term, cached: CachedPlan, options: Mapping[str, Any], scope: Scope | None) -> Any:
        self.check_writable()
        if cached.single is not None and scope is None and options["on_error"] != "raise":
            soft = self._is_soft(argument, cached, options)
            found = cached.single.run(argument.constants, options, self._busy_timeout, soft=soft)
            if found is not MISSED:
                return found

        def execute(transaction: Transaction) -> Any:
            run = Run(self._store, transaction, options)
            found = cached.plan_for(argument, run).execute(run, argument.constants)
            return presented(collect(run, found) if type(found) is Stream else found, options)

        computes_first = cached.computes_first and options["on_error"] != "raise" and not is_long(argument)
        if scope is not None:
            if not scope.writable:
                raise ReadOnlyError("A snapshot is for reading only, and this query writes.")
            if computes_first:
                return execute(scope.transaction)
            with scope.transaction.savepoint() as inner:
                return execute(inner)
        if computes_first:
            soft = self._is_soft(argument, cached, options)
            return (self._store.write_soft if soft else self._store.write_grouped)(execute, self._busy_timeout)
        return self._store.write_alone(execute, self._busy_timeout, repeatable=not cached.consumes)

    def _is_soft(self, argument: Term, cached: CachedPlan, options: Mapping[str, Any]) -> bool:
        durability = cached.durability or options.get("durability") or self._durability_of(argument, options)
        return bool(durability == "soft")
