"""Arrays changed: elements added, removed and replaced by place, and arrays as sets.

No array is changed in place: each term gives another one.
"""

from __future__ import annotations

from collections.abc import Iterator

from query.closures import Env, Transform
from query.errors import ReqlNonExistenceError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.registry import term
from query.runtime import Fields, Run
from query.term import Term
from query.values import Value, group_marker


@term(29)
def append(run: Run, array: list[Value], value: Value) -> list[Value]:
    """An array with one more element at its end.

    >>> r.expr([1, 2]).append(3).run(db)
    [1, 2, 3]
    """
    run.check_size(len(array) + 1)
    return [*array, value]


@term(80)
def prepend(run: Run, array: list[Value], value: Value) -> list[Value]:
    """An array with one more element at its start.

    >>> r.expr([1, 2]).prepend(0).run(db)
    [0, 1, 2]
    """
    run.check_size(len(array) + 1)
    return [value, *array]


@term(95)
def difference(sequence: object, other: object) -> object:
    """The elements of a sequence that are not in another one; what occurs twice stays twice.

    >>> r.expr([1, 1, 2, 3]).difference([2]).run(db)
    [1, 1, 3]
    """


@difference.transforms
def _(compiler: Compiler, node: Term, need: Fields) -> Transform:
    """As the filter that it is in RethinkDB: without elements the other sequence is not looked at, and null holds for none."""
    other = compiler.rows(node.args[1])

    def make(env: Env, rows: Iterator[Value]) -> Iterator[Value]:
        unwanted: set[object] | None = None
        for row in rows:
            if unwanted is None:
                try:
                    unwanted = set(map(group_marker, other(env)))
                except ReqlNonExistenceError:
                    return
            if group_marker(row) not in unwanted:
                yield row

    return Transform(None, make, selects=True)


# Arrays as sets


def _distinct(array: list[Value]) -> list[Value]:
    """Each element once, in the order in which they first occur."""
    found: dict[object, Value] = {}
    for item in array:
        found.setdefault(group_marker(item), item)
    return list(found.values())


@term(88)
def set_insert(run: Run, array: list[Value], value: Value) -> list[Value]:
    """The distinct elements of an array and a value.

    >>> r.expr([1, 2, 2]).set_insert(3).run(db)
    [1, 2, 3]
    """
    run.check_size(len(array) + 1)
    return _distinct([*array, value])


@term(90)
def set_union(run: Run, array: list[Value], other: list[Value]) -> list[Value]:
    """The distinct elements of two arrays.

    >>> r.expr([1, 2]).set_union([2, 3]).run(db)
    [1, 2, 3]
    """
    result = _distinct([*array, *other])
    run.check_size(len(result))
    return result


@term(89)
def set_intersection(array: list[Value], other: list[Value]) -> list[Value]:
    """The distinct elements that are in both arrays.

    >>> r.expr([1, 2, 3]).set_intersection([3, 2, 2]).run(db)
    [3, 2]
    """
    wanted = set(map(group_marker, array))
    return [item for item in _distinct(other) if group_marker(item) in wanted]


@term(91)
def set_difference(array: list[Value], other: list[Value]) -> list[Value]:
    """The distinct elements of an array that are not in another one.

    >>> r.expr([1, 1, 2, 3]).set_difference([2]).run(db)
    [1, 3]
    """
    unwanted = set(map(group_marker, other))
    return _distinct([item for item in array if group_marker(item) not in unwanted])


# Elements by place


def _place(index: int, end: int) -> int:
    """A place from 0 up to `end`, counted from there where it is negative; ReqlNonExistenceError beyond."""
    place = index + end if index < 0 else index
    if place < 0:
        raise ReqlNonExistenceError(f"Index out of bounds: {index}")
    return place


def _element(index: int, array: list[Value]) -> int:
    """The place of an element that is there."""
    place = _place(index, len(array))
    if place >= len(array):
        raise _out_of_bounds(place, array)
    return place


def _gap(index: int, array: list[Value]) -> int:
    """A place before an element or at the end, which is also -1."""
    place = _place(index, len(array) + 1)
    if place > len(array):
        raise _out_of_bounds(place, array)
    return place


def _out_of_bounds(place: int, array: list[Value]) -> ReqlNonExistenceError:
    return ReqlNonExistenceError(f"Index `{place}` out of bounds for array of size: `{len(array)}`.")


@term(82)
def insert_at(run: Run, array: list[Value], index: int, value: Value) -> list[Value]:
    """An array with one more element before a place; at its end for the place -1.

    Raises ReqlNonExistenceError where there is no such place.

    >>> r.expr([1, 3]).insert_at(1, 2).run(db)
    [1, 2, 3]
    """
    place = _gap(index, array)
    run.check_size(len(array) + 1)
    return [*array[:place], value, *array[place:]]


@term(85)
def splice_at(run: Run, array: list[Value], index: int, other: list[Value]) -> list[Value]:
    """An array with the elements of another one before a place; at its end for the place -1.

    Raises ReqlNonExistenceError where there is no such place.

    >>> r.expr([1, 4]).splice_at(1, [2, 3]).run(db)
    [1, 2, 3, 4]
    """
    place = _gap(index, array)
    run.check_size(len(array) + len(other))
    return [*array[:place], *other, *array[place:]]


@term(83)
def delete_at(array: list[Value], index: int, end: int | None = None) -> list[Value]:
    """An array without the element at a place, or without those from there up to the place `end`.

    Negative places count from the end. Raises ReqlNonExistenceError where there is no such place.

    >>> r.expr(["a", "b", "c", "d"]).delete_at(1, 3).run(db)
    ['a', 'd']
    """
    if end is None:
        place = _element(index, array)
        return array[:place] + array[place + 1 :]
    first, last = _place(index, len(array)), _place(end, len(array))
    for place in (first, last):
        if place > len(array):
            raise _out_of_bounds(place, array)
    if first > last:
        raise ReqlQueryLogicError(f"Start index `{first}` is greater than end index `{last}`.")
    return array[:first] + array[last:]


@term(84)
def change_at(array: list[Value], index: int, value: Value) -> list[Value]:
    """An array with another element at a place. Negative places count from the end.

    Raises ReqlNonExistenceError where there is no such place.

    >>> r.expr([1, 5, 3]).change_at(1, 2).run(db)
    [1, 2, 3]
    """
    place = _element(index, array)
    return [*array[:place], value, *array[place + 1 :]]
