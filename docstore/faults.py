"""Named points of the code at which a test may step in: kill the process, fail, wait. Nothing happens otherwise.

Points: `before_commit`, `after_commit`, `before_watermark`, `after_watermark`, `before_map_growth`, `after_map_growth`.
"""

from __future__ import annotations

from collections.abc import Callable

_on_reach: Callable[[str], None] | None = None


def reach(name: str) -> None:
    """Called where the code passes a named point."""
    if _on_reach is not None:
        _on_reach(name)


def install(on_reach: Callable[[str], None] | None) -> None:
    """Have a function called with the name of every point that is passed; None for no function."""
    global _on_reach
    _on_reach = on_reach
