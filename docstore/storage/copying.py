"""A copy of a store, with full pages and without the room that is free in it.

Records are read in their order and appended to a new file. LMDB could copy its pages, faster, but what it calls a compacting
copy does not survive databases with members of one size (`MDB_DUPFIXED`; 0.9.36), and would leave pages as full as they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

import lmdb

from docstore.storage.registry import NAMES, SharedStore, open_databases

_BATCH_BYTES: Final = 2**23
"""Records that are read, and then written in one transaction: twice so much is in memory."""

_RECORD_BYTES: Final = 100
"""What a record takes in Python beside its own bytes."""


def copy_records(store: SharedStore, path: str) -> None:
    """Write the last commit of a store to a new file, and sync it; FileExistsError where there is one, which may be half a copy."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))  # less the user's umask, as for any file
    environment = lmdb.open(
        path,
        map_size=store.environment.info()["map_size"],
        subdir=False,
        lock=False,
        sync=False,
        max_dbs=len(NAMES),
        lib_version=0,
    )
    with environment, store.environment.begin() as reader:
        sources = (store.catalog, store.maps, store.multimaps)
        for source, target in zip(sources, open_databases(environment), strict=True):
            for batch in _batches(reader.cursor(source)):
                with environment.begin(write=True) as writer:
                    writer.cursor(target).putmulti(batch, append=True)
        environment.sync(True)


def _batches(records: Iterable[tuple[bytes, bytes]]) -> Iterator[list[tuple[bytes, bytes]]]:
    batch, size = [], 0
    for key, value in records:
        batch.append((key, value))
        size += len(key) + len(value) + _RECORD_BYTES
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
