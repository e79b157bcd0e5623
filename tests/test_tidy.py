"""The style of the source files, as far as a program can judge it: who imports what, sizes, docstrings, dead modules."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from itertools import accumulate
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for package in ("query", "docstore", "benchmarks") for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

MOST_LINES = 500

IMPORTERS = {
    "lmdb": {"docstore/storage/*"},
    "msgpack": {"docstore/documents.py", "docstore/dump.py"},
    "msgspec": {
        "docstore/catalog_records.py",
        "docstore/cursor.py",
        "docstore/documents.py",
        "docstore/importing.py",
        "query/json_text.py",
        "query/wire.py",
    },
    "numpy": {"docstore/indexes/vector/*"},
    "quickjs": {"query/javascript_worker.py"},
    "requests": {"query/web.py"},
    "rich": {"docstore/cli.py", "docstore/demo/*", "docstore/progress.py"},
    "sortedcontainers": {"docstore/storage/memory.py", "docstore/storage/versions.py"},
}
"""Who alone may import what. numpy is for those who need it when they need it: inside a function, or for a type."""

ENTRANCES = {"docstore.__main__", "docstore.demo.victim", "query.reference", "query.stub", "docstore", "query"}
"""Modules that nobody imports, since they are run or are what users import."""

QUERY_ORDER = [
    "errors", "values", "term", "runtime", "registry", "evaluate", "terms", "planner", "builder",
]  # fmt: skip
DOCSTORE_ORDER = [
    "errors", "storage", "keys", "documents", "layout", "catalog", "indexes", "table", "build", "store", "check",
    "connection", "cli",
]  # fmt: skip
"""A module may import what stands before it in this order, and not what stands after it."""


def module_name(path: Path) -> str:
    """`docstore.storage.lmdb` for its file."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path, *, at_import: bool = False) -> Iterator[str]:
    """The modules that a file imports; with `at_import`, only those that importing the file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in _executed(tree) if at_import else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that are executed when a module is imported: no bodies of functions, no `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _executed(child)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_language_knows_no_database() -> None:
    for path in (ROOT / "query").rglob("*.py"):
        assert not [name for name in imports(path) if name.split(".")[0] == "docstore"], path


@pytest.mark.parametrize("library", IMPORTERS)
def test_a_library_is_imported_only_where_it_belongs(library: str) -> None:
    allowed = IMPORTERS[library]
    for path in SOURCES:
        if relative(path).startswith("benchmarks/") or any(Path(relative(path)).match(place) for place in allowed):
            continue
        found = [name for name in imports(path, at_import=library == "numpy") if name.split(".")[0] == library]
        assert not found, f"{relative(path)} imports {library}"


@pytest.mark.parametrize(("package", "order"), [("query", QUERY_ORDER), ("docstore", DOCSTORE_ORDER)])
def test_a_file_imports_only_what_stands_above_it(package: str, order: list[str]) -> None:
    places = {name: place for place, name in enumerate(order)}
    for path in (ROOT / package).rglob("*.py"):
        own = places.get(module_name(path).partition(".")[2].partition(".")[0])
        if own is None:
            continue
        for name in imports(path, at_import=True):
            top = name.split(".")
            place = places.get(top[1]) if top[0] == package and len(top) > 1 else None
            assert place is None or place <= own, f"{relative(path)} imports {name}, which stands below it"


def test_no_import_goes_in_a_circle() -> None:
    names = {module_name(path): path for path in SOURCES}
    graph = {
        name: {found for found in imports(path, at_import=True) if found in names and found != name}
        for name, path in names.items()
        if path.name != "__init__.py"
    }
    order = TopologicalSorter({name: [found for found in wanted if found in graph] for name, wanted in graph.items()})
    order.prepare()


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=relative)
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_everything_public_has_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bare = list(_without_docstring(tree, ""))
    if relative(path).startswith("benchmarks/"):  # their stores are rows of one table, which the module describes
        bare = [name for name in bare if "." not in name]
    if path.name != "__init__.py" or tree.body:
        assert ast.get_docstring(tree), "the module has no docstring"
    assert not bare


def _without_docstring(parent: ast.AST, prefix: str) -> Iterator[str]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            if not ast.get_docstring(node) and not _is_said_elsewhere(node):
                yield prefix + node.name
            if isinstance(node, ast.ClassDef):
                yield from _without_docstring(node, f"{node.name}.")
        elif isinstance(node, ast.If | ast.Try):
            yield from _without_docstring(node, prefix)


def _is_said_elsewhere(node: ast.AST) -> bool:
    """Whether the docstring stands at the property that a setter belongs to, or at the function of an overload."""
    decorators = [ast.unparse(decorator) for decorator in getattr(node, "decorator_list", [])]
    return any(decorator.endswith((".setter", "overload")) for decorator in decorators)


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=relative)
def test_nothing_is_left_for_later(path: Path) -> None:
    words = "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK", "STOP" + "GAP"])
    found = re.findall(rf"\b(?:{words})\b", path.read_text(encoding="utf-8"))
    assert not found


def test_every_module_is_used() -> None:
    used = {name for path in SOURCES for name in imports(path)}
    used |= {package for name in used for package in accumulate(name.split("."), "{}.{}".format)}
    unused = {module_name(path) for path in SOURCES if not relative(path).startswith("benchmarks/")} - used - ENTRANCES
    assert not unused


def test_the_import_is_quick_and_leaves_out_what_is_seldom_needed() -> None:
    code = "import sys, docstore; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "rich", "argparse", "asyncio", "gzip"} & set(loaded)
