from typing import Protocol

from docstore.native.pages import DamagedPageError, Owner, Snapshot
from docstore.native.rows import Rows

class Scan:
    def __init__(self, snapshot: Snapshot, owner: Owner, low: bytes, high: bytes) -> None: ...
    def next_rows(self, most: int) -> Rows: ...

class EntryOwner(Owner, Protocol):
    def damaged(self, error: DamagedPageError) -> Exception: ...

class Entries:
    def __init__(
        self,
        tree: Snapshot,
        maps: Snapshot,
        owner: EntryOwner,
        prefix: bytes,
        low: bytes,
        high: bytes,
        reverse: bool,
        after_key: bytes | None,
        after_member: bytes | None,
    ) -> None: ...
    def next_rows(self, most: int) -> Rows: ...
    @property
    def last(self) -> tuple[bytes, bytes] | None: ...
    @property
    def long(self) -> bytes: ...
