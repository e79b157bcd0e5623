"""What was seen of the parts of a query while it ran, for `explain`: rows counted, tests counted, time taken."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from query.closures import Closure, Env, MakeKeep
from query.runtime import Keep
from query.term import Term
from query.values import Value


class Seen:
    """What was seen of one part of a query while it ran; the seconds are its own and those of what it reads from."""

    __slots__ = ("rows", "seconds", "tested")

    def __init__(self) -> None:
        self.rows = 0
        self.tested = 0
        self.seconds = 0.0


class Profile:
    """What was seen of each part, by the identity of its term."""

    def __init__(self) -> None:
        self.parts: dict[int, Seen] = {}

    def watch(self, node: Term, rows: Closure) -> Closure:
        """The rows of a part, counted and timed."""
        seen = self.parts.setdefault(id(node), Seen())

        def watched(env: Env) -> Iterator[Value]:
            started = perf_counter()
            found = rows(env)
            seen.seconds += perf_counter() - started
            while True:
                started = perf_counter()
                try:
                    row = next(found)
                except StopIteration:
                    return
                finally:
                    seen.seconds += perf_counter() - started
                seen.rows += 1
                yield row

        return watched

    def watch_keep(self, node: Term, keep: MakeKeep) -> MakeKeep:
        """The test of a scan, its calls counted."""
        seen = self.parts.setdefault(id(node), Seen())

        def make(env: Env) -> Keep:
            fields, test = keep(env)

            def counted(row: Value) -> bool:
                seen.tested += 1
                return test(row)

            return Keep(fields, counted)

        return MakeKeep(keep.fields, make)
