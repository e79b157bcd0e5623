"""Hypothesis strategies for values and documents, for all property tests.

They lean towards what breaks encodings: few letters, so that texts share beginnings and are often equal; U+0000 and
U+0001; astral characters; numbers around the places where doubles stop being exact; one moment shown in many zones.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from hypothesis import strategies as st

from query.geometries import PSEUDO_TYPE, Geometry
from query.values import MAX_INT, MIN_INT, Time, Value
from query.vectors import Vector

FIRST_MICROSECOND = -62_135_596_800_000_000
LAST_MICROSECOND = 253_402_300_799_999_999
_DAY = 86_400_000_000

_EDGES = sorted(
    {
        sign * 2**power + step
        for power in (0, 1, 24, 31, 32, 52, 53, 54, 60, 62, 63, 64)
        for step in (-1025, -1024, -2, -1, 0, 1, 2, 1024)
        for sign in (-1, 1)
    }
)


def _near(number: int) -> list[float]:
    middle = float(number)
    return [math.nextafter(middle, -math.inf), middle, math.nextafter(middle, math.inf)]


EDGE_INTS = [number for number in _EDGES if MIN_INT <= number <= MAX_INT]
EDGE_FLOATS = [near for number in _EDGES for near in _near(number)]
SMALL_FLOATS = [0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, -2.225073858507201e-308, 0.1, -0.1, 1e308, -1e308]

_short_texts = st.text(st.sampled_from("ab\x00\x01\x02\uffff\U0001f600é"), max_size=4)


def texts() -> st.SearchStrategy[str]:
    """Any text, and often a short one of few letters."""
    return st.one_of(_short_texts, st.text(max_size=12))


def binaries() -> st.SearchStrategy[bytes]:
    """Any bytes, and often few of 00, 01, 02 and ff."""
    return st.one_of(st.lists(st.sampled_from([0, 1, 2, 255]), max_size=4).map(bytes), st.binary(max_size=12))


def numbers() -> st.SearchStrategy[int | float]:
    """Ints of 64 bits and finite floats, and often the ones at which an encoding could go wrong."""
    return st.one_of(
        st.integers(-3, 3),
        st.sampled_from(EDGE_INTS),
        st.sampled_from(EDGE_FLOATS + SMALL_FLOATS),
        st.integers(MIN_INT, MAX_INT),
        st.floats(allow_nan=False, allow_infinity=False),
    )


def times() -> st.SearchStrategy[Time]:
    """Times of all years and zones, and often one of three neighbouring moments."""
    inside = st.integers(FIRST_MICROSECOND + _DAY, LAST_MICROSECOND - _DAY)
    zones = st.one_of(st.sampled_from([0, 60, -345]), st.integers(-1439, 1439))
    first = st.builds(lambda minutes: Time.at(FIRST_MICROSECOND - minutes * 60_000_000, minutes), zones)
    last = st.builds(lambda minutes: Time.at(LAST_MICROSECOND - minutes * 60_000_000, minutes), zones)
    return st.one_of(st.builds(Time.at, st.one_of(st.integers(-1, 1), inside), zones), first, last)


def geometries() -> st.SearchStrategy[Geometry]:
    """Points and lines of a few places."""
    place = st.lists(st.one_of(st.integers(-90, 90), st.floats(-90, 90)), min_size=2, max_size=2)
    point = st.fixed_dictionaries({"type": st.just("Point"), "coordinates": place})
    line = st.fixed_dictionaries(
        {"type": st.just("LineString"), "coordinates": st.lists(place, min_size=2, max_size=4)},
    )
    return st.one_of(point, line).map(Geometry)


def vectors() -> st.SearchStrategy[Vector]:
    """Short vectors of every type."""
    numbers = {
        "float32": st.floats(allow_nan=False, allow_infinity=False, width=32),
        "float16": st.floats(allow_nan=False, allow_infinity=False, width=16),
        "int8": st.integers(-128, 127),
        "bits": st.integers(0, 1),
    }
    return st.one_of(
        [st.lists(one, min_size=1, max_size=9).map(partial(Vector, type=kind)) for kind, one in numbers.items()]
    )


def indexable_scalars() -> st.SearchStrategy[Value]:
    """What an ordered index holds, without arrays."""
    return st.one_of(st.booleans(), numbers(), texts(), binaries(), times())


def indexable_values() -> st.SearchStrategy[Value]:
    """What an ordered index holds, arrays of arrays included."""
    return st.recursive(indexable_scalars(), lambda inner: st.lists(inner, max_size=4), max_leaves=8)


def values() -> st.SearchStrategy[Value]:
    """Values of every type, nested."""
    scalars = st.one_of(st.none(), indexable_scalars(), geometries(), vectors())
    return st.recursive(scalars, _containers, max_leaves=10)


def _containers(inner: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    return st.one_of(st.lists(inner, max_size=4), st.dictionaries(_any_names(), inner, max_size=4))


def names() -> st.SearchStrategy[str]:
    """Names of fields: often the same few, sometimes with quotes, dots, control characters, or none at all."""
    return st.one_of(st.sampled_from(["a", "b", "c", "date", "", "a.b", 'say "x"', "back\\slash", "\n"]), _any_names())


def _any_names() -> st.SearchStrategy[str]:
    """Any text but the name that makes an object something else; Hypothesis draws constants of the code under test too."""
    return texts().filter(lambda name: name != PSEUDO_TYPE)


def documents() -> st.SearchStrategy[dict[str, Any]]:
    """Objects with up to six fields; they have an `id` only by chance."""
    return st.dictionaries(names(), values(), max_size=6)
