"""What an index leaves out of itself, of which the summary of a write warns."""

from __future__ import annotations

from typing import NamedTuple


class LeftOut(NamedTuple):
    """Vectors that an index left out of itself, for one reason; what was `found` in the first of them."""

    name: str
    reason: str
    found: str
    vectors: int

    def __str__(self) -> str:
        if self.vectors == 1:
            return f"Index `{self.name}` left a vector out, {self.reason}: {self.found}."
        return f"Index `{self.name}` left {self.vectors:,} vectors out, {self.reason}; the first: {self.found}."
