"""The records of the catalog and of vector indexes are those that `docstore/FORMAT.md` describes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import docstore
from docstore import layout
from docstore.errors import CorruptStoreError, StoreError
from docstore.indexes.vector import records
from docstore.keys import encode_key

FORMAT = (Path(docstore.__file__).parent / "FORMAT.md").read_text()


def cases(heading: str) -> list[tuple[str, str]]:
    """What makes each record of a table of test cases, and its bytes."""
    section = FORMAT.split(f"### Test cases: records of {heading}\n")[1].split("\n#")[0]
    return re.findall(r"^\| `(.+)` \| `([0-9a-f]+)` \|$", section, re.MULTILINE)


@pytest.mark.parametrize(("call", "data"), cases("the catalog"))
def test_a_record_has_the_bytes_that_the_format_gives_it(call: str, data: str) -> None:
    assert eval(call, {"encode_key": encode_key}, vars(layout)).hex() == data


@pytest.mark.parametrize(("call", "data"), cases("vector indexes"))
def test_a_record_of_a_vector_index_has_the_bytes_that_the_format_gives_it(call: str, data: str) -> None:
    assert eval(call, {"pack_row_id": layout.pack_row_id}, vars(records)).hex() == data


def test_records_are_read_as_they_were_written() -> None:
    counts = layout.Counts(5, 9, {20: 7})
    assert layout.unpack_counts(layout.pack_counts(counts)) == counts
    assert layout.unpack_counts(None) == (0, 0, {})
    assert layout.unpack_watermark(layout.pack_watermark(5, b"\x10")) == (5, b"\x10")
    assert layout.unpack_watermark(None) == (0, b"")


def test_damaged_records_are_told() -> None:
    with pytest.raises(CorruptStoreError):
        layout.unpack_u32(b"1")
    with pytest.raises(CorruptStoreError):
        layout.unpack_u64(b"1")
    with pytest.raises(CorruptStoreError):
        layout.unpack_counts(b"123456789")
    with pytest.raises(StoreError):
        layout.pack_row_id(2**48)
    with pytest.raises(CorruptStoreError):
        layout.unpack_watermark(b"12345678")
