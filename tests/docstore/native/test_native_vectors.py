"""The distances that compiled code reckons are those of numpy, so are scores, and rows are parted as Python parts them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from docstore.indexes.vector.reading import Form
from docstore.indexes.vector.records import ordinal_key, ordinal_keys
from docstore.indexes.vector.scoring import _distances
from docstore.native import vectors
from docstore.storage.lmdb import open_lmdb
from docstore.storage.rows import ListRows
from query.vectors import Vector


@pytest.fixture(params=["plain", "fused"], autouse=True)
def fused(request: pytest.FixtureRequest) -> Iterator[None]:
    """With the processor's wide registers, as far as it has them, and without."""
    vectors.use_fused(request.param == "fused")
    yield
    vectors.use_fused(True)


@pytest.mark.parametrize("measure", ["cosine", "l2", "l1", "inner_product"])
@pytest.mark.parametrize("dimensions", [1, 7, 8, 384, 1_537])
@pytest.mark.parametrize("size", [1.0, 1e-25, 1e25])
def test_distances_are_those_of_numpy(measure: str, dimensions: int, size: float) -> None:
    rows = np.random.default_rng(1).standard_normal((30, dimensions)).astype(np.float32) * np.float32(size)
    form = Form({"dimensions": dimensions, "measure": measure, "type": "float32"})
    query = Vector.packed("float32", rows[7].tobytes(), dimensions)
    found = vectors.distances(rows.tobytes(), rows[7], measure)
    assert found == pytest.approx(_distances(form, query, rows.tobytes()).tolist(), rel=1e-12, abs=1e-14)
    assert measure == "inner_product" or found[7] == 0
    assert vectors.distances(b"", rows[7], measure) == []


def test_what_is_no_vector_is_an_error() -> None:
    with pytest.raises(ValueError, match="Expected vectors of 3 numbers but found 16 bytes"):
        vectors.distances(b"\0" * 16, np.ones(3, np.float32), "l2")
    with pytest.raises(ValueError, match="Expected vectors of 0 numbers"):
        vectors.distances(b"", np.ones(0, np.float32), "l2")


@pytest.mark.parametrize("dimensions", [1, 7, 31, 32, 33, 384])
@pytest.mark.parametrize("counts", [[1], [3, 0, 40], [100, 100]])
def test_scores_of_several_matrices_are_those_of_numpy(dimensions: int, counts: list[int]) -> None:
    chance = np.random.default_rng(2)
    matrices = [chance.standard_normal((count, dimensions)).astype(np.float32) for count in counts]
    rows, query = np.concatenate(matrices), chance.standard_normal(dimensions).astype(np.float32)
    scattered = vectors.Rows(matrices)
    products, gaps = np.empty(sum(counts), np.float32), np.empty(sum(counts), np.float32)
    scattered.products(query, products)
    scattered.gaps(query, gaps)
    assert len(scattered) == sum(counts)
    np.testing.assert_allclose(products, rows.astype(float) @ query, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(gaps, np.abs(rows.astype(float) - query).sum(axis=1), rtol=1e-5, atol=1e-5)


def test_matrices_that_do_not_fit_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"all as wide, but found one of `f` \(2, 4\)"):
        vectors.Rows([np.ones((2, 3), np.float32), np.ones((2, 4), np.float32)])
    with pytest.raises(ValueError, match="Expected matrices of float32"):
        vectors.Rows([np.ones((2, 3))])
    with pytest.raises(ValueError, match=r"Expected matrices of float32 \(`f`\), all as wide, but found one of `i`"):
        vectors.Rows([np.ones((2, 3), np.int32)])
    with pytest.raises(ValueError, match="Expected 3 numbers and room for 2 scores but found 2 and 2"):
        vectors.Rows([np.ones((2, 3), np.float32)]).products(np.ones(2, np.float32), np.ones(2, np.float32))
    with pytest.raises(ValueError, match="room for 2 scores but found 3 and 1"):
        vectors.Rows([np.ones((2, 3), np.float32)]).gaps(np.ones(3, np.float32), np.ones(1, np.float32))


def test_rows_are_parted_into_heads_and_tails(tmp_path: Path) -> None:
    rows = {b"%d" % size: b"head%02d" % (size % 100) + b"." * size for size in (0, 1, 255, 256, 3_000)}
    keys = [*rows, b"nothing", b"1"]
    with closing(open_lmdb(tmp_path / "store", sync=False)) as engine:
        with engine.begin_write() as writer:
            writer.put_many(7, sorted({**rows, b"short": b"short"}.items()))
        with engine.begin_read() as reader:
            found = reader.rows(7, keys).parted(6)
            assert found == ListRows([rows.get(key) for key in keys]).parted(6)
            assert found == ([*[row[:6] for row in rows.values()], b"head01"], b"." * 3_513)
            for wrong in (reader.rows(7, [b"0", b"short"]), ListRows(reader.get_many(7, [b"0", b"short"]))):
                with pytest.raises(ValueError, match="short"):
                    wrong.parted(6)


def test_keys_of_ordinals_are_those_that_python_makes() -> None:
    ordinals = np.array([0, 1, 255, 256, 2**40 + 3, 2**63], np.uint64)
    assert ordinal_keys(ordinals) == [ordinal_key(one) for one in ordinals.tolist()]
    assert ordinal_keys(ordinals[:5].astype(np.int64)) == [ordinal_key(one) for one in ordinals[:5].tolist()]


def test_squares_tell_of_what_is_not_finite() -> None:
    assert vectors.squares(np.array([3, 4, 1e-30], np.float32).tobytes()) == 25.0
    assert vectors.squares(np.array([1e-40, 0], np.float32).tobytes()) > 0
    assert vectors.squares(np.array([3e38, 3e38], np.float32).tobytes()) < np.inf
    assert not vectors.squares(np.array([1, np.inf], np.float32).tobytes()) < np.inf
    assert not vectors.squares(np.array([1, np.nan], np.float32).tobytes()) < np.inf
