"""Vectors as values: what becomes one, what it gives back, how two compare."""

from __future__ import annotations

import array
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import docstore
from docstore.documents import decode_document, encode_document
from docstore.keys import decode_key, encode_key
from query import native
from query.builder import r
from query.errors import ReqlDriverCompileError, ReqlError
from query.values import compare, equal, from_python, type_name
from query.vectors import Vector
from query.wire import dumps, loads

floats = st.floats(allow_nan=False, allow_infinity=False, width=16)
vectors = st.one_of(
    st.lists(floats, min_size=1, max_size=20).map(Vector),
    st.lists(floats, min_size=1, max_size=20).map(lambda numbers: Vector(numbers, "float16")),
    st.lists(st.integers(-128, 127), min_size=1, max_size=20).map(lambda numbers: Vector(numbers, "int8")),
    st.lists(st.integers(0, 1), min_size=1, max_size=20).map(lambda numbers: Vector(numbers, "bits")),
)


@given(vectors)
def test_a_vector_goes_through_every_form_unchanged(vector: Vector) -> None:
    assert decode_document(encode_document({"v": vector})) == {"v": vector}
    assert decode_key(encode_key(vector)) == vector
    assert loads(dumps(vector)) == vector
    assert from_python(vector.numpy()) == vector
    assert eval(repr(vector), {"Vector": Vector}) == vector
    assert pickle.loads(pickle.dumps(vector)) == vector
    assert len(vector) == len(list(vector)) == len(np.asarray(vector))
    assert hash(vector) == hash(Vector(vector.numbers(), vector.type))


@given(vectors, vectors)
def test_vectors_are_ordered_by_type_then_length_then_numbers(left: Vector, right: Vector) -> None:
    keys = [(one.type, len(one), one.numbers()) for one in (left, right)]
    assert compare(left, right) == (keys[0] > keys[1]) - (keys[0] < keys[1])
    assert (left < right) == (keys[0] < keys[1])
    assert equal(left, right) == (keys[0] == keys[1]) == (left == right)
    assert (encode_key(left) < encode_key(right)) == (keys[0] < keys[1])


def test_vectors_stand_between_times_and_strings() -> None:
    assert type_name(Vector([1])) == "PTYPE<VECTOR>"
    assert compare(Vector([1]), "") == -1
    assert compare(Vector([1]), b"") == 1
    assert compare(Vector([1]), [1]) == 1


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (np.array([1, 2.5]), "float32"),
        (np.array([1, 2.5], np.float32), "float32"),
        (np.array([1, 2.5], ">f4"), "float32"),
        (np.array([1, 2.5], np.float16), "float16"),
        (np.array([1, 2]), "float32"),
        (np.array([1, -2], np.int8), "int8"),
        (np.array([True, False]), "bits"),
        (np.arange(6, dtype=np.float32)[::2], "float32"),
        (array.array("d", [1, 2.5]), "float32"),
        (array.array("b", [1, -2]), "int8"),
    ],
)
def test_arrays_become_vectors(given: Any, kind: str) -> None:
    vector = from_python({"in": [given]})["in"][0]
    assert type(vector) is Vector
    assert vector.type == kind
    assert vector.numbers() == [float(number) for number in given]


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("step", [1, 2, -1])
def test_a_zero_of_an_array_has_no_sign(compiled: bool, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "AVAILABLE", native.AVAILABLE and compiled)
    for dtype in (np.float32, np.float64, np.float16, ">f4"):
        numbers = np.array([0.0, -0.0, 1.5, -0.0, -2], dtype)[::step]
        numbers.flags.writeable = False
        wanted = (numbers + numbers.dtype.type(0)).astype("<f4").tobytes()
        assert Vector(from_python(numbers).numpy().tolist()).data == wanted
        assert from_python(numbers).numpy().astype("<f4").tobytes() == wanted
        assert np.signbit(numbers).any()


def test_numpy_scalars_are_numbers() -> None:
    assert from_python([np.float32(1.5), np.int64(2), np.bool_(True), np.array(3)]) == [1.5, 2, True, 3]


@pytest.mark.parametrize(
    "given",
    [np.zeros((2, 2)), np.array(["a"]), np.array([1j]), np.array([]), np.array([None]), array.array("d")],
)
def test_other_arrays_are_refused(given: Any) -> None:
    with pytest.raises(ReqlDriverCompileError, match="Expected a"):
        from_python({"a": given})


def test_a_vector_never_changes() -> None:
    with pytest.raises(AttributeError, match="never changes"):
        Vector([1]).data = b""


