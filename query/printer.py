"""Queries as the Python text that builds them, as RethinkDB's Python driver prints them.

    r.table('posts').filter(lambda var_1: (var_1['stars'] > 3))

Evaluated with `r`, `datetime` and `Vector` at hand, the text of `print_query` gives an equal Term. (Not quite: a Term
that did not come from `query.builder` may number its variables in another way; and an iterable that a query reads is
printed by its type alone.)

`underline` prints the text and, on a line below, carets under one part of it. A part is found by its *path*:
from the root, the place of an argument or the name of an option, again and again. For errors long data is cut short with `...`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from query.annotations import takes_function
from query.literals import literal, shortened
from query.operators import COMPARISONS, LOGIC, OPERATORS
from query.registry import BY_KIND, Declaration
from query.term import FUNC, IMPLICIT_VAR, MAKE_ARRAY, MAKE_OBJ, VAR, Argument, Term, walk
from query.values import Bound

Path: TypeAlias = tuple[int | str, ...]

LINE_WIDTH: Final = 100
"""Columns after which the text of an error is continued on another line."""

LINES_AROUND: Final = 3
"""Lines that an error shows before and after the one in which the failed part begins."""

EXPR_NESTING: Final = 20
"""Levels that `r.expr` takes without being told to take more."""

SHORT_DATA: Final = 60
"""Characters of one constant that an error shows."""

_ON_R: Final = frozenset({"branch"})
"""Terms that are printed on `r` though they could stand in a chain: what a branch stands on is its first test."""

_OF_DATABASE: Final = frozenset({"table_create", "table_drop", "table_list"})
"""Terms that stand on a database or, printed on `r`, take a name alone."""


def print_query(argument: Argument) -> str:
    """The text of a Term or a value.

    >>> print_query({"a": [1, None]})
    "{'a': [1, None]}"
    """
    printer = _Printer(None, None)
    printer.argument(argument, (), True)
    return printer.text()


def print_short(argument: Argument, width: int = 400) -> str:
    """The text of a Term or a value for a person to glance at: long data, and what is still too long, cut short."""
    printer = _Printer(None, SHORT_DATA)
    printer.argument(argument, (), True)
    text = printer.text()
    return text if len(text) <= width else f"{text[: width - 3]}..."


def underline(root: Argument, target: Term | Path) -> str:
    """The text of a query, each line followed by carets where the part at a path, or a Term of the query, stands in it.

        r.table('posts').filter((r.row['stars'] > 'a'))
                                 ^^^^^^^^^^^^^^

    Of a long text the lines around that part are shown. Without carets where the Term is no part of the query.
    """
    path = path_to(root, target) if isinstance(target, Term) else target
    printer = _Printer(path, SHORT_DATA)
    printer.part(root, ())
    text, (start, end) = printer.text(), printer.span
    lines = _lines(text)
    failed = max([index for index, (first, _) in enumerate(lines) if first <= start])
    shown = slice(max(0, failed - LINES_AROUND), failed + LINES_AROUND + 1)
    result = ["..."] if shown.start > 0 else []
    for first, last in lines[shown]:
        result.append(text[first:last])
        left, right = max(start, first), min(end, last)
        if left < right:
            result.append(" " * (left - first) + "^" * (right - left))
    if shown.stop < len(lines):
        result.append("...")
    return "\n".join(result)


def path_to(root: Argument, target: Term) -> Path | None:
    """The path from the root of a query to a Term of it, by identity; None where it is no part of it."""
    if root is target:
        return ()
    if type(root) is Term:
        for step, child in steps(root):
            path = path_to(child, target)
            if path is not None:
                return (step, *path)
    return None


def steps(term: Term) -> list[tuple[int | str, Argument]]:
    """The arguments and options of a Term, each with its step in a path."""
    return [*enumerate(term.args), *term.options.items()]


class _Printer:
    """One text that is being written, and where in it the part at a path stands."""

    def __init__(self, target: Path | None, limit: int | None) -> None:
        self.target = target
        self.limit = limit
        self.pieces: list[str] = []
        self.length = 0
        self.span = (0, 0)

    def text(self) -> str:
        return "".join(self.pieces)

    def put(self, text: str) -> None:
        self.pieces.append(text)
        self.length += len(text)

    def part(self, node: Argument, path: Path) -> None:
        """The text of one part, where any expression may stand."""
        start = self.length
        if type(node) is not Term:
            self.put(literal(node) if self.limit is None else shortened(node, self.limit))
        elif node.kind in _SPECIAL:
            _SPECIAL[node.kind](self, node, path)
        else:
            self.declared(node, path)
        if path == self.target:
            self.span = (start, self.length)

    def base(self, node: Argument, path: Path) -> None:
        """The text of a part on which a method or an operator stands: data and functions need `r.expr`."""
        if type(node) is Bound or (type(node) is Term and node.kind not in (FUNC, MAKE_ARRAY, MAKE_OBJ)):
            self.part(node, path)
        else:
            self.put("r.expr(")
            self.part(node, path)
            levels = _levels(node)
            self.put(f", {levels})" if levels > EXPR_NESTING else ")")

    # Terms that are syntax

    def variable(self, node: Term, path: Path) -> None:
        self.put(f"var_{node.args[0]}")

    def row(self, node: Term, path: Path) -> None:
        self.put("r.row")

    def function(self, node: Term, path: Path) -> None:
        names = ", ".join([f"var_{number}" for number in node.args[0]])
        self.put(f"lambda {names}: " if names else "lambda: ")
        self.part(node.args[1], (*path, 1))

    def array(self, node: Term, path: Path) -> None:
        self.put("[")
        for index, item in enumerate(node.args):
            self.put(", " if index else "")
            self.part(item, (*path, index))
        self.put("]")

    def object(self, node: Term, path: Path) -> None:
        self.put("{")
        for index, (name, item) in enumerate(node.options.items()):
            self.put(f"{', ' if index else ''}{name!r}: ")
            self.part(item, (*path, name))
        self.put("}")

    # Declared terms

    def declared(self, node: Term, path: Path) -> None:
        name = node.kind.name
        if node.kind.number < 0:
            self.put(f"<{name}>")
        elif name in OPERATORS and _is_infix(node):
            self.infix(node, path)
        elif name == "not" and len(node.args) == 1 and not node.options:
            self.put("(~")
            self.base(node.args[0], (*path, 0))
            self.put(")")
        elif name == "bracket" and len(node.args) == 2 and not node.options:
            self.base(node.args[0], (*path, 0))
            self.put("[")
            self.part(node.args[1], (*path, 1))
            self.put("]")
        elif name == "slice" and _is_slice(node):
            self.slice(node, path)
        else:
            self.method(node, path)

    def infix(self, node: Term, path: Path) -> None:
        self.put("(")
        self.base(node.args[0], (*path, 0))
        self.put(f" {OPERATORS[node.kind.name].symbol} ")
        self.part(node.args[1], (*path, 1))
        self.put(")")

    def slice(self, node: Term, path: Path) -> None:
        self.base(node.args[0], (*path, 0))
        self.put("[")
        self.part(node.args[1], (*path, 1))
        self.put(":")
        if not node.options:
            self.part(node.args[2], (*path, 2))
        self.put("]")

    def method(self, node: Term, path: Path) -> None:
        """A call: on what the chain stands on, or on `r`."""
        declaration = BY_KIND.get(node.kind)
        name = declaration.methods[0] if declaration is not None and declaration.methods else node.kind.name
        first = 1 if declaration is None or _is_chained(node, declaration) else 0
        if first and node.args:
            self.base(node.args[0], (*path, 0))
        else:
            self.put("r")
        if declaration is not None and declaration.constant and not node.args and not node.options:
            self.put(f".{name}")
            return
        self.put(f".{name}(")
        separator = ""
        for index, arg in enumerate(node.args[first:], first):
            self.put(separator)
            if declaration is not None and "checks_given" in declaration.hooks and type(arg) is not bytes:
                self.base(arg, (*path, index))  # what a query gives, and not Python's
            else:
                self.argument(arg, (*path, index), _takes_function(declaration, index))
            separator = ", "
        for name, arg in node.options.items():
            self.put(f"{separator}{name}=")
            self.argument(arg, (*path, name), _takes_function(declaration, name))
            separator = ", "
        self.put(")")

    def argument(self, node: Argument, path: Path, may_be_function: bool) -> None:
        """An argument of a call: where a function may stand, one that came from `r.row` is printed as it came."""
        if type(node) is Term and node.kind is FUNC and may_be_function and _is_of_row(node):
            start = self.length
            self.part(node.args[1], (*path, 1))
            if path == self.target:
                self.span = (start, self.length)
        else:
            self.part(node, path)


_SPECIAL: Final[dict[Any, Callable[[_Printer, Term, Path], None]]] = {
    VAR: _Printer.variable,
    IMPLICIT_VAR: _Printer.row,
    FUNC: _Printer.function,
    MAKE_ARRAY: _Printer.array,
    MAKE_OBJ: _Printer.object,
}


def _is_infix(node: Term) -> bool:
    """Whether a term of an operator can be written with it, and Python will read it as the same term."""
    if len(node.args) != 2 or node.options or any(type(arg) is Term and arg.kind is FUNC for arg in node.args):
        return False
    # `(a & b) == c` is refused by the builder, as what is often meant is `a & (b == c)`.
    return node.kind.name not in COMPARISONS or not any(
        type(arg) is Term and arg.kind.name in LOGIC and _is_infix(arg) for arg in node.args
    )


def _is_slice(node: Term) -> bool:
    if len(node.args) != 3 or any(arg is None or (type(arg) is Term and arg.kind is FUNC) for arg in node.args[1:]):
        return False
    return not node.options or (
        node.options == {"right_bound": "closed"} and type(node.args[2]) is int and node.args[2] == -1
    )


def _is_chained(node: Term, declaration: Declaration) -> bool:
    if declaration.on != "both":
        return declaration.on == "chain"
    if not node.args or declaration.name in _ON_R:
        return False
    first = node.args[0]
    if type(first) is Term:
        return first.kind is not FUNC and first.kind.name != "args"
    # `r.table('posts')`, but `r.expr([1]).map(...)`
    return bool(declaration.arguments) and declaration.name not in _OF_DATABASE


def _takes_function(declaration: Declaration | None, place: int | str) -> bool:
    """Whether an argument or option may be a function; the text of errors is of terms that have too many of them too."""
    if declaration is None:
        return False
    parameter = declaration.options.get(place) if isinstance(place, str) else declaration.parameter(place)
    return parameter is not None and takes_function(parameter.annotation)


def _is_of_row(function: Term) -> bool:
    """Whether a function was made of an expression of `r.row`, and can be printed as that expression.

    Such an expression is built before its function is: the functions inside it have numbers from the same on.
    """
    numbers, body = function.args
    if len(numbers) != 1 or type(body) is not Term or not body.uses_row or _uses(body, numbers[0]):
        return False
    inner = next((term for term in walk(body) if term.kind is FUNC and term.args[0]), None)
    return inner is None or bool(inner.args[0][0] == numbers[0])


def _uses(node: Term, number: int) -> bool:
    """Whether a variable of a function around it is used in a Term."""
    if node.kind is VAR:
        return bool(node.args[0] == number)
    if node.kind is FUNC and number in node.args[0]:
        return False
    return any(_uses(child, number) for child in node.children())


def _lines(text: str) -> list[tuple[int, int]]:
    """Where the lines of a text begin and end, cut after a space or before the dot of a method."""
    lines = []
    first = 0
    while len(text) - first > LINE_WIDTH:
        last = first + LINE_WIDTH
        cut = max(text.rfind(" ", first, last), text.rfind(").", first, last), text.rfind("].", first, last)) + 1
        last = cut if cut > first + LINE_WIDTH // 2 else last
        lines.append((first, last))
        first = last
    return [*lines, (first, len(text))]


def _levels(argument: Argument) -> int:
    """The levels of arrays and objects in an argument as it is printed."""
    if type(argument) is Term:
        items = argument.args if argument.kind is MAKE_ARRAY else tuple(argument.options.values())
        return 1 + max(map(_levels, items), default=0) if argument.kind in (MAKE_ARRAY, MAKE_OBJ) else 0
    if type(argument) is list:
        return 1 + max(map(_levels, argument), default=0)
    return 1 + max(map(_levels, argument.values()), default=0) if type(argument) is dict else 0
