"""JavaScript, as `r.js` runs it: a script in a context of its own, its value as one of ours, its functions to be called.

QuickJS runs it, without access to anything outside, within a time and a memory limit. It runs in a process of its own
(`query/javascript_worker.py`), which is begun with the first script, serves one script at a time, and is kept for the next
one: a script that makes the interpreter crash, or that does not stop when it is told to, costs that process and nothing
else. Values pass as JSON: times are Dates, numbers doubles.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import selectors
import subprocess
import sys
import time
import weakref
from pathlib import Path
from threading import Lock
from typing import Final

from query import javascript_worker
from query.errors import ReqlOpFailedError, ReqlQueryLogicError
from query.json_reading import JsonError, read_json
from query.json_text import compact
from query.values import Bound, Value

_IDLE_WORKERS: Final = 4
"""Processes that are kept for scripts to come."""

_GRACE_SECONDS: Final = 0.5
"""How long after its time a script is given to stop by itself."""

_LONGEST_WAIT_SECONDS: Final = 1_000_000


class WorkerCrashError(Exception):
    """The process ended before it had answered."""


class WorkerTimeoutError(Exception):
    """The process did not answer in time; it was ended."""


class Worker:
    """A process that runs scripts, and what it is asked."""

    def __init__(self, folder: str) -> None:
        path = Path(javascript_worker.__file__)
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(path), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # an interrupt from the keyboard is for the user's process
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._questions, self._answers = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._questions, False)
        self._writable, self._readable = selectors.DefaultSelector(), selectors.DefaultSelector()
        self._writable.register(self._questions, selectors.EVENT_WRITE)
        self._readable.register(self._answers, selectors.EVENT_READ)

    def ask(self, question: str, seconds: float) -> str:
        """The answer to a question; WorkerCrashError or WorkerTimeoutError where there is none, and the process has ended."""
        end = time.monotonic() + min(seconds, _LONGEST_WAIT_SECONDS)
        data = question.encode("utf-8", "surrogatepass")
        try:
            self._write(len(data).to_bytes(8, "big") + data, end)
            length = int.from_bytes(self._read(8, end), "big")
            return self._read(length, end).decode("utf-8", "surrogatepass")
        except BaseException:
            self.end()
            raise

    def _write(self, data: bytes, end: float) -> None:
        left = memoryview(data)
        while left:
            _await(self._writable, end)
            try:
                left = left[os.write(self._questions, left) :]
            except BrokenPipeError:
                raise WorkerCrashError from None

    def _read(self, count: int, end: float) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            _await(self._readable, end)
            part = os.read(self._answers, min(count - len(parts), 2**20))
            if not part:
                raise WorkerCrashError
            parts += part
        return bytes(parts)

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def end(self) -> None:
        """End the process."""
        self._writable.close()
        self._readable.close()
        self._process.kill()
        self._process.communicate()


def _await(selector: selectors.BaseSelector, end: float) -> None:
    if not selector.select(max(end - time.monotonic(), 0)):
        raise WorkerTimeoutError


_idle: list[Worker] = []
os.register_at_fork(after_in_child=_idle.clear)


@atexit.register
def _end_idle() -> None:
    while _idle:
        _idle.pop().end()


def _folder() -> str:
    """The folder of the library `quickjs`; ReqlOpFailedError without it."""
    try:
        found = importlib.util.find_spec("quickjs")
    except (ImportError, ValueError):
        found = None
    if found is None or found.origin is None:
        raise ReqlOpFailedError("r.js needs the library `quickjs`, which is not installed: pip install 'docstore[js]'.")
    return str(Path(found.origin).parent.parent)


def _new_worker() -> Worker:
    folder = _folder()
    while True:
        try:
            worker = _idle.pop()
        except IndexError:
            return Worker(folder)
        if worker.is_alive:
            return worker
        worker.end()


def _give_back(worker: Worker) -> None:
    if len(_idle) < _IDLE_WORKERS:
        _idle.append(worker)
    else:
        worker.end()


class Script:
    """One script, run once; what it gives may be a function, which can be called, by one thread at a time."""

    def __init__(self, source: str, timeout_ms: int) -> None:
        self.source = source
        self.timeout_ms = timeout_ms
        self.value: Value = None
        self.is_function = False
        self._lock = Lock()
        self._worker: Worker | None = _new_worker()
        self._release = weakref.finalize(self, _give_back, self._worker)
        self.value = self._told(f"s{max(timeout_ms, 1)} {source}")
        if not self.is_function:
            self._release()

    def call(self, *args: Value) -> Value:
        """What the function gives for arguments."""
        for arg in args:
            _check_passable(arg)
        return self._told(f"c[{','.join(map(compact, args))}]")

    def _told(self, question: str) -> Value:
        found = self._asked(question)
        if found[0] == "x":
            raise self._failure(found[1:])
        if found[0] == "e":
            raise ReqlQueryLogicError(found[1:])
        self.is_function = self.is_function or found == "f"
        try:
            return None if found == "f" else read_json(found[1:])
        except JsonError as error:
            raise ReqlQueryLogicError(f"Cannot convert what the script gave: {error}") from None

    def _asked(self, question: str) -> str:
        with self._lock:
            if self._worker is None:
                raise self._failure("")
            try:
                return self._worker.ask(question, self.timeout_ms / 1000 + _GRACE_SECONDS)
            except BaseException as error:
                self._worker = None
                self._release.detach()
                if isinstance(error, WorkerTimeoutError):
                    raise self._failure("interrupted") from None
                if isinstance(error, WorkerCrashError):
                    raise self._failure("") from None
                raise

    def _failure(self, reason: str) -> ReqlQueryLogicError:
        """What no script can catch: its time was over, or its memory."""
        if "interrupted" in reason:
            seconds = f"{self.timeout_ms // 1000}.{self.timeout_ms % 1000:03}"
            return ReqlQueryLogicError(f"JavaScript query `{self.source}` timed out after {seconds} seconds.")
        if reason.startswith("InternalError: stack overflow"):
            return ReqlQueryLogicError("InternalError: stack overflow")
        return ReqlQueryLogicError(f"Javascript query `{self.source}` caused a crash in a worker process.")


def _check_passable(value: Value) -> None:
    kind = type(value)
    if kind is bytes:
        raise ReqlQueryLogicError("`r.binary` data cannot be used in `r.js`.")
    if kind is Bound:
        raise ReqlQueryLogicError(f"`{value!r}` cannot be passed to `r.js`.")
    if kind is list or kind is dict:
        for item in value if kind is list else value.values():
            _check_passable(item)
