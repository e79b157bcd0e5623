from collections.abc import Callable, Iterable
from typing import Any

def field_entries(
    rows: Iterable[tuple[bytes, dict[str, Any]]], name: str, key_of: Callable[[Any], bytes | None], /
) -> list[tuple[bytes, bytes]]: ...
def fields_entries(
    rows: Iterable[tuple[bytes, dict[str, Any]]], names: tuple[str, ...], key_of: Callable[[Any], bytes | None], /
) -> list[tuple[bytes, bytes]]: ...
def elements_entries(
    rows: Iterable[tuple[bytes, dict[str, Any]]], name: str, keys_of: Callable[[dict[str, Any]], Iterable[bytes]], /
) -> list[tuple[bytes, bytes]]: ...
