"""Writes `builder.pyi`, which editors and type checkers read in place of `builder.py`: run `python -m query.stub`.

The methods come from the registry. What a parameter takes follows from its annotation: a value of that type, or a query
that may give one; where a function may stand, a callable of queries. Arguments are positional and options are keywords,
as they are when a query runs.

What is inside an array or an object may be anything to a type checker: a list of documents whose fields are of several
types is a `list[dict[str, object]]` to it. The guards against Python's traps (`bool`, `in`, `len`, iteration) are left
out, so that type checkers refuse what they would raise for.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from datetime import datetime
from keyword import iskeyword
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin

from query import builder
from query.geometries import Geometry
from query.operators import ARITHMETIC, LOGIC, OPERATORS
from query.registry import TERMS, Declaration, Parameter
from query.runtime import Function
from query.term import Source
from query.values import Time

STUB: Final = Path(__file__).with_name("builder.pyi")

_HEAD: Final = '''\
"""The types of `query.builder`, written by `python -m query.stub` from the declared terms. Not edited by hand."""

# fmt: off

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from types import ModuleType
from typing import Any, NoReturn, Protocol, TypeAlias

from query.convert import Chain
from query.geometries import Geometry
from query.term import Argument

Array: TypeAlias = Sequence[object]
Object: TypeAlias = Mapping[str, object]
Rows: TypeAlias = Iterable[object]
Data: TypeAlias = (
    Query
    | bool
    | int
    | float
    | str
    | bytes
    | bytearray
    | memoryview
    | datetime
    | Geometry
    | Array
    | Object
    | None
)
Slice: TypeAlias = slice
'''

_NAMES: Final[dict[Any, tuple[str, ...]]] = {
    str: ("str",),
    int: ("int",),
    float: ("float",),
    bool: ("bool",),
    bytes: ("bytes", "bytearray", "memoryview"),
    list: ("Array",),
    dict: ("Object",),
    Time: ("datetime",),
    Geometry: ("Geometry",),
    datetime: ("datetime",),
    Source: ("Rows",),
    types.NoneType: ("None",),
}


def generate() -> str:
    """The text of the stub."""
    query = [*_written(builder.Query), *_operators(), *_declared(1)]
    constants = [f"{declaration.name}: Query" for declaration in TERMS.values() if declaration.constant]
    r = [
        "minval: Query",
        "maxval: Query",
        "row: Query",
        "errors: ModuleType",
        *constants,
        *_written(builder.R),
        *_declared(0),
    ]
    functions = [
        _signature(name, function) + f"\n    {_summary(function)}"
        for name, function in vars(builder).items()
        if inspect.isfunction(function) and function.__module__ == builder.__name__ and not name.startswith("_")
    ]
    parts = [
        _HEAD,
        _class("Runner(Protocol)", builder.Runner, _written(builder.Runner)),
        _class("Query(Chain)", builder.Query, query),
        _class("R", builder.R, r),
        "r: R\n",
        *[f"{function}\n" for function in functions],
    ]
    return "\n".join(parts)


def _class(head: str, kind: type, members: list[str]) -> str:
    body = "\n".join(f"    {line}" if line else "" for member in members for line in member.split("\n"))
    return f"class {head}:\n    {_summary(kind)}\n\n{body}\n"


def _written(kind: type) -> list[str]:
    """The methods that are written out in the builder, with the types that they have there."""
    return [
        f"{_signature(name, function)}\n    {_summary(function)}"
        for name, function in vars(kind).items()
        if inspect.isfunction(function) and not name.startswith("_") and not hasattr(function, "__signature__")
    ]


def _operators() -> list[str]:
    """Python's operators; `==` and `!=` give queries, which `object` does not expect."""
    lines = ["def __getitem__(self, index: Data | Slice) -> Query: ..."]
    for operator in OPERATORS.values():
        ignored = "  # type: ignore[override]" if operator.method in ("eq", "ne") else ""
        lines.append(f"def __{operator.method}__(self, other: Data) -> Query: ...{ignored}")
    reflected = [*ARITHMETIC.values(), *LOGIC.values()]
    lines += [f"def __r{operator.method}__(self, other: Data) -> Query: ..." for operator in reflected]
    return [*lines, "def __invert__(self) -> Query: ..."]


def _declared(first: int) -> list[str]:
    """The methods of the declared terms: those of chains, whose first argument is the chain, or those of `r`."""
    skipped = "r" if first else "chain"
    return [
        f"def {name}({', '.join(_parameters(declaration, first))}) -> Query:\n    {_summary(declaration.function)}"
        for declaration in sorted(TERMS.values(), key=lambda one: one.name)
        if declaration.on != skipped and not declaration.constant
        for name in declaration.methods
    ]


def _parameters(declaration: Declaration, first: int) -> list[str]:
    parameters = ["self"]
    functions = declaration.functions
    parameters += [
        f"{_name(one)}: {_type(one.annotation, functions)}{'' if one.required else ' = ...'}"
        for one in declaration.arguments[first:]
    ]
    if len(parameters) > 1:
        parameters.append("/")
    if declaration.rest is not None:
        parameters.append(f"*{_name(declaration.rest)}: {_type(declaration.rest.annotation, functions)}")
    elif declaration.options:
        parameters.append("*")
    return parameters + [f"{one.name}: {_type(one.annotation, None)} = ..." for one in declaration.options.values()]


def _name(parameter: Parameter) -> str:
    return f"{parameter.name}_" if iskeyword(parameter.name) else parameter.name


def _type(annotation: Any, functions: int | None) -> str:
    """What a user may hand to a parameter."""
    parts = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    names: list[str] = []
    for part in parts:
        if part is Function:
            wanted = "..." if functions is None else f"[{', '.join(['Query'] * functions)}]"
            names.append(f"Callable[{wanted}, Data]")
        elif part is object:
            names += ["Data", "Callable[..., Data]"]
        else:
            names += _NAMES.get(None if part is None else get_origin(part) or part, ("Data",))
    if "Data" in names:
        names = [name for name in names if name == "Data" or name.startswith(("Callable", "Rows"))]
    else:
        names.insert(0, "Query")
    return " | ".join(dict.fromkeys(names))


def _signature(name: str, function: Callable[..., Any]) -> str:
    text = str(inspect.signature(function)).replace("'", "")
    return f"def {name}{text}:"


def _summary(thing: Any) -> str:
    """The first sentence of a docstring, as a docstring."""
    lines = (inspect.getdoc(thing) or "").split("\n\n")[0].split()
    text = " ".join(lines).replace("\\", "\\\\").replace('"""', "'''")
    return f'"""{text}"""' if text and not text.endswith('"') else f'"""{text} """'


if __name__ == "__main__":
    STUB.write_text(generate())
