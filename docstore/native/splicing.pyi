from typing import Any

from docstore.native.documents import Reader

MAX_NAMES_OF_A_SPLICER: int

class Splicer(Reader):
    def __init__(self, names: tuple[str, ...], changes: list[dict[str, Any]], limit_bytes: int) -> None: ...
