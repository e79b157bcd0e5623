"""The stub of the builder: as new as the registry, and of use to a type checker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from query import Query, builder
from query.stub import STUB, generate

RIGHT = """
from query import Query, r

rows = [{"a": 1, "b": "mixed", "c": [1, {"d": None}]}]
posts: Query = r.table("posts")
posts.filter(lambda post: (post["a"] > 1) & (post["b"] == "c")).limit(3)[1:].run(durability="soft")
posts.get_all(1, "a", None, [1, {"a": 2}], index="x").order_by("a", r.desc(r.row["b"]), index="c")
posts.insert(rows)
posts.insert({"a": n} for n in range(3))
posts.index_create("y", [r.row["a"], r.row["b"]], multi=True)
posts.map(lambda post: {"a": post["a"], "b": [1 - post["c"]]}).reduce(lambda a, b: a + b)
posts.between(r.minval, [1, r.maxval]).filter({"a": ~r.row["b"]}, default=True)
text: str = str(posts)
"""

WRONG = [
    "r.table('posts').fliter({'a': 1})",
    "r.table(5)",
    "r.table('posts').limit('a')",
    "r.table('posts').between(1)",
    "r.table('posts').get_all(1, idx='a')",
    "r.table('posts').get_all({1, 2})",
    "r.table('posts').reduce(lambda a: a)",
    "len(r.table('posts'))",
    "[row for row in r.table('posts')]",
    "1 in r.table('posts')",
    "r.expr(1) + {1}",
]


def test_the_stub_is_what_the_registry_gives() -> None:
    assert STUB.read_text(encoding="utf-8") == generate(), "run `python -m query.stub`"


def test_all_that_is_public_is_in_the_stub() -> None:
    text = STUB.read_text(encoding="utf-8")
    for name in dir(Query) + dir(builder.R):
        if not name.startswith("_") and name != "term":
            assert f"def {name}(" in text or f"    {name}: " in text


def test_a_type_checker_accepts_right_queries_and_refuses_wrong_ones(tmp_path: Path) -> None:
    head = "from query import r\n"
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text(head + "\n".join(WRONG) + "\n")
    root = Path(__file__).parents[2]
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file",
            str(root / "pyproject.toml"),
            "right.py",
            "wrong.py",
        ],
        cwd=tmp_path,
        env={"MYPYPATH": str(root), "MYPY_CACHE_DIR": str(root / ".mypy_cache")},
        capture_output=True,
        text=True,
    )
    places = {line.split(" error:")[0].rstrip(":") for line in checked.stdout.splitlines() if " error:" in line}
    assert places == {f"wrong.py:{number}" for number in range(2, len(WRONG) + 2)}, checked.stdout + checked.stderr
