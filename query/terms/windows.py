"""Parts of a sequence by place: `skip`, `limit`, `slice`, and the single element, `nth`.

Of an array they give an array, of a stream a stream that is read no further than it has to be, of a selection a
selection. Only what has a length can be counted from its end.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from query.arguments import union_of, whole_number
from query.closures import Closure, Env, KeepMaker, located
from query.errors import ReqlNonExistenceError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.registry import term
from query.runtime import Fields, Row, Stream, sequence_error, type_error
from query.tables import is_open
from query.term import Term
from query.terms.ordering import first_rows, order_by
from query.type_names import runtime_type_name
from query.values import VALUE_TYPES, Bound, Value


class Window(NamedTuple):
    """Which rows to take, from `first` up to and without `end`; None is the end of the sequence."""

    first: int
    end: int | None


class Windows(NamedTuple):
    """What makes the window within one execution: of a stream, and of something with that many elements."""

    of_stream: Callable[[Env], Window]
    of_length: Callable[[Env, int], Window]
    takes_text: bool


def _windows_of(compiler: Compiler, node: Term) -> Windows:
    return _limit_windows(compiler, node) if node.kind is limit.kind else _slice_windows(compiler, node)


def _limit_windows(compiler: Compiler, node: Term) -> Windows:
    count = _limit_count(compiler, node)
    return Windows(lambda env: Window(0, count(env)), lambda env, _: Window(0, count(env)), False)


def _limit_count(compiler: Compiler, node: Term) -> Callable[[Env], int]:
    number = whole_number(compiler, node.args[1], node)

    def count(env: Env) -> int:
        found = number(env)
        if not 0 <= found < 2**31:
            _check_place(found, node)
            raise ReqlQueryLogicError(f"LIMIT takes a non-negative argument (got {found})", node)
        return found

    return count


def _slice_windows(compiler: Compiler, node: Term) -> Windows:
    first = whole_number(compiler, node.args[1], node)
    last = whole_number(compiler, node.args[2], node) if len(node.args) > 2 else None
    left = compiler.value(node.options.get("left_bound", "closed"))
    right = compiler.value(node.options.get("right_bound", "open"))

    def numbers(env: Env) -> tuple[int, bool, int, bool]:
        left_open = is_open(left(env), "left_bound")
        if last is None:
            return first(env), left_open, -1, False
        return first(env), left_open, last(env), is_open(right(env), "right_bound")

    def of_stream(env: Env) -> Window:
        low, left_open, high, right_open = numbers(env)
        if low < 0:
            raise ReqlQueryLogicError("Cannot use a negative left index on a stream.", node)
        if high < -1:
            raise ReqlQueryLogicError("Cannot use a right index < -1 on a stream.", node)
        if high == -1 and right_open:
            raise ReqlQueryLogicError("Cannot slice to an open right index of -1 on a stream.", node)
        low += left_open
        return Window(min(low, sys.maxsize), None if high == -1 else min(high + (not right_open), sys.maxsize))

    def of_length(env: Env, length: int) -> Window:
        low, left_open, high, right_open = numbers(env)
        low = max(low + length, 0) if -length <= low < 0 else low
        low = low + left_open if low >= 0 else 0
        high = high + length if -length <= high < 0 else high
        high = high + (not right_open) if high >= 0 else 0
        return Window(low, high)

    return Windows(of_stream, of_length, True)


def _window(compiler: Compiler, node: Term) -> Closure:
    windows, first = _windows_of(compiler, node), node.args[0]
    source, stream_rows = compiler.sequence(node, first, lambda: compiler.rows(first))

    def window(env: Env) -> Any:
        found = source(env)
        if type(found) is Row and windows.takes_text:
            found = found.value
        if type(found) is Stream:
            first, end = windows.of_stream(env)
            rows = (lambda: stream_rows(env)) if stream_rows else found.rows
            return found.selected(lambda: islice(rows(), first, end))
        if type(found) is list or (windows.takes_text and type(found) in (str, bytes)):
            first, end = windows.of_length(env, len(found))
            return found[first:end]
        if windows.takes_text and type(found) not in VALUE_TYPES and type(found) is not Bound:
            raise ReqlQueryLogicError("Cannot slice non-sequences.", node)
        if windows.takes_text:
            name = runtime_type_name(found)
            raise ReqlQueryLogicError(f"Expected ARRAY, BINARY, or STRING, but found {name}.", node)
        raise located(sequence_error(found), node)

    return window


def _window_rows(compiler: Compiler, node: Term, need: Fields, keep: KeepMaker) -> Closure:
    if not compiler.is_stream(node.args[0]):
        return compiler.rows_of_any(node, keep)
    windows = _windows_of(compiler, node)
    inner = need if keep is None else union_of(need, keep.fields) if need is not None else None
    source = compiler.rows(node.args[0], inner)

    def rows(env: Env) -> Iterator[Value]:
        first, end = windows.of_stream(env)
        taken = islice(source(env), first, end)
        return taken if keep is None else filter(keep(env).test, taken)

    return rows


def _window_streams(compiler: Compiler, node: Term) -> bool:
    return compiler.is_stream(node.args[0])


@term(70)
def skip(sequence: object, count: int) -> object:
    """All but the first `count` elements; of an array, a negative count gives the last ones.

    >>> r.expr([1, 2, 3]).skip(1).run(db)
    [2, 3]
    """


@term(71)
def limit(sequence: object, count: int) -> object:
    """The first `count` elements. After an `order_by` without an index, only so many rows are held in memory.

    >>> r.expr([1, 2, 3]).limit(2).run(db)
    [1, 2]
    """


@term(30, name="slice")
def slice_(
    sequence: object, first: int, end: int | None = None, *, left_bound: str = "closed", right_bound: str = "open"
) -> object:
    """The elements from place `first` up to `end`, or to the end of the sequence; also written `sequence[first:end]`.

    `left_bound` and `right_bound` (`"open"` or `"closed"`) say whether the elements at the two places are taken. Negative
    places count from the end of an array; a stream has none, but -1 with `right_bound="closed"`. Strings and binaries
    have slices too.

    >>> r.expr([0, 1, 2, 3]).slice(1, 3).run(db)
    [1, 2]
    >>> r.expr("hello")[1:-1].run(db)
    'ell'
    """


for _declaration in (skip, slice_):
    _declaration.compiles(_window)
for _declaration in (skip, limit, slice_):
    _declaration.compiles_rows(_window_rows)
    _declaration.streams(_window_streams)


@limit.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    source = node.args[0]
    if (
        type(source) is Term
        and source.kind is order_by.kind
        and "index" not in source.options
        and not compiler.is_special(source)
    ):
        return first_rows(compiler, source, _limit_count(compiler, node))
    return _window(compiler, node)


# Single elements


@term(45)
def nth(sequence: object, index: int) -> object:
    """The element at a place, from 0; -1 is the last one. Also written `sequence[index]`.

    Further negative places count from the end of an array, and are an error for a stream. Raises ReqlNonExistenceError
    where there is no such element. Of a selection it is a row that can be updated.

    >>> r.expr([1, 2, 3]).nth(-1).run(db)
    3
    """


@nth.compiles
def _(compiler: Compiler, node: Term) -> Closure:
    first, index = node.args[0], whole_number(compiler, node.args[1], node)
    source, stream_rows = compiler.sequence(node, first, lambda: compiler.rows(first))

    def element(env: Env) -> Any:
        found, place = source(env), index(env)
        if type(found) is list:
            return _element(found, place, node)
        if type(found) is not Stream:
            raise located(type_error("ARRAY", found) if type(found) is Row else sequence_error(found), node)
        row = _nth_row(stream_rows(env) if stream_rows else found.rows(), place, node)
        return row if found.table is None else Row(found.table, row[found.table.primary_key], row)

    return element


def _element(array: list[Value], place: int, node: Term) -> Value:
    if not -len(array) <= place < len(array):
        _check_place(place, node)
        raise ReqlNonExistenceError(f"Index out of bounds: {place}", node)
    return array[place]


def _check_place(place: int, node: Term) -> None:
    if not -(2**31) <= place < 2**31:
        raise ReqlQueryLogicError(f"Integer too large: {place}", node)


def _nth_row(rows: Iterator[Value], place: int, node: Term) -> Value:
    _check_place(place, node)
    if place < -1:
        raise ReqlQueryLogicError(f"Cannot use an index < -1 ({place}) on a stream.", node)
    missing: Any = _NOTHING
    row = missing
    if place == -1:
        for row in rows:  # noqa: B007 - the last one is what is wanted
            pass
    else:
        row = next(islice(rows, min(place, sys.maxsize), None), missing)
    if row is missing:
        raise ReqlNonExistenceError(f"Index out of bounds: {place}", node)
    return row


_NOTHING: Final = object()
