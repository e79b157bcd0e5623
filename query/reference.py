"""Writes `docs/reql.md`, the table of all terms of the language: run `python -m query.reference`.

A row is a term as it is called, and the first sentence of its docstring, which `help(r.table("x").filter)` shows whole.
What a chain stands on has the name of the term's first parameter.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from query.operators import OPERATORS
from query.registry import TERMS, Declaration, Parameter

REFERENCE: Final = Path(__file__).parent.parent / "docs" / "reql.md"

_HEAD: Final = """\
# The terms of the language

Written by `python -m query.reference` from the declarations of the terms; not edited by hand. The README shows the
language by example. `help` tells more of each: `help(r.table("posts").filter)`.

A name before the dot is what the chain stands on. A parameter in brackets may be left out, one with `=` is an option and
given by name, one with a star may be given any number of times. `r.minval`, `r.maxval`, `r.row`, `r.expr(value)` and
`r.make_timezone("+02:00")` are no terms of their own.
"""

_SYNTAX: Final = {
    "not": "~value",
    "bracket": "value[name]",
    "slice": "sequence[start:end]",
    **{name: f"left {operator.symbol} right".replace("|", "\\|") for name, operator in OPERATORS.items()},
}
"""How terms are written that have a syntax of their own in Python."""


def generate() -> str:
    """The text of the reference."""
    chapters: dict[str, list[Declaration]] = {}
    for declaration in TERMS.values():
        chapters.setdefault(declaration.function.__module__, []).append(declaration)
    parts = [_HEAD]
    for module in sorted(chapters):
        text = re.split(r"[;.]( |\n)", sys.modules[module].__doc__ or "")[0]
        rows = [row for declaration in sorted(chapters[module], key=lambda one: one.name) for row in _rows(declaration)]
        title = module.rpartition(".")[2].replace("_", " ").capitalize()
        parts.append(
            f"## {title}\n\n{text.rstrip('.')}.\n\n| term | what it is |\n|---|---|\n" + "\n".join(rows) + "\n"
        )
    return "\n".join(parts)


def _rows(declaration: Declaration) -> Iterator[str]:
    calls = list(_calls(declaration))
    text = " ".join(declaration.doc.partition("\n\n")[0].split())
    sentence = text.partition(". ")[0].rstrip(".:") + "."
    yield f"| {'<br>'.join(f'`{call}`' for call in calls)} | {sentence} |".replace(" | |", " |")


def _calls(declaration: Declaration) -> Iterator[str]:
    """The ways to call a term: with an operator, in a chain, on `r`; by its aliases too."""
    if declaration.constant:
        yield f"r.{declaration.name}"
        return
    arguments = [_shown(parameter) for parameter in declaration.arguments]
    rest = [f"*{declaration.rest.name}"] if declaration.rest is not None else []
    options = [f"{name}=" for name in declaration.options]
    if declaration.name in _SYNTAX:
        yield _SYNTAX[declaration.name]
    for name in declaration.methods:
        if declaration.on in ("chain", "both"):
            first, inside = (arguments[0].strip("[]"), arguments[1:]) if arguments else (rest[0].strip("*s"), rest)
            yield f"{first}.{name}({', '.join([*inside, *(rest if arguments else []), *options])})"
        if declaration.on == "r":
            yield f"r.{name}({', '.join([*arguments, *rest, *options])})"
    if declaration.on == "both":
        yield f"r.{declaration.methods[0]}({', '.join([*arguments, *rest, *options])})"


def _shown(parameter: Parameter) -> str:
    return parameter.name if parameter.required else f"[{parameter.name}]"


if __name__ == "__main__":
    REFERENCE.write_text(generate(), encoding="utf-8")
