from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

class Point:
    def __init__(
        self,
        store: object,
        schema: object,
        engine: object,
        file: object,
        prefix: bytes,
        reader: Callable[[bytes], Any],
        scopes: ContextVar[Any],
        missed: object,
    ) -> None: ...
    def read(self, key: Any, /) -> Any: ...
