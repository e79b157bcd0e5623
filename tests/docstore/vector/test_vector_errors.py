"""What a vector index and a search in one say where nothing can come of it: what was found, what was expected, what to do."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import docstore
from docstore import Connection
from query.builder import r
from query.errors import ReqlQueryLogicError
from tests.docstore.vector.stores import create, drawn, insert, status


@pytest.fixture
def db() -> Iterator[Connection]:
    """A store with an empty table."""
    with docstore.connect() as connection:
        r.table_create("t").run(connection)
        yield connection


def refusal(db: Connection, target: Any, **options: Any) -> str:
    """The error of a search, but for the part of the query that it names."""
    with pytest.raises(ReqlQueryLogicError) as caught:
        r.table("t").get_nearest(target, **options).run(db)
    return caught.value.message


def test_an_index_on_a_field_that_holds_no_vectors_is_an_error_with_the_reasons(db: Connection) -> None:
    r.table("t").insert([{"id": n, "name": "text"} for n in range(3)]).run(db)
    r.table("t").insert([{"id": n, "name": [1] * n} for n in (3, 4)]).run(db)
    r.table("t").insert({"id": 5}).run(db)
    r.table("t").index_create("name", vector={"dimensions": 2}).run(db)
    r.table("t").index_wait().run(db)
    assert refusal(db, [1, 2], index="name") == (
        "Index `name` holds no vectors, so that nothing can be found: expected are vectors of 2 numbers, and left out are 3 as "
        "`not a vector`, 2 as `wrong dimensions`, 1 as `missing`. Look at what writes them."
    )


def test_an_index_on_a_field_that_no_document_has_finds_nothing_and_warns(db: Connection) -> None:
    create(db, dimensions=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert r.table("t").get_nearest([1, 2], index="v").run(db) == []
    r.table("t").insert([{"id": n, "v": None} for n in range(3)]).run(db)
    with pytest.warns(
        UserWarning, match=r"Index `v` holds no vectors.* 2 numbers, .* 3 as `missing`. Is that the right"
    ):
        assert r.table("t").get_nearest([1, 2], index="v").run(db) == []


def test_a_search_without_an_index_tells_of_a_field_without_vectors(db: Connection) -> None:
    insert(db, drawn(4, 3))
    with pytest.warns(UserWarning, match="no index"):
        message = refusal(db, [1, 2], field="v")
    assert message.startswith("The field of get_nearest, r.row['v'], holds no vectors")
    assert "expected are vectors of 2 numbers, and left out are 4 as `wrong dimensions`" in message
    with pytest.warns(UserWarning, match=r"r.row\['w'\], holds no vectors.* 4 as `missing`"):
        assert r.table("t").get_nearest([1, 2], field="w").run(db) == []
    with pytest.warns(UserWarning, match="1 as `wrong dimensions`"):
        assert r.table("t").get_nearest([1, 2], field="v", filter={"id": 1}).run(db) == []


def test_a_vector_searched_for_in_another_kind_of_index_is_told_the_vector_indexes(db: Connection) -> None:
    r.table("t").index_create("n").run(db)
    r.table("t").index_create("place", geo=True).run(db)
    r.table("t").index_wait().run(db)
    start = "Index `{}` is not a vector index, in which a vector could be searched for.  "
    none = "The table `test.t` has none; index_create(NAME, vector={'dimensions': ...}) makes one."
    assert refusal(db, [1, 2, 3], index="n") == start.format("n") + none
    assert refusal(db, np.array([1.0, 2.0]), index="place") == start.format("place") + none
    assert refusal(db, [1, 2], index="n").startswith("Index `n` is not a geospatial index.")
    create(db, dimensions=2)
    create(db, "w", dimensions=3)
    which = "The vector indexes of the table `test.t`: `v`, `w`."
    assert refusal(db, [1, 2], index="n", probes=3) == start.format("n") + which
    assert refusal(db, r.point(1, 2), index="n").startswith("Index `n` is not a geospatial index.")
    assert refusal(db, [1, 2, 3], index="place").startswith("Expected point coordinate pair.")


def test_a_vector_searched_for_nowhere_is_told_where_it_may_be(db: Connection) -> None:
    assert refusal(db, [1, 2, 3]) == (
        "get_nearest requires an index argument. An index is named by `index`; without one, `field` says where the vectors are."
    )
    assert refusal(db, r.point(1, 2)) == "get_nearest requires an index argument."


@pytest.mark.parametrize("name", ["probes", "ef_search"])
def test_an_exact_search_is_told_nothing_of_how_much_to_search(db: Connection, name: str) -> None:
    insert(db, drawn(5, 2))
    create(db, dimensions=2)
    assert f"`{name}` of get_nearest contradicts `exact`" in refusal(db, [1, 2], index="v", exact=True, **{name: 5})
    assert len(r.table("t").get_nearest([1, 2], index="v", exact=False, **{name: 5}).run(db)) == 5


def test_a_vector_that_does_not_fit_is_told_in_which_index(db: Connection) -> None:
    create(db, dimensions=2)
    assert (
        refusal(db, [1], index="v")
        == "The vector searched for does not fit the index `v`: expected 2 numbers but found 1."
    )
    assert refusal(db, [0, 0], index="v").endswith("that is not zero for the measure `cosine` but found zeros.")
    assert refusal(db, np.array([1, np.inf]), index="v").endswith("expected finite numbers but found infinity.")
    assert refusal(db, "text", index="v") == "Expected a vector or an array of numbers but found STRING."
    assert refusal(db, [[1, 2], [3]], index="v") == "Expected numbers in a vector but found list [1, 2] at place 0."


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        ({"params": "x"}, "Expected an object of the method's own arguments in `params` but found str 'x'."),
        (
            {"index_arguments": 5},
            "Expected an object of the method's own arguments in `index_arguments` but found int 5.",
        ),
        (
            {"nprobe": 8},
            "A vector index takes no argument `nprobe`: it belongs to a search: get_nearest(..., probes=...).",
        ),
        ({"params": {"ef": 8}}, "argument `ef`: it belongs to a search: get_nearest(..., ef_search=...)"),
        (
            {"n_trees": 8},
            "argument `n_trees`: it belongs to the method ANNOY, which there is none of; the nearest is `hnsw`",
        ),
        (
            {"search_k": 8},
            "it belongs to searches by ANNOY, which there is none of; the nearest is get_nearest(..., ef_search",
        ),
        ({"index_type": "ANNOY", "params": {"n_trees": 8}}, "There is no method `ANNOY`; the nearest is `hnsw`."),
        ({"index_type": "RNSG", "params": {"out_degree": 30}}, "There is no method `RNSG`; the nearest is `hnsw`."),
        ({"index_type": "IVF_SQ8H"}, "There is no method `IVF_SQ8H`; the nearest is `ivfsq8`."),
        ({"metric_type": "TANIMOTO"}, "There is no measure `TANIMOTO`; the nearest is `jaccard`."),
        (
            {"mesure": "l2"},
            "Unrecognized argument `mesure` of a vector index. Perhaps `measure` is meant. Its arguments: ",
        ),
        ({"multi": True}, "it belongs beside `vector`: index_create(NAME, multi=True, vector={...})."),
        (
            {"index_type": "BIN_IVF_FLAT", "metric_type": "HAMMING"},
            "vectors of bits, which have neither lists nor a graph",
        ),
    ],
)
def test_arguments_of_others_are_told_where_they_belong(db: Connection, vector: Any, message: str) -> None:
    with pytest.raises(ReqlQueryLogicError) as caught:
        r.table("t").index_create("v", vector={"dimensions": 2, **vector}).run(db)
    assert message in caught.value.message


def test_ivf_pq_of_milvus_is_made_with_what_is_nearest_and_says_so(db: Connection) -> None:
    pq = {"dim": 4, "metric_type": "IP", "index_type": "IVF_PQ"}
    with pytest.warns(UserWarning, match="the index is made with `ivfrabitq` instead.$"):
        create(db, "a", **pq)
    with pytest.warns(UserWarning, match="instead, which has no use for `m` and `nbits`"):
        create(db, "b", **pq, params={"nlist": 16, "m": 2, "nbits": 8})
    assert status(db, "b")["arguments"] == {"n_lists": 16}


def test_a_warning_is_of_the_line_that_ran_the_query(db: Connection) -> None:
    insert(db, drawn(4, 3))
    with pytest.warns(UserWarning) as caught:
        r.table("t").get_nearest([1, 2, 3], field="v").run(db)
        create(db, dim=3, index_type="IVF_PQ")
        r.table("t").insert({"id": 9}).run(db)
        r.table("t").delete().run(db)
    assert len(caught) == 2
    assert {Path(one.filename).name for one in caught} == {"test_vector_errors.py", "stores.py"}
