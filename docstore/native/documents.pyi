from collections.abc import Callable, Iterable
from typing import Any

MAX_FIELDS_OF_A_READER: int

class Reader:
    def __call__(self, data: bytes, /) -> Any: ...

class BytesReader(Reader):
    def __init__(self) -> None: ...

class DocumentReader(Reader):
    def __init__(
        self,
        fallback: Callable[[bytes], dict[str, Any]],
        value_of: Callable[[int, bytes], Any],
        *,
        is_for_one: bool = False,
    ) -> None: ...

class FieldReader(Reader):
    def __init__(self, name: str, fallback: Callable[[bytes], Any], value_of: Callable[[int, bytes], Any]) -> None: ...

class FieldsReader(Reader):
    def __init__(
        self, names: Iterable[str], fallback: Callable[[bytes], dict[str, Any]], value_of: Callable[[int, bytes], Any]
    ) -> None: ...

class Giver:
    def __init__(self, reader: Callable[[bytes], Any], present: Callable[[Any], Any]) -> None: ...
    def give(self, row: Any, /) -> Any: ...
