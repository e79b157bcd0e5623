"""`r` and the chain: Python expressions to Terms. Nothing is evaluated here but the user's own lambdas, once each.

The methods of `Query` and of `r` are made from the registry (`query.registry`); this file adds the operators, the guards
against Python's traps, and the few things of `r` that are no terms.

**Functions.** A lambda is called once with a query for each of its parameters; what it returns is its body. Variables are
numbered by how deeply their function is nested, so that the same text gives an equal Term. An argument that uses `r.row`
where a function may stand becomes a function of one variable.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final, NoReturn, Protocol, TypeAlias, get_args

from query.errors import ReqlDriverCompileError, ReqlDriverError
from query.registry import TERMS, Declaration
from query.runtime import Function
from query.term import FUNC, IMPLICIT_VAR, VAR, Argument, Source, Term, expand, make_array, make_object
from query.values import (
    MAX_NESTING,
    MAXVAL,
    MINVAL,
    NotPlainError,
    Value,
    describe,
    fixed_zone,
    from_python,
    zone_minutes,
)

Build: TypeAlias = Callable[..., "Query"]


class Runner(Protocol):
    """What a query can be run on: a connection, a transaction, a snapshot."""

    def run_query(self, argument: Argument, options: dict[str, Any]) -> Any:
        """Run a query and give its result."""

    def explain_query(self, argument: Argument, options: dict[str, Any], run: bool) -> Any:
        """How the query would be run, or was."""


class _Repl(threading.local):
    runner: Runner | None = None


class _Nesting(threading.local):
    depth: int = 0


_repl: Final = _Repl()
_nesting: Final = _Nesting()


def set_repl(runner: Runner | None) -> None:
    """What `.run()` without an argument runs on, in this thread."""
    _repl.runner = runner


class Query:
    """A query, or a part of one: a chain that grows by a method call and does nothing until `run`."""

    __slots__ = ("term",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, term: Argument) -> None:
        self.term = term

    def run(self, db: Runner | None = None, **options: Any) -> Any:
        """Run the query on a connection, or on the one that `repl()` was called of.

        Arrays come back as lists, streams as cursors, single documents as dicts.

        >>> r.expr([1, 2, 3]).map(lambda x: x * 2).run(db)
        [2, 4, 6]
        """
        return _runner(db, "run").run_query(self.term, options)

    def explain(self, db: Runner | None = None, *, run: bool = False, **options: Any) -> Any:
        """How the query is run: a plan that prints as a tree; with `run=True`, after a run, with rows and times."""
        return _runner(db, "explain").explain_query(self.term, options, run)

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(_no_such_term("a query", name, _chain_names()))

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
        return call("bracket", self, index)


class _Infix(Query):
    """What `&` and `|` give, so that `a == 1 & b == 2` can be told from `(a == 1) & (b == 2)`."""

    __slots__ = ()


class R:
    """The entrance to the language: `r.table("posts")`, `r.expr(...)`, `r.row`."""

    minval = Query(MINVAL)
    maxval = Query(MAXVAL)
    row = Query(Term(IMPLICIT_VAR, ()))

    def expr(self, value: Any, nesting_depth: int = 20) -> Query:
        """A query that gives a Python value: data, or data with queries inside, or a function.

        >>> r.expr({"a": [1, 2]})["a"].run(db)
        [1, 2]
        """
        if isinstance(value, Query):
            return value
        if _levels_over(value, nesting_depth):
            raise ReqlDriverCompileError("Nesting depth limit exceeded.")
        return Query(to_argument(value))

    def make_timezone(self, offset: str) -> Any:
        """A `tzinfo` of a fixed offset: `r.make_timezone("+02:00")`."""
        try:
            return fixed_zone(zone_minutes(offset))
        except ValueError:
            raise ReqlDriverCompileError(
                f"Expected a time zone such as '+02:00' but found {describe(offset)}."
            ) from None

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(_no_such_term("r", name, [n for n in dir(R) if not n.startswith("_")]))


r: Final = R()


def call(name: str, *args: Any, **options: Any) -> Query:
    """The term of a name with these arguments, as a query."""
    return Query(build(TERMS[name], args, options))


def build(declaration: Declaration, args: tuple[Any, ...], options: Mapping[str, Any]) -> Term:
    """A Term of a declared kind from what the user gave, checked for arity and options."""
    converted = [
        argument_for(declaration.argument(index).annotation, arg)
        if index < len(declaration.arguments) or declaration.rest is not None
        else to_argument(arg)
        for index, arg in enumerate(args)
    ]
    if not any(type(arg) is Term and arg.kind.name == "args" for arg in converted):
        declaration.check_arity(len(converted))
    if declaration.kind.expands:
        converted = [expand(arg) for arg in converted]
    if not options:
        return Term(declaration.kind, tuple(converted))
    named: dict[str, Argument] = {}
    for name, arg in options.items():
        declaration.check_option(name)
        named[name] = argument_for(declaration.options[name].annotation, arg)
    return Term(declaration.kind, tuple(converted), named)


def argument_for(annotation: Any, data: Any) -> Argument:
    """What a user gave for a parameter, as an argument: where a function may stand, `r.row` makes one."""
    if type(data) not in _USUAL and _is_read_while_running(data) and takes_source(annotation):
        return Source(data)
    argument = to_argument(data)
    if type(argument) is Term and argument.uses_row and takes_function(annotation) and argument.kind is not FUNC:
        return Term(FUNC, ([_nesting.depth + 1], argument))
    return argument


def takes_function(annotation: Any) -> bool:
    """Whether a parameter is a function, or may be one."""
    return annotation is Function or Function in get_args(annotation)


def takes_source(annotation: Any) -> bool:
    """Whether a parameter may be an iterable that is read while the query runs."""
    return Source in get_args(annotation)


def _is_read_while_running(data: Any) -> bool:
    """Whether data is an iterable that is no value: a generator, a set, a cursor, the values of a dict."""
    values = (Query, Mapping, list, tuple, str, bytes, bytearray, memoryview)
    return hasattr(type(data), "__iter__") and not isinstance(data, values) and getattr(data, "shape", None) != ()


_USUAL: Final = frozenset({Query, dict, list, str, int, float, bool, type(None)})


def to_argument(data: Any) -> Argument:
    """A Term or a value out of what a user gave."""
    if isinstance(data, Query):
        return data.term
    kind = type(data)
    if kind is str and data.isascii():
        return data
    if kind is Source:
        return data
    try:
        return from_python(data)
    except NotPlainError:
        return _mixed(data, 0)


def _mixed(data: Any, depth: int) -> Argument:
    """Data with queries or functions somewhere inside."""
    if isinstance(data, Query):
        return data.term
    if depth > MAX_NESTING:
        raise ReqlDriverCompileError(f"Nesting depth limit exceeded: more than {MAX_NESTING} levels.")
    if isinstance(data, Mapping):
        fields = {}
        for name, item in data.items():
            if not isinstance(name, str):
                raise ReqlDriverCompileError(f"Object keys must be strings: expected str but found {describe(name)}.")
            fields[from_python(name)] = _mixed(item, depth + 1)
        return make_object(fields)
    if isinstance(data, list | tuple):
        return make_array([_mixed(item, depth + 1) for item in data])
    if callable(data):
        return function_term(data)
    return from_python(data)


def function_term(function: Callable[..., Any]) -> Term:
    """A Python function as a Term: it is called once, with a query for each parameter."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise ReqlDriverCompileError(f"Expected a lambda or a function but found {describe(function)}.") from None
    names = [
        p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty
    ]
    first = _nesting.depth + 1
    numbers = list(range(first, first + len(names)))
    _nesting.depth += len(names)
    try:
        body = function(*[Query(Term(VAR, (number,))) for number in numbers])
        if body is None:
            raise ReqlDriverCompileError(
                f"A function of a query must return something, but `{getattr(function, '__name__', function)}` "
                "returned None. Did it forget `return`?"
            )
        return Term(FUNC, (numbers, to_argument(body)))
    finally:
        _nesting.depth -= len(names)


