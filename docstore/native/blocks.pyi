from types import TracebackType
from typing import Any

def leave(
    block: Any, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
) -> None: ...
