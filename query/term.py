"""`Term`: one node of a query, frozen: what it is, its arguments, its options.

An argument or option is another Term or a value (`query.values`): plain data is one constant, however large, and not a
Term for each of its parts. A function is a Term of kind `FUNC`, its arguments the list of its variables' numbers and its
body; the variables in the body are Terms of kind `VAR`. An object with Terms in it is a Term of kind `MAKE_OBJ` whose
options are the fields.

**Shape and constants.** Queries that differ only in their constants are compiled once. So each Term carries its *shape*,
an integer that two Terms share exactly when they are the same but for the values (not the types) of their constants, and
its *constants*, in the order in which a walk meets them. Names that decide what a query does (tables, fields, options)
are part of the shape: the arguments of a `structural` kind, and every option. (The fields of a `MAKE_OBJ` are not: only
their names are.)

Shapes are numbered as they are met. The table of numbers is emptied when it is full, and numbers are never used twice,
so that a Term from before and one from after merely do not meet in the cache of compiled queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, Final, TypeAlias, final

from query.errors import ReqlDriverCompileError
from query.values import Bound, Value, equal, sort_key

MAX_DEPTH: Final = 200
"""Levels of a query: compiling and running recurse, and Python's own limit is 1,000 calls."""

_MAX_SHAPES: Final = 50_000
_shapes: dict[tuple[Any, ...], int] = {}
_next_shape: Final = count(1)
_kinds: Final[dict[int, Kind]] = {}


@final
class Kind:
    """What a Term is: its name in the language and its number on the wire.

    `structural`: the constants among its arguments are part of the shape. `expands`: an object among its arguments is
    always a `MAKE_OBJ`, so that its fields can be told apart when the query is compiled.
    """

    __slots__ = ("expands", "name", "number", "structural")

    def __init__(self, name: str, number: int, *, structural: bool = False, expands: bool = False) -> None:
        self.name = name
        self.number = number
        self.structural = structural
        self.expands = expands
        _kinds[number] = self

    def __reduce__(self) -> Any:
        return (_kind_of, (self.number,))

    def __repr__(self) -> str:
        return f"Kind({self.name!r}, {self.number})"


@final
class Source:
    """A Python iterable that a query reads while it runs, as `insert` takes one: a constant that is no value."""

    __slots__ = ("iterable",)

    def __init__(self, iterable: Any) -> None:
        self.iterable = iterable

    def __repr__(self) -> str:
        return f"<{type(self.iterable).__name__}>"


Argument: TypeAlias = Any
"""A Term or a value; `type(argument) is Term` tells."""

_INTS: Final = frozenset({int})
_NO_OPTIONS: Final[Mapping[str, Argument]] = {}


