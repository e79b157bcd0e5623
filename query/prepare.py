"""Prepared queries: a function of values that gives a query is called once for each combination of their types.

How a `Template` is made, and why it can be relied on:

1. The function is called with *holes* in place of the values. A hole may become an argument of a term, and nothing else: what
   would look at its value (a comparison in Python, arithmetic, `if`, formatting, a key of a dict) gives the function up.
2. It is called with the values themselves, and what it gave the first time, with the values in the holes, must be the same
   query. That catches what a hole cannot notice (`type(x)`), and values that the builder itself treats in other ways: those
   inside a list, or where a name belongs.
3. Other values of the same types give the same shape, so a later call copies the Terms from the root to the holes, and no
   others.

Where no template can be made, `template_of` gives None, and the query is to be built each time.

Numbers, strings and bytes have holes. None is passed as it is, its type being its value; everything else has no template.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

from query.annotations import accepted
from query.builder import Query
from query.convert import Chain, to_argument
from query.registry import BY_KIND
from query.term import MAKE_OBJ, Argument, Kind, Source, Term, walk
from query.values import Value

Build: TypeAlias = Callable[..., Any]
Fill: TypeAlias = Callable[[Sequence[Value]], Term]


class Template(NamedTuple):
    """A query for values of some types, all of which give its shape. The values must be valid ones."""

    fill: Fill
    """The query for values."""
    table: int | None
    """The shape of the table of which the query gets a document by its only value; None where it is another query."""


_HOLE: Final = Kind("hole", -2, structural=True)
_HOLE_TYPES: Final = frozenset({str, int, float, bytes})


class _GivenUpError(BaseException):
    """A hole was looked at, or stands where its value matters. No Exception, so that a function does not catch it."""


class _Slot:
    """A hole among the constants of a Term."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


def _give_up(*_: Any) -> NoReturn:
    raise _GivenUpError


def _left_to_query(_: Any, other: Any) -> Any:
    """An operator that a query on the other side takes over."""
    if type(other) is _Hole or not isinstance(other, Query):
        raise _GivenUpError
    return NotImplemented