# Methods from the registry


def _method(declaration: Declaration) -> Build:
    kind = declaration.kind
    plain = not kind.expands and not any(
        takes_function(p.annotation) or takes_source(p.annotation)
        for p in (*declaration.arguments, declaration.rest)
        if p is not None
    )
    least, most = declaration.least, declaration.most

    def method(self: Query, *args: Any, **options: Any) -> Query:
        count = len(args) + 1
        if plain and not options and least <= count and (most is None or count <= most):
            return Query(Term(kind, (self.term, *map(to_argument, args))))
        return Query(build(declaration, (self, *args), options))

    return _described(method, declaration)


def _r_method(declaration: Declaration) -> Build:
    def method(self: R, *args: Any, **options: Any) -> Query:
        return Query(build(declaration, args, options))

    return _described(method, declaration)


def _described(method: Build, declaration: Declaration) -> Build:
    method.__name__ = method.__qualname__ = declaration.name
    method.__doc__ = declaration.doc
    return method


def _operator(name: str, result: type[Query] = Query) -> Build:
    def operator(self: Query, other: Any) -> Query:
        _check_precedence(name, self, other)
        return result(build(TERMS[name], (self, other), {}))

    return operator


def _reflected(name: str, result: type[Query] = Query) -> Build:
    def operator(self: Query, other: Any) -> Query:
        return result(build(TERMS[name], (other, self), {}))

    return operator


