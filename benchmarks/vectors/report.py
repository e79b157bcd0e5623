"""One line of the report, and the table of all."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Line:
    """What was measured: who did what, how many a second, with which recall."""

    who: str
    what: str
    per_second: float | None = None
    recall: float | None = None
    seconds: float | None = None
    note: str = ""


def as_table(title: str, lines: list[Line]) -> Table:
    """The lines as a table."""
    table = Table("who", "what", title=title)
    for name in ("a second", "recall@10", "CPU s"):
        table.add_column(name, justify="right")
    table.add_column("note")
    for line in lines:
        table.add_row(
            line.who,
            line.what,
            "" if line.per_second is None else f"{line.per_second:,.0f}",
            "" if line.recall is None else f"{line.recall:.3f}",
            "" if line.seconds is None else f"{line.seconds:.2f}",
            line.note,
        )
    return table
