"""Geometries as values: GeoJSON objects that are told from other objects by their class.

What they mean, and what can be done with them, is in `query.geometry`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, final

PSEUDO_TYPE: Final = "$reql_type$"
"""The field that tells what an object stands for, where it stands for a value that JSON has no form for."""


@final
class Geometry(dict[str, Any]):
    """A point, a line or a polygon on the earth: the GeoJSON object `{"type": ..., "coordinates": ...}`.

    To users it is a dict with a `$reql_type$` in it, as RethinkDB's drivers give it; not to be changed.
    """

    __slots__ = ()

    def __init__(self, geojson: Mapping[str, Any]) -> None:
        super().__init__({PSEUDO_TYPE: "GEOMETRY", **geojson})

    @property
    def geojson(self) -> dict[str, Any]:
        """The object without its `$reql_type$`."""
        return {name: item for name, item in self.items() if name != PSEUDO_TYPE}

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Geometry):
            from query.values import equal

            return equal(self.geojson, other.geojson)
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:  # type: ignore[override]
        from query.values import sort_key

        return hash(sort_key(self.geojson))

    def __reduce__(self) -> Any:
        return (Geometry, (self.geojson,))
