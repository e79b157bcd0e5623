"""Values as the Python text that makes them, whole or cut short; it needs `r`, `datetime` and `Vector` at hand."""

from __future__ import annotations

from query.geometries import Geometry
from query.values import Time, Value
from query.vectors import Vector


def literal(value: Value) -> str:
    """The Python text of a value.

    >>> literal([True, {"a": b"x"}])
    "[True, {'a': b'x'}]"
    """
    kind = type(value)
    if kind is list:
        return f"[{', '.join([literal(item) for item in value])}]"
    if kind is dict:
        return f"{{{', '.join([f'{name!r}: {literal(item)}' for name, item in value.items()])}}}"
    return _scalar(value)


def shortened(value: Value, limit: int) -> str:
    """The Python text of a value, cut to about so many characters with `...` in place of what is left out.

    >>> shortened(list(range(1000)), 10)
    '[0, 1, 2, 3, ...]'
    """
    kind = type(value)
    if kind is list or kind is dict:
        named = kind is dict
        items: list[str] = []
        for item in value.items() if named else value:
            used = sum([len(text) + 2 for text in items])
            if used > limit:
                items.append("...")
                break
            items.append(
                f"{shortened(item[0], limit)}: {shortened(item[1], limit - used)}"
                if named
                else shortened(item, limit - used)
            )
        return f"{{{', '.join(items)}}}" if named else f"[{', '.join(items)}]"
    if (kind is str or kind is bytes) and len(value) > limit:
        return f"{value[: max(limit, 10)]!r}..."
    if kind is Vector and value.dimensions > limit // 4:
        return str(value.shown())
    return _scalar(value)


def _scalar(value: Value) -> str:
    if type(value) is Time:
        parts = [value.year, value.month, value.day, value.hour, value.minute]
        parts += [value.second, value.microsecond] if value.microsecond else [value.second] if value.second else []
        return f"datetime.datetime({', '.join(map(str, parts))}, tzinfo=r.make_timezone({value.zone!r}))"
    if type(value) is Geometry:
        return literal(dict(value))
    return repr(value)