@final
class Term:
    """One node of a query. Equal when it is the same query, constants included; hashable; never changed."""

    __slots__ = ("_hash", "args", "constants", "depth", "kind", "options", "shape", "uses_row")

    kind: Kind
    args: tuple[Argument, ...]
    options: Mapping[str, Argument]
    shape: int
    constants: tuple[Value, ...]
    depth: int
    uses_row: bool

    def __init__(self, kind: Kind, args: tuple[Argument, ...], options: Mapping[str, Argument] = _NO_OPTIONS) -> None:
        self.kind = kind
        self.args = args
        self.options = options
        key: list[Any] = [kind]
        constants: list[Value] = []
        depth = -1 if kind is PARAMETER else 0  # it stands for a constant, which is no level
        uses_row = kind is IMPLICIT_VAR
        structural = kind.structural
        for arg in args:
            if type(arg) is Term:
                key.append(arg.shape)
                constants += arg.constants
                if arg.depth >= depth:
                    depth = arg.depth + 1
                uses_row = uses_row or arg.uses_row
            elif structural:
                key.append(_frozen(arg))
            else:
                key.append(type(arg))
                constants.append(arg)
        if options:
            structural = kind is not MAKE_OBJ
            for name, arg in options.items():
                key.append(name)
                if type(arg) is Term:
                    key.append(arg.shape)
                    constants += arg.constants
                    if arg.depth >= depth:
                        depth = arg.depth + 1
                    uses_row = uses_row or arg.uses_row
                elif structural:
                    key.append(_frozen(arg))
                else:
                    key.append(type(arg))
                    constants.append(arg)
        if depth > MAX_DEPTH:
            raise ReqlDriverCompileError(f"Nesting depth limit exceeded: a query may have {MAX_DEPTH} levels.")
        self.depth = depth
        self.uses_row = uses_row
        self.constants = tuple(constants)
        shape = _shapes.get(tuple(key))
        self.shape = _shape_of(tuple(key)) if shape is None else shape

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, Term)
            and self.kind is other.kind
            and len(self.args) == len(other.args)
            and self.options.keys() == other.options.keys()
            and all(map(same_argument, self.args, other.args))
            and all(same_argument(arg, other.options[name]) for name, arg in self.options.items())
        )

    def __hash__(self) -> int:
        return hash((self.kind.number, len(self.args), len(self.constants)))

    def __repr__(self) -> str:
        inside = [repr(arg) for arg in self.args] + [f"{name}={arg!r}" for name, arg in self.options.items()]
        return f"{self.kind.name}({', '.join(inside)})"

    def __reduce__(self) -> Any:
        # Shapes are numbers of this process.
        return (Term, (self.kind, self.args, dict(self.options)))

    def children(self) -> Iterator[Term]:
        """The Terms directly inside this one, arguments before options."""
        for arg in self.args:
            if type(arg) is Term:
                yield arg
        for arg in self.options.values():
            if type(arg) is Term:
                yield arg

    def with_constants(
        self, args: tuple[Argument, ...], options: Mapping[str, Argument], constants: tuple[Value, ...]
    ) -> Term:
        """This Term with other constants of the same types, at the same places: so nothing else about it is another."""
        term = _new_term(Term)
        term.kind = self.kind
        term.args = args
        term.options = options
        term.shape = self.shape
        term.constants = constants
        term.depth = self.depth
        term.uses_row = self.uses_row
        return term

    def replace_children(self, change: Callable[[Argument], Argument]) -> Term:
        """This Term with `change` applied to every argument and option; itself where nothing changed."""
        args = tuple([change(arg) for arg in self.args])
        options = {name: change(arg) for name, arg in self.options.items()} if self.options else self.options
        if all(new is old for new, old in zip(args, self.args, strict=True)) and all(
            options[name] is old for name, old in self.options.items()
        ):
            return self
        return Term(self.kind, args, options)


_new_term: Final = Term.__new__

VAR: Final = Kind("var", 10, structural=True)
IMPLICIT_VAR: Final = Kind("row", 13)
FUNC: Final = Kind("func", 69, structural=True)
MAKE_ARRAY: Final = Kind("make_array", 2)
MAKE_OBJ: Final = Kind("make_obj", 3)
PARAMETER: Final = Kind("parameter", -1, structural=True)
"""A constant taken out of a query that is compiled: its arguments are its place among the constants and its type."""


def same_argument(left: Argument, right: Argument) -> bool:
    """Whether two arguments are the same part of a query; 1 and 1.0 are not."""
    if isinstance(left, Term) or isinstance(right, Term):
        return bool(left == right)
    return type(left) is type(right) and (left is right or (not isinstance(left, Source) and equal(left, right)))


_PARTS: Final = frozenset({Term, Bound})


def make_array(items: list[Argument]) -> Argument:
    """An array of values and Terms: a plain value where there is no Term in it, and no bound, which is no result."""
    return Term(MAKE_ARRAY, tuple(items)) if any(type(item) in _PARTS for item in items) else items


def make_object(fields: dict[str, Argument]) -> Argument:
    """An object of values and Terms: a plain value where there is no Term in it, and no bound."""
    return Term(MAKE_OBJ, (), fields) if any(type(item) in _PARTS for item in fields.values()) else fields


def expand(argument: Argument) -> Argument:
    """An argument of a kind that `expands`: an object, and objects inside it, as `MAKE_OBJ`."""
    if type(argument) is dict:
        return Term(MAKE_OBJ, (), {name: expand(item) for name, item in argument.items()})
    if type(argument) is Term and argument.kind is MAKE_OBJ:
        return Term(MAKE_OBJ, (), {name: expand(item) for name, item in argument.options.items()})
    return argument


def walk(argument: Argument) -> Iterator[Term]:
    """Every Term of a query, each before what is inside it."""
    if type(argument) is Term:
        yield argument
        for child in argument.children():
            yield from walk(child)


def _kind_of(number: int) -> Kind:
    return _kinds[number]


def _frozen(value: Value) -> Any:
    kind = type(value)
    if kind is str or kind is int:
        return (value,)
    if kind is list and _INTS.issuperset(map(type, value)):  # the variables of a function
        return (list, *value)
    if kind is Source:
        return id(value)
    return (kind, repr(value) if kind is float else sort_key(value))


def _shape_of(key: tuple[Any, ...]) -> int:
    if len(_shapes) >= _MAX_SHAPES:
        _shapes.clear()
    return _shapes.setdefault(key, next(_next_shape))
