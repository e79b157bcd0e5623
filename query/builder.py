"""`r` and the chain: Python expressions to Terms. Nothing is evaluated here but the user's own lambdas, once each.

The methods of `Query` and of `r` are made from the registry (`query.registry`), and what users hand them becomes Terms in
`query.convert`; this file adds the operators, the guards against Python's traps, and the few things of `r` that are no
terms. Type checkers and editors read `builder.pyi` in its place, which `query.stub` writes.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import tzinfo
from difflib import get_close_matches
from typing import Any, Final, NoReturn, Protocol, TypeAlias

from query import errors
from query.convert import Chain, build, to_argument
from query.errors import ReqlDriverCompileError, ReqlDriverError
from query.operators import ARITHMETIC, COMPARISONS, LOGIC
from query.printer import print_query, print_short
from query.quick import quick_term, takes_one_text
from query.registry import TERMS, Declaration, Parameter
from query.term import IMPLICIT_VAR, Argument, Term
from query.values import MAX_NESTING, MAXVAL, MINVAL, describe, fixed_zone, zone_minutes
from query.wire import encode

Build: TypeAlias = Callable[..., "Query"]


class Runner(Protocol):
    """What a query can be run on: a connection, a transaction, a snapshot."""

    def run_query(self, argument: Argument, options: dict[str, Any]) -> Any:
        """Run a query and give its result."""

    def explain_query(self, argument: Argument, options: dict[str, Any], run: bool) -> Any:
        """How the query would be run, or was."""


class _Repl(threading.local):
    runner: Runner | None = None


_repl: Final = _Repl()
_runners: Final[set[type]] = set()
"""The types of what queries have been run on."""
_readers: Final[set[type]] = set()
"""Those of them that have `points`, which read single documents directly: `points.read(shape of the table, key)` gives the
document, or None, or NotImplemented where the query has to be run."""


def set_repl(runner: Runner | None) -> None:
    """What `.run()` without an argument runs on, in this thread."""
    _repl.runner = runner


class Query(Chain):
    """A query, or a part of one: a chain that grows by a method call and does nothing until `run`.

    `str` gives the Python text that builds it. Queries are never changed, and can be copied and pickled.
    """

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    def run(self, db: Runner | None = None, /, **options: Any) -> Any:
        """Run the query on a connection, or on the one that `repl()` was called of.

        Arrays come back as lists, streams as cursors, single documents as dicts.

        >>> r.expr([1, 2, 3]).map(lambda x: x * 2).run(db)
        [2, 4, 6]
        """
        if type(db) not in _runners:
            if not isinstance(self, Query):
                raise ReqlDriverError(
                    f"`run` is called on a query, as r.table('posts').run(db), not on {describe(self)}."
                )
            db = _runner(db, "run")
            _runners.add(type(db))
            if hasattr(db, "points"):
                _readers.add(type(db))
        return db.run_query(self.term, options)  # type: ignore[union-attr]

    def explain(self, db: Runner | None = None, /, *, run: bool = False, **options: Any) -> Any:
        """How the query is run: a plan that prints as a tree; with `run=True`, after a run, with rows and times."""
        return _runner(db, "explain").explain_query(self.term, options, run)

    def build(self) -> Any:
        """The query as RethinkDB's drivers send it: `[number, [arguments], {options}]`, JSON-able.

        >>> r.table("posts").get(1).build()
        [16, [[15, ['posts']], 1]]
        """
        return encode(self.term)

    def __repr__(self) -> str:
        return f"<Query: {print_short(self.term)}>"

    def __str__(self) -> str:
        return print_query(self.term)

    def __reduce__(self) -> Any:
        return (type(self), (self.term,))

    def __getattr__(self, name: str) -> NoReturn:
        raise _no_such_term("A query", Query, name)

    def __bool__(self) -> NoReturn:
        raise ReqlDriverError(
            "A query has no truth value before it runs: `and`, `or`, `not`, `if` and chained comparisons cannot be part "
            "of one. Use `&`, `|`, `~` with parentheses, as in (a > 1) & (b < 2), or r.branch."
        )

    def __contains__(self, item: object) -> NoReturn:
        raise ReqlDriverError("`in` cannot be part of a query. Use query.contains(value).")

    def __len__(self) -> NoReturn:
        raise ReqlDriverError("A query has no length before it runs. Use query.count(), then run it.")

    def __iter__(self) -> Iterator[Any]:
        raise ReqlDriverError(
            "A query cannot be iterated before it runs. To iterate over its result, call run first; inside a query, use "
            "map, concat_map or for_each."
        )

    def __getitem__(self, index: Any) -> Query:
        if isinstance(index, slice):
            if index.step is not None:
                raise ReqlDriverCompileError("Slices with a step cannot be part of a query: use [start:end].")
            options = {} if index.stop is not None else {"right_bound": "closed"}
            return call(
                "slice",
                self,
                0 if index.start is None else index.start,
                -1 if index.stop is None else index.stop,
                **options,
            )
        if type(index) is str and index.isascii():
            return Query(Term(TERMS["bracket"].kind, (self.term, index)))
        return call("bracket", self, index)


class _Get(Query):
    """What `table.get(key)` gives for a usual key: its Term is made when somebody asks for it, which a point does not."""

    __slots__ = ("_key", "_made", "_table")
    _key: str | int
    _table: Term
    _made: Term | None

    def run(self, db: Runner | None = None, /, **options: Any) -> Any:
        """See `Query.run`."""
        if not options and type(db) in _readers:
            found = db.points.read(self._table.shape, self._key)  # type: ignore[union-attr]
            if found is not NotImplemented:
                return found
        return Query.run(self, db, **options)

    @property
    def term(self) -> Argument:  # type: ignore[override]
        """See `Chain`."""
        made = self._made
        if made is None:
            made = self._made = Term(TERMS["get"].kind, (self._table, self._key))
        return made

    def __reduce__(self) -> Any:
        return (Query, (self.term,))


_SAFE_WHOLE: Final = 2**53
"""Ints nearer to 0 than this are values as they are."""

_new_query: Final = Query.__new__


class _Infix(Query):
    """What `&` and `|` give, so that `a == 1 & b == 2` can be told from `(a == 1) & (b == 2)`."""

    __slots__ = ()


class R:
    """The entrance to the language: `r.table("posts")`, `r.expr(...)`, `r.row`."""

    __slots__ = ()
    minval = Query(MINVAL)
    maxval = Query(MAXVAL)
    row = Query(Term(IMPLICIT_VAR, ()))
    errors = errors

    def expr(self, value: Any, nesting_depth: int = 20) -> Query:
        """A query that gives a Python value: data, or data with queries inside, or a function.

        >>> r.expr({"a": [1, 2]})["a"].run(db)
        [1, 2]
        """
        if isinstance(value, Query):
            return value
        if _levels_over(value, min(nesting_depth, MAX_NESTING)):
            raise ReqlDriverCompileError("Nesting depth limit exceeded.")
        return Query(to_argument(value, Query))

    def connect(self, *args: object, **options: object) -> NoReturn:
        """There is no server: `docstore.connect` opens a store. A ReqlDriverError that says so."""
        raise ReqlDriverError("There is no server to connect to: docstore.connect(path) opens a store.")

    def make_timezone(self, offset: str) -> tzinfo:
        """A `tzinfo` of a fixed offset: `r.make_timezone("+02:00")`."""
        try:
            return fixed_zone(zone_minutes(offset))
        except ValueError:
            raise ReqlDriverCompileError(
                f"Expected a time zone such as '+02:00' but found {describe(offset)}."
            ) from None

    def __getattr__(self, name: str) -> NoReturn:
        raise _no_such_term("r", R, name)

    def __repr__(self) -> str:
        return "r"

    def __reduce__(self) -> str:
        return "r"


r: Final = R()


def call(name: str, *args: Any, **options: Any) -> Query:
    """The term of a name with these arguments, as a query."""
    return Query(build(TERMS[name], args, options, Query))


# Methods from the registry


def install() -> None:
    """Give `Query` and `R` the methods of all declared terms. Called once, after the terms are imported."""
    for declaration in TERMS.values():
        if declaration.constant:
            setattr(R, declaration.name, Query(Term(declaration.kind, ())))
            continue
        for name in declaration.methods:
            if declaration.on != "r":
                setattr(Query, name, _method(declaration))
            if declaration.on != "chain":
                setattr(R, name, _r_method(declaration))
    for name, operator in COMPARISONS.items():
        setattr(Query, f"__{operator.method}__", _comparison(name, operator.symbol))
    for operators, result in ((ARITHMETIC, Query), (LOGIC, _Infix)):
        for name, operator in operators.items():
            setattr(Query, f"__{operator.method}__", _operator(name, result))
            setattr(Query, f"__r{operator.method}__", _reflected(name, result))
    setattr(Query, "__invert__", lambda self: call("not", self))  # noqa: B010 - type checkers read the stub


NAMED_QUERIES: Final = 1_000
"""Queries of names alone, such as `r.table("posts")`, that are kept: they are built far more often than any other."""


def _method(declaration: Declaration) -> Build:
    kind, quick, takes_text = declaration.kind, quick_term(declaration, 1, Query), takes_one_text(declaration)

    def method(self: Query, *args: Any, **options: Any) -> Query:
        if takes_text and len(args) == 1 and type(args[0]) is str and not options and args[0].isascii():
            return Query(Term(kind, (self.term, args[0])))
        term = quick((self.term,), args, options)
        return Query(build(declaration, (self, *args), options, Query) if term is None else term)

    return _described(_get_method(method) if declaration.name == "get" else method, declaration, 1)


def _get_method(general: Build) -> Build:
    table = TERMS["table"].kind

    def get(self: Query, key: Any = _UNSAID, /, *others: Any, **options: Any) -> Query:
        is_usual = key.isascii() if type(key) is str else type(key) is int and -_SAFE_WHOLE < key < _SAFE_WHOLE
        on = self.term
        if is_usual and not others and not options and type(on) is Term and on.kind is table:
            query = _new_query(_Get)
            query._key, query._table, query._made = key, on, None
            return query
        return general(self, *(() if key is _UNSAID else (key, *others)), **options)

    return get


def _r_method(declaration: Declaration) -> Build:
    quick = quick_term(declaration, 0, Query)

    def method(self: R, *args: Any, **options: Any) -> Query:
        term = quick((), args, options)
        return Query(build(declaration, args, options, Query) if term is None else term)

    return _described(_name_method(method) if declaration.kind.structural else method, declaration, 0)


def _name_method(general: Build) -> Build:
    known: dict[str, Query] = {}

    def method(self: R, name: Any = _UNSAID, /, *others: Any, **options: Any) -> Query:
        if type(name) is not str or others or options:
            return general(self, *(() if name is _UNSAID else (name, *others)), **options)
        query = known.get(name)
        if query is None:
            if len(known) >= NAMED_QUERIES:
                known.clear()
            query = known[name] = general(self, name)
        return query

    return method


_UNSAID: Final = object()


def _described(method: Build, declaration: Declaration, first: int) -> Build:
    """The method with what `help` and `inspect.signature` show: the signature of the declaration."""
    method.__name__ = method.__qualname__ = declaration.name
    method.__doc__ = declaration.doc
    kinds = inspect.Parameter
    declared: list[tuple[Parameter, Any]] = [(one, kinds.POSITIONAL_ONLY) for one in declaration.arguments[first:]]
    if declaration.rest is not None:
        declared.append((declaration.rest, kinds.VAR_POSITIONAL))
    declared += [(one, kinds.KEYWORD_ONLY) for one in declaration.options.values()]
    parameters = [kinds(one.name, kind, default=kinds.empty if one.required else one.default) for one, kind in declared]
    parameters.insert(0, kinds("self", kinds.POSITIONAL_ONLY))
    setattr(method, "__signature__", inspect.Signature(parameters, return_annotation="Query"))  # noqa: B010
    return method


def _comparison(name: str, symbol: str) -> Build:
    def operator(self: Query, other: Any) -> Query:
        if type(self) is _Infix or type(other) is _Infix:
            raise ReqlDriverCompileError(
                f"Calling '{symbol}' on the result of an infix `&` or `|`, which bind tighter: this is almost always a "
                "precedence error. Write (a > 1) & (b < 2) with parentheses, or use and_ and or_ where it is meant."
            )
        return Query(Term(TERMS[name].kind, (self.term, to_argument(other, Query))))

    return operator


def _operator(name: str, result: type[Query]) -> Build:
    return lambda self, other: result(Term(TERMS[name].kind, (self.term, to_argument(other, Query))))


def _reflected(name: str, result: type[Query]) -> Build:
    return lambda self, other: result(Term(TERMS[name].kind, (to_argument(other, Query), self.term)))


def _runner(db: Runner | None, method: str) -> Runner:
    runner = _repl.runner if db is None else db
    if runner is None:
        raise ReqlDriverError(f"`{method}` needs a connection: query.{method}(db), or call db.repl() first.")
    if not hasattr(runner, "run_query"):
        raise ReqlDriverError(
            f"`{method}` must be given a connection to run on, as docstore.connect gives it, but found {describe(db)}."
        )
    return runner


def _no_such_term(what: str, kind: type, name: str) -> AttributeError:
    if name.startswith("_"):
        return AttributeError(name)
    near = get_close_matches(name, [known for known in dir(kind) if not known.startswith("_")], n=1)
    hint = f": did you mean `{near[0]}`?" if near else "."
    return AttributeError(f"{what} has no method `{name}`{hint}")


def _levels_over(value: Any, limit: int) -> bool:
    """Whether plain data is nested more deeply than a limit, what is in the innermost array or object counted too."""
    if limit <= 0:
        return True
    if isinstance(value, Mapping | list | tuple):
        items = value.values() if isinstance(value, Mapping) else value
        return any(_levels_over(item, limit - 1) for item in items)
    return False
