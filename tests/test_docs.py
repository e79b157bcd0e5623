"""What is written for users is true: the README's code runs and is well typed, every example of a docstring holds, and every
term, option, command, public name and error class is described.

In the README a comment `# => value` after an expression says what it gives; a cursor stands for the list of its rows.
"""

from __future__ import annotations

import ast
import doctest
import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import docstore
import query
from docstore import Connection, Cursor
from docstore.cli import command_parser
from docstore.options import OPTIONS
from query import Query, r, reference
from query.registry import TERMS, Declaration

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)

POSTS: list[dict[str, Any]] = [
    {"id": 1, "title": "Hello", "author": "ann"},
    {"id": 2, "title": "Indexes", "author": "bob"},
    {"id": 3, "title": "Cursors", "author": "cid"},
]


# The README


def test_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "readme"}
    try:
        for block in BLOCKS:
            run_block(block, names)
        assert docstore.check(names["db"]).ok
    finally:
        if "db" in names:
            names["db"].close()


def run_block(block: str, names: dict[str, Any]) -> None:
    """Run a block of code, statement by statement, and compare what expressions give with what is said."""
    lines = block.splitlines()
    for statement in ast.parse(block).body:
        said = lines[(statement.end_lineno or 0) - 1].partition("# => ")[2]
        if isinstance(statement, ast.Expr):
            found = eval(compile(ast.Expression(statement.value), "README.md", "eval"), names)
            if said:
                found = list(found) if isinstance(found, Cursor) else found
                assert found == ast.literal_eval(said), ast.unparse(statement)
        else:
            exec(compile(ast.Module([statement], []), "README.md", "exec"), names)


def test_the_readme_is_well_typed(tmp_path: Path) -> None:
    script = tmp_path / "readme.py"
    script.write_text("\n".join(BLOCKS), encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache"), str(script)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    errors = [line for line in found.stdout.splitlines() if line.startswith(str(script))]
    assert not errors, found.stdout


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)\)", README))))
def test_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


@pytest.mark.parametrize("name", sorted({*docstore.__all__, *query.__all__} - {"errors", "terms"}))
def test_every_public_name_is_in_the_readme(name: str) -> None:
    assert re.search(rf"\b{name}\b", README)


def test_every_command_and_its_options_are_in_the_readme() -> None:
    commands = command_parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    assert isinstance(commands, dict)
    for name, parser in commands.items():
        assert f"docstore {name}" in README
        for action in parser._actions:
            long = [option for option in action.option_strings if option.startswith("--")]
            assert not long or long == ["--help"] or any(option in README for option in long), long


def test_every_option_of_connect_is_in_the_readme() -> None:
    for name in inspect.signature(docstore.connect).parameters:
        assert name in README


# The reference


def test_the_reference_is_as_the_terms_are_declared() -> None:
    written = reference.REFERENCE.read_text(encoding="utf-8")
    assert written == reference.generate(), "stale: run `python -m query.reference`"


@pytest.mark.parametrize("declaration", TERMS.values(), ids=TERMS.keys())
def test_every_name_of_a_term_has_a_row_in_the_reference(declaration: Declaration) -> None:
    written = reference.REFERENCE.read_text(encoding="utf-8")
    for name in declaration.methods:
        assert re.search(rf"^\|.*\.{name}\b", written, re.MULTILINE)


# Docstrings


def test_every_term_has_an_example() -> None:
    assert not [name for name, declaration in TERMS.items() if ">>>" not in declaration.doc]


def documented() -> Iterator[tuple[str, Any]]:
    """Everything whose docstring is for users: its name, and it."""
    yield from ((f"r.{name}", declaration.function) for name, declaration in TERMS.items())
    for thing in (Connection, Cursor, Query, type(r)):
        yield thing.__name__, thing
        for name, member in vars(thing).items():
            if not name.startswith("_") and not hasattr(member, "__signature__"):
                yield f"{thing.__name__}.{name}", member
    yield from (("connect", docstore.connect), ("check", docstore.check))


EXAMPLES = [(name, thing) for name, thing in documented() if ">>>" in (inspect.getdoc(thing) or "")]


@pytest.mark.parametrize("thing", [thing for _, thing in EXAMPLES], ids=[name for name, _ in EXAMPLES])
def test_the_example_of_a_docstring_holds(thing: Callable[..., Any]) -> None:
    with docstore.connect() as db:
        r.table_create("posts").run(db)
        r.table("posts").insert(POSTS).run(db)
        r.table("posts").index_create("author").run(db)
        names = {"r": r, "db": db, "connect": docstore.connect, "check": docstore.check}
        example = doctest.DocTestParser().get_doctest(inspect.getdoc(thing) or "", names, str(thing), None, None)
        said: list[str] = []
        doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=said.append)
        assert not said, "".join(said)


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_every_option_of_run_is_checked(name: str) -> None:
    with pytest.raises(query.ReqlError):
        OPTIONS[name](name, b"what no option can be")
