from collections.abc import Callable
from typing import Any

def copied(
    data: Any,
    depth: int,
    most: int,
    uncommon: Callable[[Any, int], Any],
    pseudo: tuple[str, Callable[[Any], Any]],
    untracked: bool = False,
    /,
) -> Any: ...
def positive(numbers: Any) -> bytes: ...
def unshared(value: Any, /) -> Any: ...
