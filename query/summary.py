"""The summary that a write gives: RethinkDB's.

Six counts always; `first_error`, `generated_keys`, `changes` and `warnings` where they apply.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from query.left_out import LeftOut
from query.runtime import Document
from query.values import Value

ReturnChanges: TypeAlias = Literal[False, True, "always"]


class Summary:
    """What became of the documents of one write."""

    __slots__ = (
        "_changes_left_out",
        "_keys_left_out",
        "_left_out",
        "_limit",
        "changes",
        "deleted",
        "errors",
        "first_error",
        "generated_keys",
        "inserted",
        "replaced",
        "return_changes",
        "skipped",
        "unchanged",
    )

    def __init__(self, return_changes: ReturnChanges, limit: int) -> None:
        self.deleted = self.errors = self.inserted = self.replaced = self.skipped = self.unchanged = 0
        self.first_error: str | None = None
        self.generated_keys: list[Value] = []
        self.changes: list[Value] = []
        self.return_changes = return_changes
        self._limit = limit
        self._left_out: dict[tuple[str, str], LeftOut] = {}
        self._changes_left_out = self._keys_left_out = 0

    def count(self, old: Document | None, new: Document | None, same: bool) -> None:
        """Note what became of one document."""
        if old is None:
            if new is None:
                self.skipped += 1
            else:
                self.inserted += 1
        elif new is None:
            self.deleted += 1
        elif same:
            self.unchanged += 1
        else:
            self.replaced += 1
        if self.return_changes and (not same or self.return_changes == "always"):
            self._add_change({"new_val": new, "old_val": old})

    def fail(self, old: Document | None, message: str, *, refused: bool = False) -> None:
        """Note that one document could not be written; `refused`: that it cannot be a document of the table."""
        self.errors += 1
        self.note_error(message)
        if self.return_changes == "always" or (refused and self.return_changes):
            self._add_change({"error": message, "new_val": old, "old_val": old})

    def note_error(self, message: str) -> None:
        """Remember an error that will be counted, unless there was one before it."""
        if self.first_error is None:
            self.first_error = message

    def add_key(self, key: Value) -> None:
        """Note a key that was made up."""
        if len(self.generated_keys) < self._limit:
            self.generated_keys.append(key)
        else:
            self._keys_left_out += 1

    def leave_out(self, found: Iterable[LeftOut]) -> None:
        """Note what indexes left out: one warning for each of their reasons, however many writes it comes from."""
        for one in found:
            place = (one.name, one.reason)
            before = self._left_out.get(place)
            self._left_out[place] = one if before is None else before._replace(vectors=before.vectors + one.vectors)

    def result(self) -> Document:
        """The summary as the query gives it."""
        result: Document = {"changes": self.changes} if self.return_changes else {}
        result |= {"deleted": self.deleted, "errors": self.errors}
        if self.first_error is not None:
            result["first_error"] = self.first_error
        if self.generated_keys:
            result["generated_keys"] = self.generated_keys
        result |= {
            "inserted": self.inserted,
            "replaced": self.replaced,
            "skipped": self.skipped,
            "unchanged": self.unchanged,
        }
        warnings = self._warnings()
        return {**result, "warnings": warnings} if warnings else result

    def _add_change(self, change: Document) -> None:
        if len(self.changes) < self._limit:
            self.changes.append(change)
        else:
            self._changes_left_out += 1

    def _warnings(self) -> list[str]:
        found = [str(one) for one in self._left_out.values()]
        if self._changes_left_out:
            found.append(f"Too many changes, array truncated to {self._limit}.")
        if self._keys_left_out:
            count = len(self.generated_keys) + self._keys_left_out
            found.append(f"Too many generated keys ({count}), array truncated to {len(self.generated_keys)}.")
        return found
