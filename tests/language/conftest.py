"""The behaviour of the language as data: each YAML file of this folder is a chapter, a list of cases.

    - {query: "r.expr([1, 2]).count()", gives: 2}
    - {query: "r.expr([1, 2]).count()", gives_python: "1 + 1"}
    - {query: "r.expr([]).min()", raises: ReqlNonExistenceError, message: "empty stream"}
    - {query: "r.table('posts')", gives: [{id: 1}, {id: 2}], any_order: true, gives_type: TABLE}

`query` is Python source, evaluated with `r` and the names of `datetime` in reach; `gives_python` too, for what YAML cannot
say. Values are the same only if their types are: 1 is neither 1.0 nor true. `message` is contained in the error's
message. `gives_type` is what `type_of` gives; `options` are those of `run`.

Every case has a store of its own, in memory. A chapter that needs documents is a mapping of `tables` (documents by name of
table), `setup` (queries that are run first, as for indexes), and `cases`; a case may have `setup` as well.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from query import r

NAMES = {"r": r, **{name: getattr(datetime, name) for name in ("datetime", "timedelta", "timezone", "UTC")}}


def chapters() -> list[tuple[str, dict[str, Any]]]:
    """Every chapter by its name, in the form with `cases`."""
    found = []
    for path in sorted(Path(__file__).parent.glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        found.append((path.stem, content if isinstance(content, dict) else {"cases": content}))
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each case, named after its chapter and its query."""
    if {"chapter", "case"} <= set(metafunc.fixturenames):
        pairs = [(name, chapter, case) for name, chapter in chapters() for case in chapter["cases"]]
        names = [f"{name}-{case['query']}" for name, _, case in pairs]
        metafunc.parametrize(("chapter", "case"), [(chapter, case) for _, chapter, case in pairs], ids=names)
