from typing import Any

from docstore.storage.engine import Manner

class Point:
    def __init__(
        self, store: object, schema: object, engine: object, file: object, keys: bytes, rows: bytes, manner: Manner
    ) -> None: ...

class Points:
    def learn(self, table: int, point: Point | None, /) -> None: ...
    def read(self, table: int, key: Any, /) -> Any: ...

class PointCall:
    connection: Any
    table_of_text: int | None
    table_of_whole: int | None
    def __call__(self, *values: Any) -> Any: ...
