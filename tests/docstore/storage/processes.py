"""Other processes for the tests: they run a piece of Python that has `path`, `open_lmdb` and a few modules at hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PRELUDE = """
import os, sys, time, resource, signal, threading
from docstore.errors import *
from docstore.storage.lmdb import open_lmdb
from docstore.storage.queue import WriteQueue
path = sys.argv[1]
"""


def start(code: str, path: Path) -> subprocess.Popen[str]:
    """Start a process; tell it things with a line on `stdin`, hear from it on `stdout`."""
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )


def run(code: str, path: Path) -> str:
    """What a process prints; it must end well, and in time."""
    process = start(code, path)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output
    return output.strip()


def hear(process: subprocess.Popen[str]) -> str:
    """The next line that a process prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str]) -> None:
    """Let a process that reads a line go on."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