_COMPARISONS: Final = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def _check_precedence(name: str, left: Query, right: Any) -> None:
    if name in _COMPARISONS and (type(left) is _Infix or type(right) is _Infix):
        raise ReqlDriverCompileError(
            f"Calling '{_COMPARISONS[name]}' on the result of an infix `&` or `|`, which bind tighter: this is almost always "
            "a precedence error. Write (a > 1) & (b < 2) with parentheses, or use and_ and or_ where it is meant."
        )


def install() -> None:
    """Give `Query` and `R` the methods of all declared terms. Called once, after the terms are imported."""
    for declaration in TERMS.values():
        for name in (declaration.name, *declaration.aliases):
            if declaration.on in ("chain", "both"):
                setattr(Query, name, _method(declaration))
            if declaration.on in ("r", "both"):
                setattr(R, name, _r_method(declaration))
    for name in _COMPARISONS:
        setattr(Query, f"__{name}__", _operator(name))
    for name, python in {"add": "add", "sub": "sub", "mul": "mul", "div": "truediv", "mod": "mod"}.items():
        setattr(Query, f"__{python}__", _operator(name))
        setattr(Query, f"__r{python}__", _reflected(name))
    for name in ("and", "or"):
        setattr(Query, f"__{name}__", _operator(name, _Infix))
        setattr(Query, f"__r{name}__", _reflected(name, _Infix))
    setattr(Query, "__invert__", lambda self: call("not", self))  # noqa: B010 - mypy knows the class by its stub


def _runner(db: Runner | None, method: str) -> Runner:
    runner = _repl.runner if db is None else db
    if runner is None:
        raise ReqlDriverError(f"`{method}` needs a connection: query.{method}(db), or call db.repl() first.")
    if not hasattr(runner, "run_query"):
        raise ReqlDriverError(
            f"`{method}` must be given a connection to run on, as docstore.connect gives it, but found {describe(db)}."
        )
    return runner


def _chain_names() -> list[str]:
    return [name for name in dir(Query) if not name.startswith("_")]


def _no_such_term(what: str, name: str, names: list[str]) -> str:
    near = get_close_matches(name, names, n=1)
    return f"{what} has no method `{name}`" + (f": did you mean `{near[0]}`?" if near else ".")


def _levels_over(value: Value, limit: int) -> bool:
    """Whether plain data is nested more deeply than a limit."""
    if isinstance(value, Mapping | list | tuple):
        if limit <= 0:
            return True
        items = value.values() if isinstance(value, Mapping) else value
        return any(_levels_over(item, limit - 1) for item in items)
    return False
