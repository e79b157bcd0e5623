"""Another process that has a store open, and does what a test tells it to.

    with Other(path) as other:
        assert other("r.table('t').count().run(db)") == 3

`python -m tests.docstore.other PATH OPTIONS` reads Python expressions, one a line, and answers each with one line: the
`repr` of what it gave, or the class and message of what it raised.
"""

from __future__ import annotations

import ast
import resource
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import docstore
from docstore import build
from query import r
from query.errors import ReqlError


class OtherError(Exception):
    """What was raised in the other process."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class Other:
    """The other process; a context manager."""

    def __init__(self, path: Path | str, **options: Any) -> None:
        command = [sys.executable, "-m", "tests.docstore.other", str(path), repr(options)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self, expression: str) -> None:
        """Let it begin with something; `answer` waits for what it gives."""
        assert self.process.stdin is not None
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        """What the expression gave that was started last. OtherError for what it raised."""
        assert self.process.stdout is not None
        kind, content = ast.literal_eval(self.process.stdout.readline())
        if kind == "value":
            return ast.literal_eval(content)
        raise OtherError(kind, content)

    def __call__(self, expression: str) -> Any:
        """Start something and wait for it."""
        self.start(expression)
        return self.answer()

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.process:
            self.process.kill()


def main() -> None:
    path, options = sys.argv[1], ast.literal_eval(sys.argv[2])
    db = docstore.connect(path, **options)

    def limit_files(size_bytes: int) -> None:
        """From now on no file can be written beyond this size: a disk that is full. -1 for no limit."""
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))

    names = {"build": build, "db": db, "docstore": docstore, "limit_files": limit_files, "r": r}
    names |= {"stack": ExitStack(), "kept": {}}
    for line in sys.stdin:
        try:
            value = eval(line, names)
            answer = ("value", repr(value) if isinstance(value, int | str | list | dict | tuple) else "None")
        except ReqlError as error:
            answer = (type(error).__name__, error.message)
        print(repr(answer), flush=True)


if __name__ == "__main__":
    main()
