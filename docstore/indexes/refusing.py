"""What indexes refuse: those in an order are asked for no shapes, and those of shapes for no order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from query.errors import ReqlQueryLogicError
from query.runtime import Document, Fields, Keep, Range, Run
from query.values import Value


class WithoutShapes:
    """The part of an index in an order that answers what is asked of geospatial ones."""

    __slots__ = ()

    name: str

    def get_intersecting(self, run: Run, geometry: Value, fields: Fields, keep: Keep | None) -> Iterator[Document]:
        """See `query.runtime.Index`."""
        raise self._refusal("get_intersecting")

    def get_nearest(self, run: Run, target: Value, options: Mapping[str, Value]) -> list[Value]:
        """See `query.runtime.Index`."""
        raise self._refusal("get_nearest")

    def _refusal(self, term: str) -> ReqlQueryLogicError:
        return ReqlQueryLogicError(
            f"Index `{self.name}` is not a geospatial index.  {term} can only be used with a geospatial index."
        )


class WithoutOrder:
    """The part of an index that has no order which answers what is asked of ordered ones."""

    name: str
    refusal = "a geospatial index.  Only get_nearest and get_intersecting can use a geospatial index"
    """What it is, and what may use it, in the words of the error."""

    def get_all(self, run: Run, keys: Sequence[Value], fields: Fields, keep: Keep | None) -> Iterator[Document]:
        """See `query.runtime.Index`."""
        raise self._unordered()

    def between(
        self, run: Run, bounds: Range, fields: Fields, keep: Keep | None, *, reverse: bool = False
    ) -> Iterator[Document]:
        """See `query.runtime.Index`."""
        raise self._unordered()

    def count(self, run: Run, keys: Sequence[Value]) -> int:
        """See `query.runtime.Index`."""
        raise self._unordered()

    def count_between(self, run: Run, bounds: Range, most: int) -> int:
        """See `query.runtime.Index`."""
        raise self._unordered()

    def keys(self, run: Run, bounds: Range, *, reverse: bool = False) -> Iterator[Value]:
        """See `query.runtime.Index`."""
        raise self._unordered()

    def _unordered(self) -> ReqlQueryLogicError:
        return ReqlQueryLogicError(f"Index `{self.name}` is {self.refusal}.")