class _Hole(Chain):
    """What stands for a value. It calls itself a Query, which is what the builder asks of an argument."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return Query

    def __getattr__(self, name: str) -> NoReturn:
        _give_up()


_OPERATORS: Final = (
    *("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "floordiv", "rfloordiv", "mod", "rmod"),
    *("pow", "rpow", "and", "rand", "or", "ror", "xor", "rxor", "lshift", "rlshift", "rshift", "rrshift"),
    *("eq", "ne", "lt", "le", "gt", "ge"),
)
_LOOKS: Final = (
    *(
        "bool",
        "len",
        "iter",
        "next",
        "contains",
        "getitem",
        "str",
        "repr",
        "format",
        "int",
        "float",
        "index",
        "complex",
    ),
    *(
        "neg",
        "pos",
        "abs",
        "invert",
        "round",
        "trunc",
        "floor",
        "ceil",
        "bytes",
        "hash",
        "call",
        "reversed",
        "reduce_ex",
    ),
)
for _name in _OPERATORS:
    setattr(_Hole, f"__{_name}__", _left_to_query)
for _name in _LOOKS:
    setattr(_Hole, f"__{_name}__", _give_up)


def built(build: Build, values: Sequence[Any]) -> Argument:
    """What the function gives for values, as a Term or a value."""
    return to_argument(build(*values), Query)


def template_of(build: Build, values: Sequence[Any], query: Argument) -> Template | None:
    """The template for values of these types, `query` being what they give; None where there can be none."""
    if type(query) is not Term or not all(value is None or type(value) in _HOLE_TYPES for value in values):
        return None
    if any(type(constant) is Source for node in walk(query) for constant in node.constants):
        return None
    given = [None if value is None else _Hole(Term(_HOLE, (number,))) for number, value in enumerate(values)]
    try:
        root = built(build, given)
        if type(root) is not Term or root.kind is _HOLE or _filled(root, values) != query:
            return None
        marked = _filled(root, [_Slot(number) for number in range(len(values))])
        return Template(_template(marked, query), _table_of(marked) if len(values) == 1 else None)
    except _GivenUpError:
        return None


def _table_of(marked: Term) -> int | None:
    is_get = marked.kind.name == "get" and type(marked.args[1]) is _Slot
    source = marked.args[0]
    return source.shape if is_get and type(source) is Term and source.kind.name == "table" else None


def _filled(node: Argument, values: Sequence[Any]) -> Any:
    """A tree with the holes replaced."""
    if type(node) is not Term:
        return node
    if node.kind is _HOLE:
        return values[node.args[0]]
    arguments = node.args if node.kind.structural else ()
    options = () if node.kind is MAKE_OBJ else node.options.values()
    if any(type(one) is Term and one.kind is _HOLE for one in (*arguments, *options)):
        raise _GivenUpError  # a name there decides what the query does
    return node.replace_children(lambda child: _filled(child, values))


def _template(marked: Term, query: Term) -> Fill:
    """`query` with what its twin has marked to be replaced."""
    constants, places = query.constants, _slots(marked.constants)
    args, slots = query.args, _slots(marked.args)
    inner = [(index, _template(child, args[index])) for index, child in enumerate(marked.args) if _has_slots(child)]
    _check_free(marked, query, [index for index, _ in slots])
    names = {name: child for name, child in marked.options.items() if type(child) is _Slot or _has_slots(child)}
    if names:
        return _template_with_options(marked, query, names)
    if not inner and len(slots) == 1 and len(constants) == 1:
        index, number = slots[0]
        before, after = args[:index], args[index + 1 :]

        def fill_one(values: Sequence[Value]) -> Term:
            value = values[number]
            return query.with_constants((*before, value, *after), query.options, (value,))

        return fill_one

    def fill(values: Sequence[Value]) -> Term:
        return query.with_constants(replaced(values), query.options, _replaced(constants, places, values))

    def replaced(values: Sequence[Value]) -> tuple[Argument, ...]:
        found = list(args)
        for index, number in slots:
            found[index] = values[number]
        for index, template in inner:
            found[index] = template(values)
        return tuple(found)

    return fill


def _template_with_options(marked: Term, query: Term, names: dict[str, Any]) -> Fill:
    """The same for a Term with slots inside its options, or among the fields of an object."""
    places = _slots(marked.constants)
    slots = [(name, child.number) for name, child in names.items() if type(child) is _Slot]
    inner = [(name, _template(child, query.options[name])) for name, child in names.items() if type(child) is not _Slot]
    head = Term(marked.kind, marked.args) if marked.args else None
    plain = None if head is None else _template(head, Term(query.kind, query.args))

    def fill(values: Sequence[Value]) -> Term:
        options = dict(query.options)
        for name, number in slots:
            options[name] = values[number]
        for name, template in inner:
            options[name] = template(values)
        args = query.args if plain is None else plain(values).args
        return query.with_constants(args, options, _replaced(query.constants, places, values))

    return fill


def _slots(items: Sequence[Any]) -> list[tuple[int, int]]:
    return [(index, item.number) for index, item in enumerate(items) if type(item) is _Slot]


def _has_slots(argument: Argument) -> bool:
    return type(argument) is Term and any(type(constant) is _Slot for constant in argument.constants)


def _replaced(
    constants: tuple[Value, ...], places: list[tuple[int, int]], values: Sequence[Value]
) -> tuple[Value, ...]:
    found = list(constants)
    for place, number in places:
        found[place] = values[number]
    return tuple(found)


def _check_free(marked: Term, query: Term, indexes: list[int]) -> None:
    """Give up where the builder refuses a constant for more than its type."""
    declaration = BY_KIND.get(query.kind)
    if declaration is None or not indexes:
        return
    if {"checks", "checks_given"} & declaration.hooks.keys():
        _give_up()
    for index in indexes:
        parameter = declaration.parameter(index)
        wanted = None if parameter is None else accepted(parameter.annotation)
        if wanted is not None and wanted.whole and type(query.args[index]) is float:
            _give_up()
