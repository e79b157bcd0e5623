"""Warnings to users, told as those of the line of theirs that ran the query.

So Python shows that line, tells each once, and filters by the user's own modules.
"""

from __future__ import annotations

import sys
import warnings
from typing import Final

_OURS: Final = frozenset({"docstore", "query"})


def warn(text: str) -> None:
    """Warn whoever called docstore."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)