@pytest.mark.parametrize(
    ("numbers", "kind", "message"),
    [
        ([1, "a"], "float32", "Expected numbers in a vector but found str 'a' at place 1."),
        ([True], "float32", "Expected numbers in a vector but found bool True at place 0."),
        ([], "float32", "Expected a vector of 1 to 65,536 numbers but found 0."),
        ([1e39], "float32", "Expected numbers that fit in float32 but found 1e+39 in a vector."),
        ([70000], "float16", "Expected numbers that fit in float16 but found 70000 in a vector."),
        ([128], "int8", "Expected numbers that fit in int8 but found 128 in a vector."),
        ([0.5], "int8", "Expected whole numbers from -128 to 127 in a vector of int8 but found 0.5."),
        ([0, 2], "bits", "Expected zeros and ones in a vector of bits but found 2."),
        ([1], "float64", "Expected a type of vector (bits, float16, float32, int8) but found 'float64'."),
    ],
)
def test_what_is_no_vector_is_refused(numbers: list[Any], kind: str, message: str) -> None:
    with docstore.connect() as db, pytest.raises(ReqlError) as caught:
        r.vector(numbers, type=kind).run(db)
    assert str(caught.value).startswith(message.removesuffix("."))


def test_vectors_come_back_as_the_option_says() -> None:
    with docstore.connect() as db:
        r.table_create("t").run(db)
        r.table("t").insert([{"id": n, "v": np.array([n, 0.5], np.float32), "l": [1, 0.5]} for n in range(3)]).run(db)
        for found in (r.table("t").get(1).run(db), next(r.table("t").filter({"id": 1}).run(db))):
            assert found["v"].dtype == np.float32
            assert found["v"].tolist() == [1, 0.5]
            assert found["l"] == [1, 0.5]
        assert r.table("t").get(1)["v"].run(db, vector_format="list") == [1, 0.5]
        assert r.table("t").get(1)["v"].run(db, vector_format="raw") == {
            "$reql_type$": "VECTOR",
            "data": "AACAPwAAAD8=",
            "dimensions": 2,
            "type": "float32",
        }
        assert [row.tolist() for row in r.table("t")["v"].run(db)] == [[0, 0.5], [1, 0.5], [2, 0.5]]
        assert list(r.table("t").group("v").count().run(db)) == [(0, 0.5), (1, 0.5), (2, 0.5)]
        assert r.table("t").filter(r.row["v"] == r.vector([2, 0.5])).count().run(db) == 1


def test_a_vector_is_an_array_when_it_is_asked_to_be() -> None:
    with docstore.connect() as db:
        assert r.vector([1, 0.5]).coerce_to("array").run(db) == [1, 0.5]
        assert r.vector([1, 0, 1], type="bits").coerce_to("array").run(db) == [1, 0, 1]
        assert r.vector([1, 0.5]).count().run(db) == 2
        assert r.vector(r.vector([1, 0]), type="int8").run(db).dtype == np.int8
        assert "VECTOR" in r.vector([1]).to_json_string().run(db)


def test_rows_are_sorted_and_updated_by_how_far_their_vectors_are_from_one() -> None:
    with docstore.connect() as db:
        r.table_create("t").run(db)
        r.table("t").insert([{"id": n, "v": np.array([n, 1], np.float32)} for n in range(5)]).run(db)
        far = lambda row: r.distance(row["v"], [3, 1], measure="l2")  # noqa: E731
        assert list(r.table("t").order_by(far)["id"].run(db)) == [3, 2, 4, 1, 0]
        r.table("t").update(lambda row: {"far": far(row)}).run(db)
        assert r.table("t").get(0)["far"].run(db) == 3
        with pytest.raises(ReqlError, match=r"Could not prove|deterministic"):
            r.table("t").index_create("far", far).run(db)


@pytest.mark.parametrize(
    ("left", "right", "options", "message"),
    [
        ([1, 2], "x", {"measure": "l2"}, "Expected a vector or an array of numbers but found STRING."),
        ([1, 2], [1], {}, "Expected two vectors of one length but found 2 and 1 numbers."),
        (
            [1, 2],
            [0, 0],
            {},
            "Cannot reckon a distance: expected a vector that is not zero for the measure `cosine` but found",
        ),
        (r.vector([1, 0], type="bits"), [1, 0.5], {}, "Expected zeros and ones in a vector of bits but found 0.5."),
        ([1, 2], [3, 4], {"measure": "TANIMOTO"}, "There is no measure `TANIMOTO`; the nearest is `jaccard`."),
        ([1, 2], [3, 4], {"measure": "hamming"}, "Expected zeros and ones in a vector of bits but found 2."),
        ([1, "a"], [3, 4], {"measure": "l1"}, "Expected numbers in a vector but found str 'a' at place 1."),
        (r.point(1, 2), r.point(1, 2), {"measure": "l2"}, "The option `measure` is for vectors; geometries have"),
    ],
)
def test_a_distance_that_cannot_be_says_why(left: Any, right: Any, options: Any, message: str) -> None:
    with docstore.connect() as db, pytest.raises(ReqlError) as caught:
        r.distance(left, right, **options).run(db)
    assert caught.value.message.startswith(message)
