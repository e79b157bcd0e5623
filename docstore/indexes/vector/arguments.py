"""What `index_create(..., vector={...})` takes, checked, with every name that Milvus and vecs have for the same.

| argument     | what it is                                                | default          | aliases                                    |
|--------------|-----------------------------------------------------------|------------------|--------------------------------------------|
| `dimensions` | numbers in a vector                                       | must be given    | `dim`, `dimension`                         |
| `measure`    | see `query.measures`                                      | `cosine`, of bits `hamming` | `metric_type`                   |
| `method`     | see below                                                 | `auto`           | `index_type`                               |
| `type`       | `float32`, `float16`, `int8`, `bits`: how the index keeps them | `float32`, or bits for a measure of bits |           |
| `strict`     | whether a wrong vector is its document's error            | False            |                                            |
| `seed`       | of all that is drawn by chance                            | 0                |                                            |
| `n_lists`    | for ivf: lists for the documents there are, 1 to 65,536 | by size          | `nlist`, `lists`                           |
| `m`, `ef_construction` | for hnsw: 2 to 100; 4 to 1,000, at least 2 m    | 16, 64           | `M`, `efConstruction`                      |

The method's own arguments may also stand in a dict called `params`, `index_arguments` or `arguments`.

| method       | what it keeps                                                             |
|--------------|---------------------------------------------------------------------------|
| `auto`       | lists, searched all of them as long as they are few                        |
| `flat`       | the same, always searched all of them: exact                               |
| `ivfflat`    | lists of exact vectors                                                     |
| `ivfsq8`     | lists of vectors with one byte a number, and the exact ones beside them    |
| `ivfrabitq`  | lists of vectors with one bit a number, and the exact ones beside them     |
| `hnsw`       | lists, and in memory a graph                                               |

Vectors of bits have neither lists nor a graph: by `auto` and `flat` all are compared, a million in some 10 ms.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any, Final

from docstore.indexes.vector.names import ARGUMENT_ALIASES, METHOD_ALIASES, NEAREST_METHODS, OF_IVF_PQ, unknown_argument
from docstore.indexes.vector.warn import warn
from query.errors import ReqlQueryLogicError
from query.measures import MEASURES, OF_BITS, measure_named
from query.values import Value, describe
from query.vectors import MAX_DIMENSIONS, TYPES

TARGET_VECTORS: Final = 256
"""Vectors of a list at best: lists are about as many as vectors in one, for some 100,000."""

LEAST_TARGET: Final = 16
MOST_TARGET: Final = 4_096
"""Bounds of what `n_lists` can make of it: a list is split in one step of a transaction."""

METHODS: Final = ("auto", "flat", "ivfflat", "ivfsq8", "ivfrabitq", "hnsw")

_NESTED: Final = ("params", "index_arguments", "arguments")
_COMMON: Final = ("dimensions", "measure", "method", "type", "strict", "seed")
_OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "auto": (),
    "flat": (),
    "ivfflat": ("n_lists",),
    "ivfsq8": ("n_lists",),
    "ivfrabitq": ("n_lists",),
    "hnsw": ("m", "ef_construction"),
}
_RANGES: Final = {"n_lists": (1, 65_536), "m": (2, 100), "ef_construction": (4, 1_000)}
_DEFAULTS: Final = {"m": 16, "ef_construction": 64}


def vector_options(given: Mapping[str, Value], documents: int) -> dict[str, Value]:
    """The options of an index's definition from what a user gave; ReqlQueryLogicError for what cannot be.

    `target_vectors` is among them: how long lists are to be, of a table that has so many documents by now.
    """
    flat = _flattened(given)
    # The method first: who asks for one that there is none of gives arguments that there are none of too.
    method = _method(flat)
    named = _named(flat)
    measure = measure_named(named["measure"]) if "measure" in named else None
    if method == "hnsw" and not has_graphs():
        warn_without_graphs()
    kind = named.get("type") or ("bits" if measure in OF_BITS else "float32")
    if kind not in TYPES:
        raise ReqlQueryLogicError(f"Expected a type of vector ({', '.join(TYPES)}) but found {describe(kind)}.")
    measure = measure or ("hamming" if kind == "bits" else "cosine")
    if (kind == "bits") != (measure in OF_BITS):
        fitting = [name for name in MEASURES if (name in OF_BITS) == (kind == "bits")]
        raise ReqlQueryLogicError(
            f"The measure `{measure}` is not for vectors of {kind}; those for it are {', '.join(fitting)}."
        )
    if kind == "bits" and method not in ("auto", "flat"):
        raise ReqlQueryLogicError(
            f"The method `{method}` is not for vectors of bits, which have neither lists nor a graph; `flat` is."
        )
    options: dict[str, Value] = {
        "dimensions": _dimensions(named, kind),
        "measure": measure,
        "method": method,
        "seed": _whole("seed", named.get("seed", 0), 0, 2**31 - 1),
        "strict": _flag("strict", named.get("strict", False)),
        "type": kind,
    }
    arguments = _arguments(named, method)
    number = arguments.get("n_lists")
    target = TARGET_VECTORS
    if number is not None and documents:
        target = min(max(documents // number, LEAST_TARGET), MOST_TARGET)
    return {**options, "arguments": arguments, "target_vectors": target}


def has_graphs() -> bool:
    """Whether faiss is installed."""
    return importlib.util.find_spec("faiss") is not None


def warn_without_graphs() -> None:
    """Tell that there can be no graphs."""
    warn(
        "The method `hnsw` needs faiss-cpu, which is not installed: pip install 'docstore[hnsw]'. Without it the index "
        "answers from its lists."
    )


def _flattened(given: Mapping[str, Value]) -> list[tuple[str, Value]]:
    """The arguments as they were given, those of nested dicts among them."""
    flat: list[tuple[str, Value]] = []
    for name, value in given.items():
        if name not in _NESTED:
            flat.append((name, value))
        elif value is None or isinstance(value, dict):
            flat += (value or {}).items()
        else:
            raise ReqlQueryLogicError(
                f"Expected an object of the method's own arguments in `{name}` but found {describe(value)}."
            )
    return flat


def _named(flat: list[tuple[str, Value]]) -> dict[str, Value]:
    """The arguments by our names."""
    named: dict[str, Value] = {}
    known = (*_COMMON, *_RANGES)
    is_of_pq = any(_is_ivf_pq(name, value) for name, value in flat)
    for name, value in flat:
        if is_of_pq and name in OF_IVF_PQ:
            continue
        ours = ARGUMENT_ALIASES.get(name, name)
        if ours not in known:
            raise unknown_argument(name, known)
        if ours in named:
            raise ReqlQueryLogicError(f"The argument `{ours}` of a vector index is given twice.")
        named[ours] = value
    return named


def _is_ivf_pq(name: str, value: Value) -> bool:
    return ARGUMENT_ALIASES.get(name, name) == "method" and isinstance(value, str) and value.lower() == "ivf_pq"


def _method(flat: list[tuple[str, Value]]) -> str:
    name = next((value for name, value in flat if ARGUMENT_ALIASES.get(name, name) == "method"), "auto")
    text = name.lower() if isinstance(name, str) else ""
    known = METHOD_ALIASES.get(text, text)
    if text in NEAREST_METHODS:
        raise ReqlQueryLogicError(f"There is no method `{name}`; the nearest is `{NEAREST_METHODS[text]}`.")
    if known not in METHODS:
        found = f"`{name}`" if isinstance(name, str) else describe(name)
        raise ReqlQueryLogicError(f"Expected a method ({', '.join(METHODS)}) but found {found}.")
    if text == "ivf_pq":
        unused = [f"`{other}`" for other, _ in flat if other in OF_IVF_PQ]
        without = f", which has no use for {' and '.join(unused)}" if unused else ""
        warn(f"There is no method `IVF_PQ`; the index is made with `ivfrabitq` instead{without}.")
    return known


def _dimensions(named: Mapping[str, Value], kind: str) -> int:
    if "dimensions" not in named:
        raise ReqlQueryLogicError(
            "A vector index needs `dimensions`, the length of its vectors, as in vector={'dimensions': 384}."
        )
    return _whole("dimensions", named["dimensions"], 1, MAX_DIMENSIONS)


def _arguments(named: Mapping[str, Value], method: str) -> dict[str, Value]:
    """The method's own arguments, with their defaults."""
    own = {name: value for name, value in named.items() if name in _RANGES and value is not None}
    if own and method == "auto":
        raise ReqlQueryLogicError(
            f"The argument `{next(iter(own))}` does not go with the method `auto`, which chooses its own: name a method."
        )
    for name in own:
        if name not in _OWN[method]:
            takers = ", ".join([other for other, names in _OWN.items() if name in names])
            raise ReqlQueryLogicError(f"The argument `{name}` is not for the method `{method}`; it is for {takers}.")
    checked: dict[str, Value] = {
        name: _whole(name, own.get(name, _DEFAULTS.get(name)), *_RANGES[name])
        for name in _OWN[method]
        if name in own or name in _DEFAULTS
    }
    if method == "hnsw" and checked["ef_construction"] < 2 * checked["m"]:
        raise ReqlQueryLogicError(
            f"`ef_construction` must be at least 2 * `m`, but {checked['ef_construction']} is less than "
            f"2 * {checked['m']}."
        )
    return checked


def _whole(name: str, value: Value, least: int, most: int) -> int:
    number: Any = int(value) if type(value) is float and value.is_integer() else value
    if type(number) is not int or not least <= number <= most:
        raise ReqlQueryLogicError(f"Expected `{name}` from {least:,} to {most:,} but found {describe(value)}.")
    return number


def _flag(name: str, value: Value) -> bool:
    if type(value) is not bool:
        raise ReqlQueryLogicError(f"Expected True or False for `{name}` but found {describe(value)}.")
    return value
