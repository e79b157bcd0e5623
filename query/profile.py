"""What was seen of the parts of a query while it ran: rows counted, tests counted, time taken.

A `Profile` watches the rows that pass, for `explain`. A `Timing` watches every part as it is evaluated, for the run option
`profile`, and tells RethinkDB's tasks: what was done once has its `duration(ms)`, what was done for each row of something
the mean of all times and their number; each with the time of its `sub_tasks` in it. Nothing is watched, and nothing paid,
where neither is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, Final

from query.closures import Closure, Env, MakeKeep
from query.runtime import Document, Keep, Stream, Tested
from query.term import FUNC, IMPLICIT_VAR, PARAMETER, VAR, Argument, Term
from query.values import Value


class Seen:
    """What was seen of one part of a query while it ran; the seconds are its own and those of what it reads from."""

    __slots__ = ("calls", "rows", "seconds", "tested", "ways")

    def __init__(self) -> None:
        self.calls = 0
        self.rows = 0
        self.tested = 0
        self.seconds = 0.0
        self.ways: dict[Tested, int] = {}
        """How a search for the nearest came by what its filter lets through, and how many documents were tested in each way."""


class Profile:
    """What was seen of each part, by the identity of its term."""

    def __init__(self) -> None:
        self.parts: dict[int, Seen] = {}

    def watch_any(self, node: Term, closure: Closure) -> Closure:
        """A part that is evaluated; this profile looks at rows alone."""
        return closure

    def watch(self, node: Term, rows: Closure) -> Closure:
        """The rows of a part, counted and timed."""
        seen = self.parts.setdefault(id(node), Seen())

        def watched(env: Env) -> Iterator[Value]:
            started = perf_counter()
            found = rows(env)
            seen.seconds += perf_counter() - started
            yield from _watched(found, seen)

        return watched

    def watch_tests(self, node: Term) -> Callable[[Tested, int], None]:
        """What is told of the tests of a search for the nearest."""
        ways = self.parts.setdefault(id(node), Seen()).ways

        def tell(way: Tested, documents: int) -> None:
            ways[way] = ways.get(way, 0) + documents

        return tell

    def watch_keep(self, node: Term, keep: MakeKeep) -> MakeKeep:
        """The test of a scan, its calls counted."""
        seen = self.parts.setdefault(id(node), Seen())

        def make(env: Env) -> Keep:
            fields, test, _ = keep(env)

            def counted(row: Value) -> bool:
                seen.tested += 1
                return test(row)

            return Keep(fields, counted)

        return MakeKeep(keep.fields, make)


_UNTIMED: Final = frozenset({PARAMETER, VAR, IMPLICIT_VAR})
"""What costs less than looking at the clock."""


class Timing(Profile):
    """Times every part as it is evaluated, and the rows that it gives as they are read."""

    def __init__(self) -> None:
        super().__init__()
        self._nodes: list[Term] = []
        """The parts that are watched, kept alive: they are known by their identity."""

    def watch(self, node: Term, rows: Closure) -> Closure:
        """See Profile."""
        self._nodes.append(node)
        watched, seen = super().watch(node, rows), self.parts[id(node)]

        def counted(env: Env) -> Any:
            seen.calls += 1
            return watched(env)

        return counted

    def watch_any(self, node: Term, closure: Closure) -> Closure:
        """See Profile."""
        if node.kind in _UNTIMED or node.kind is FUNC:
            return closure
        self._nodes.append(node)
        seen = self.parts.setdefault(id(node), Seen())

        def watched(env: Env) -> Any:
            seen.calls += 1
            started = perf_counter()
            try:
                found = closure(env)
            finally:
                seen.seconds += perf_counter() - started
            return _timed(found, seen) if type(found) is Stream else found

        return watched

    def tasks(self, node: Argument) -> list[Document]:
        """The tasks of a part: its own, or those of its parts where it was not evaluated by itself."""
        if type(node) is not Term or node.kind in _UNTIMED:
            return []
        children = [node.args[1]] if node.kind is FUNC else node.children()
        below = [task for child in children for task in self.tasks(child)]
        seen = self.parts.get(id(node))
        if seen is None or not seen.calls:
            return below
        return [task_of(f"Evaluating {node.kind.name}.", seen.seconds, below, seen.calls)]


def task_of(description: str, seconds: float, sub_tasks: list[Document], calls: int = 1) -> Document:
    """One task of a profile."""
    milliseconds = seconds * 1000
    if calls == 1:
        return {"description": description, "duration(ms)": milliseconds, "sub_tasks": sub_tasks}
    return {
        "description": description,
        "mean_duration(ms)": milliseconds / calls,
        "n_samples": calls,
        "sub_tasks": sub_tasks,
    }


def _timed(stream: Stream, seen: Seen) -> Stream:
    return Stream(lambda: _watched(stream.rows(), seen), stream.type_name, stream.table)


def _watched(rows: Iterator[Value], seen: Seen) -> Iterator[Value]:
    """The same rows, counted and timed."""
    while True:
        started = perf_counter()
        try:
            row = next(rows)
        except StopIteration:
            return
        finally:
            seen.seconds += perf_counter() - started
        seen.rows += 1
        yield row
