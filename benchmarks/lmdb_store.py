"""What the machine allows: LMDB and the decoder alone, without queries, checks or a catalog.

No store that a user could pick, but the floor under `docstore`: each workload costs at least this on this machine.
"""

# mypy: disable-error-code=no-any-return
# What comes out of a database is Any to mypy.

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import lmdb
import msgspec

from benchmarks.data import Document
from benchmarks.store import Table

MAP_BYTES: Final = 2**36

_decode: Final = msgspec.msgpack.Decoder().decode
_encode: Final = msgspec.msgpack.Encoder().encode


class _InstalledSize(msgspec.Struct):
    installed_size: int


class LmdbStore:
    """For the workloads in which nothing is to be decided."""

    name: ClassVar[str] = "lmdb alone"
    workloads: ClassVar[frozenset[str] | None] = frozenset(
        {"get", "get_prepared", "get_all_simple", "scan", "filter_count", "insert", "update_hard"}
    )
    most_queries: ClassVar[int | None] = None

    def __init__(self, directory: Path) -> None:
        self._environment = lmdb.open(str(directory / "store.lmdb"), subdir=False, map_size=MAP_BYTES, max_dbs=8)
        self._tables = {name: self._environment.open_db(name.encode()) for name in ("packages", "plain")}
        self._section = self._environment.open_db(b"section", dupsort=True)
        self._lock = threading.Lock()

    def close(self) -> None:
        """See Store; so for all methods below."""
        self._environment.close()

    def create_table(self, table: Table, indexes: Sequence[str]) -> None:
        pass

    def insert_all(self, table: Table, documents: Sequence[Document]) -> None:
        place = self._tables[table]
        rows = sorted((document["id"].encode(), _encode(document)) for document in documents)
        with self._environment.begin(write=True) as transaction, transaction.cursor(place) as cursor:
            cursor.putmulti(rows)
        if table == "packages":
            entries = sorted((document["section"].encode(), document["id"].encode()) for document in documents)
            with self._environment.begin(write=True) as transaction, transaction.cursor(self._section) as cursor:
                cursor.putmulti(entries)
        self._environment.sync()

    def be_durable(self, durable: bool) -> None:
        """Every commit is."""

    def get(self, key: str) -> Document | None:
        with self._environment.begin(self._tables["packages"], buffers=True) as transaction:
            data = transaction.get(key.encode())
            return None if data is None else _decode(data)

    get_prepared = get

    def get_all(self, index: str, value: str) -> Iterator[Document]:
        with self._environment.begin(self._tables["packages"], buffers=True) as transaction:
            get: Any = transaction.get  # the members are there
            with transaction.cursor(self._section) as cursor:
                if cursor.set_key(value.encode()):
                    for member in cursor.iternext_dup():
                        yield _decode(get(member))

    def scan(self) -> Iterable[Document]:
        with self._environment.begin(buffers=True) as transaction, transaction.cursor(self._tables["plain"]) as cursor:
            for data in cursor.iternext(keys=False, values=True):
                yield _decode(data)

    def count_larger(self, installed_size: int) -> int:
        decode = msgspec.msgpack.Decoder(_InstalledSize).decode
        found = 0
        with self._environment.begin(buffers=True) as transaction, transaction.cursor(self._tables["plain"]) as cursor:
            for data in cursor.iternext(keys=False, values=True):
                if decode(data).installed_size > installed_size:
                    found += 1
        return found

    def update_one(self, table: Table, key: str) -> None:
        with self._lock, self._environment.begin(self._tables[table], write=True) as transaction:
            data = transaction.get(key.encode())
            assert data is not None
            document = _decode(data)
            document["installed_size"] += 1
            transaction.put(key.encode(), _encode(document))
