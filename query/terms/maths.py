"""Arithmetic: on numbers, and where it has a meaning on strings, arrays and times.

`+ - * %` of whole numbers is exact; a result beyond 64 bits, and a quotient that is not whole, is a float; what is beyond
the range of floats is an error.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import reduce
from typing import Final, TypeAlias

from query.closures import Closure, Env, located
from query.errors import ReqlError, ReqlQueryLogicError
from query.evaluate import Compiler
from query.json_text import is_whole, number_error
from query.registry import term
from query.runtime import Run, type_error
from query.term import Term
from query.times import milliseconds, time_at
from query.values import MAX_INT, MIN_INT, Time, Value, check_number

Step: TypeAlias = Callable[[Run, Value, Value], Value]


@term(24, on="both")
def add(left: Value, *more: Value) -> Value:
    """The sum of numbers, of a time and seconds; strings and arrays are put together. Written `left + right`.

    >>> (r.expr(1) + 2).run(db)
    3
    >>> r.add("a", "b", "c").run(db)
    'abc'
    """


@term(25, on="both")
def sub(left: Value, *more: Value) -> Value:
    """The difference of numbers, the seconds between two times, or a time so many seconds before. Written `left - right`.

    >>> (r.expr(3) - 1).run(db)
    2
    """


@term(26, on="both")
def mul(left: Value, *more: Value) -> Value:
    """The product of numbers, or an array repeated. Written `left * right`.

    >>> (r.expr([1, 2]) * 2).run(db)
    [1, 2, 1, 2]
    """


@term(27, on="both")
def div(left: Value, *more: Value) -> Value:
    """The quotient of numbers, whole where it can be. Written `left / right`.

    Raises ReqlQueryLogicError for a division by zero.

    >>> (r.expr(4) / 2).run(db), (r.expr(1) / 2).run(db)
    (2, 0.5)
    """


@term(28, on="both")
def mod(left: int, right: int) -> int:
    """The remainder of a division of whole numbers; it has the sign of `left`. Written `left % right`.

    >>> (r.expr(-7) % 3).run(db)
    -1
    """
    if right == 0:
        raise ReqlQueryLogicError("Cannot take a number modulo 0.")
    rest = abs(left) % abs(right)
    return rest if left >= 0 else -rest


def _are_numbers(left: Value, right: Value) -> bool:
    """Whether both are numbers; ReqlQueryLogicError where only the left one is."""
    if type(left) is not int and type(left) is not float:
        return False
    _check_number(right)
    return True


def _check_number(value: Value) -> None:
    if type(value) is not int and type(value) is not float:
        raise type_error("NUMBER", value)


def _add(run: Run, left: Value, right: Value) -> Value:
    if type(left) is Time or type(right) is Time:
        moment, seconds = (left, right) if type(left) is Time else (right, left)
        return _later(moment, seconds, 1)
    if _are_numbers(left, right):
        return check_number(left + right)
    if type(left) is str:
        if type(right) is not str:
            raise type_error("STRING", right)
        return left + right
    if type(left) is list:
        if type(right) is not list:
            raise type_error("ARRAY", right)
        run.check_size(len(left) + len(right))
        return left + right
    raise type_error("NUMBER", left)


def _sub(run: Run, left: Value, right: Value) -> Value:
    if type(left) is Time:
        if type(right) is Time:
            return _quotient(left.epoch_microseconds - right.epoch_microseconds, 1_000_000)
        return _later(left, right, -1)
    if _are_numbers(left, right):
        return check_number(left - right)
    raise type_error("NUMBER", left)


def _later(moment: Time, seconds: Value, sign: int) -> Time:
    _check_number(seconds)
    return time_at(moment.epoch_microseconds + sign * milliseconds(seconds) * 1000, moment.offset_minutes)


def _mul(run: Run, left: Value, right: Value) -> Value:
    if type(left) is list or type(right) is list:
        array, times = (left, right) if type(left) is list else (right, left)
        _check_number(times)
        if type(times) is float and not is_whole(times):
            raise number_error(times)
        if times < 0:
            raise ReqlQueryLogicError("Cannot multiply an ARRAY by a negative number.")
        run.check_size(len(array) * int(times))
        return array * int(times)
    if _are_numbers(left, right):
        return check_number(left * right)
    raise type_error("NUMBER", left)


def _div(run: Run, left: Value, right: Value) -> Value:
    if not _are_numbers(left, right):
        raise type_error("NUMBER", left)
    if right == 0:
        raise ReqlQueryLogicError("Cannot divide by zero.")
    return _quotient(left, right)


def _quotient(left: int | float, right: int | float) -> int | float:
    if type(left) is int and type(right) is int and left % right == 0:
        return check_number(left // right)
    return check_number(left / right)


_STEPS: Final[dict[str, Step]] = {"add": _add, "sub": _sub, "mul": _mul, "div": _div}
_QUICK: Final[dict[str, Callable[[int, int], int]]] = {"add": operator.add, "sub": operator.sub, "mul": operator.mul}


def _compile(compiler: Compiler, node: Term) -> Closure:
    step, quick = _STEPS[node.kind.name], _QUICK.get(node.kind.name)
    parts = [compiler.value(arg) for arg in node.args]

    def folded(env: Env) -> Value:
        values = [part(env) for part in parts]
        try:
            return reduce(lambda left, right: step(env[0], left, right), values)
        except ReqlError as error:
            raise located(error, node) from None

    if len(parts) != 2:
        return folded
    first, second = parts

    def of_two(env: Env) -> Value:
        left, right = first(env), second(env)
        if quick is not None and type(left) is int and type(right) is int:
            result = quick(left, right)
            if MIN_INT <= result <= MAX_INT:
                return result
        try:
            return step(env[0], left, right)
        except ReqlError as error:
            raise located(error, node) from None

    return of_two


for _declaration in (add, sub, mul, div):
    _declaration.compiles(_compile)


# Rounding


@term(183, on="both")
def floor(number: int | float) -> int | float:
    """The greatest whole number that is not greater.

    >>> r.floor(-1.5).run(db)
    -2
    """
    return check_number(math.floor(number))


@term(184, on="both")
def ceil(number: int | float) -> int | float:
    """The least whole number that is not less.

    >>> r.ceil(-1.5).run(db)
    -1
    """
    return check_number(math.ceil(number))


@term(185, name="round", on="both")
def round_(number: int | float) -> int | float:
    """The nearest whole number; a half is rounded away from zero.

    >>> r.round(2.5).run(db), r.round(-2.5).run(db)
    (3, -3)
    """
    whole = math.trunc(number)
    return check_number(whole + (1 if number > 0 else -1) if abs(number - whole) >= 0.5 else whole)


# Bits


@term(191, on="both")
def bit_and(left: int, *more: int) -> Value:
    """The bits that all whole numbers have, in two's complement.

    >>> r.bit_and(5, 3).run(db)
    1
    """
    return check_number(reduce(operator.and_, more, left))


@term(192, on="both")
def bit_or(left: int, *more: int) -> Value:
    """The bits that any of the whole numbers has, in two's complement.

    >>> r.bit_or(5, 3).run(db)
    7
    """
    return check_number(reduce(operator.or_, more, left))


@term(193, on="both")
def bit_xor(left: int, *more: int) -> Value:
    """The bits that an odd number of the whole numbers have, in two's complement.

    >>> r.bit_xor(6, 4).run(db)
    2
    """
    return check_number(reduce(operator.xor, more, left))


@term(194, on="both")
def bit_not(number: int) -> Value:
    """The whole number with all bits inverted, in two's complement.

    >>> r.bit_not(7).run(db)
    -8
    """
    return check_number(~number)


_WIDEST_SHIFT: Final = 1100
"""Bits by which a whole number other than 0 leaves the range of floats."""


@term(195, on="both")
def bit_sal(number: int, *bits: int) -> Value:
    """The whole number shifted to the left: multiplied by powers of 2.

    >>> r.bit_sal(5, 4).run(db)
    80
    """
    return check_number(number << min(sum(map(_shift, bits)), _WIDEST_SHIFT) if number else 0)


@term(196, on="both")
def bit_sar(number: int, *bits: int) -> Value:
    """The whole number shifted to the right, the sign kept: divided by powers of 2, rounded down.

    >>> r.bit_sar(32, 3).run(db)
    4
    """
    return number >> min(sum(map(_shift, bits)), _WIDEST_SHIFT)


def _shift(bits: int) -> int:
    if bits < 0:
        raise ReqlQueryLogicError("Cannot bit-shift by a negative value.")
    return bits
