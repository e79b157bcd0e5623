"""The terms of the language, each declared once.

A term is a decorated function. Its signature is the term's: positional parameters are its arguments (the first one is
what a chain stands on), keyword-only ones its options, defaults make them optional, `*rest` takes any number. Its
docstring is the user's help. Everything else is derived: the method of the chain, the check of arity and options, the
wire form, the printed form, the stub for editors and the row in the language's reference.

    @term(149)
    def split(text: str, separator: str | None = None, limit: int | None = None) -> list[str]:
        \"""Split a string into an array of strings. ...\"""
        return text.split(separator, ...)

The function's body evaluates the term from values already checked against the annotations (`query.evaluate` says which
annotations there are). A term that works on the query rather than on values has an empty body and a hook:

    @term(65, on="both")
    def branch(test: Value, value: Value, *rest: Value) -> Value:
        \"""Take one of several branches. ...\"""

    @branch.compiles
    def _(compiler: Compiler, node: Term) -> Closure: ...

The hooks of a declaration, all optional; `query.evaluate` calls them once per query:

| hook            | gives                                                                                       |
|-----------------|---------------------------------------------------------------------------------------------|
| `compiles`      | a closure of anything: a value, a stream, a selection, a table                               |
| `compiles_value`| a closure of a plain value, where that is cheaper than `compiles`                            |
| `compiles_rows` | a closure of an iterator of rows, told which fields of them are needed                       |
| `transforms`    | a closure from rows to rows; the term then works on arrays, streams and selections alike     |
| `needs`         | which fields of the first argument's rows a term of values looks at                          |
| `streams`       | whether the term is sure to be a stream, where neither its annotation nor `transforms` tells |
| `accumulates`   | a closure of `Grouped` for a term on grouped data that need not hold the groups' rows, or None |
| `checks`        | nothing: raises ReqlServerCompileError, as the term is built, for what no parameter alone tells |
| `checks_given`  | nothing: raises ReqlDriverCompileError, for Python objects that the term does not take       |

Wire numbers are RethinkDB's, from 10,000 our own; a number is never used twice.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any, Final, Literal, TypeAlias

from query.errors import ReqlServerCompileError
from query.term import Kind

Hook: TypeAlias = Callable[..., Any]
On: TypeAlias = Literal["chain", "r", "both"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument or option of a term: its name, its annotation, and whether it may be left out."""

    name: str
    annotation: Any
    required: bool
    default: Any = None


@dataclass(slots=True)
class Declaration:
    """One term: its kind, its signature, where it is offered, how it is evaluated. Hooks are set at import."""

    kind: Kind
    function: Callable[..., Any]
    arguments: tuple[Parameter, ...]
    rest: Parameter | None
    options: dict[str, Parameter]
    returns: Any
    on: On
    aliases: tuple[str, ...]
    deterministic: bool
    writes: bool
    maps: bool
    takes_run: bool
    functions: int | None = None
    arity: tuple[int, int] | None = None
    constant: bool = False
    hooks: dict[str, Hook] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name in the language, which is the method's."""
        return self.kind.name

    @property
    def doc(self) -> str:
        """The docstring, cleaned of indentation."""
        return inspect.getdoc(self.function) or ""

    @property
    def least(self) -> int:
        """The fewest arguments, the one that the chain stands on among them."""
        return self.arity[0] if self.arity else sum(parameter.required for parameter in self.arguments)

    @property
    def most(self) -> int | None:
        """The most arguments; None without a limit."""
        if self.arity:
            return self.arity[1]
        return None if self.rest is not None else len(self.arguments)

    def argument(self, index: int) -> Parameter:
        """The parameter that takes the argument at a place."""
        if index < len(self.arguments):
            return self.arguments[index]
        assert self.rest is not None
        return self.rest

    @property
    def methods(self) -> list[str]:
        """The names of its methods: its own and its aliases, those that are keywords of Python left out."""
        return [name for name in (self.name, *self.aliases) if not iskeyword(name)]

    def parameter(self, index: int) -> Parameter | None:
        """The parameter that takes the argument at a place; None where the term has none there."""
        return self.arguments[index] if index < len(self.arguments) else self.rest

    def check_arity(self, count: int) -> None:
        """Raise ReqlServerCompileError, in RethinkDB's words, where a term cannot have so many arguments."""
        least, most = self.least, self.most
        if count < least or (most is not None and count > most):
            raise ReqlServerCompileError(f"Expected {_arity(least, most)} but found {count}.")

    def check_option(self, name: str) -> None:
        """Raise ReqlServerCompileError where a term has no such option."""
        if name not in self.options:
            error = ReqlServerCompileError(f"Unrecognized optional argument `{name}`.")
            error.add_note(f"The options of `{self.name}`: {', '.join(sorted(self.options)) or 'none'}.")
            raise error

    def compiles(self, hook: Hook) -> Hook:
        """Declare how the term is compiled: `(compiler, node) -> closure`."""
        return self._hook("compiles", hook)

    def compiles_value(self, hook: Hook) -> Hook:
        """Declare how the term is compiled where a plain value is wanted."""
        return self._hook("compiles_value", hook)

    def compiles_rows(self, hook: Hook) -> Hook:
        """Declare how the term is compiled where rows are wanted: `(compiler, node, need, keep) -> closure`."""
        return self._hook("compiles_rows", hook)

    def transforms(self, hook: Hook) -> Hook:
        """Declare a term from rows to rows: `(compiler, node, need) -> Transform`."""
        return self._hook("transforms", hook)

    def needs(self, hook: Hook) -> Hook:
        """Declare the fields looked at: `(compiler, node) -> fields`, None for all."""
        return self._hook("needs", hook)

    def streams(self, hook: Hook) -> Hook:
        """Declare whether the term is sure to be a stream: `(compiler, node) -> bool`."""
        return self._hook("streams", hook)

    def accumulates(self, hook: Hook) -> Hook:
        """Declare how the term is reckoned group by group as the rows pass: `(compiler, node) -> closure or None`."""
        return self._hook("accumulates", hook)

    def checks(self, hook: Hook) -> Hook:
        """Declare a check of the term as a whole: `(node) -> None`."""
        return self._hook("checks", hook)

    def checks_given(self, hook: Hook) -> Hook:
        """Declare a check of what the user gave, before it becomes arguments: `(*given) -> None`."""
        return self._hook("checks_given", hook)

    def _hook(self, name: str, hook: Hook) -> Hook:
        assert name not in self.hooks, f"{self.name} has {name} already"
        self.hooks[name] = hook
        return hook


TERMS: Final[dict[str, Declaration]] = {}
"""Every declared term by name."""

BY_NUMBER: Final[dict[int, Declaration]] = {}
"""Every declared term by wire number."""

BY_KIND: Final[dict[Kind, Declaration]] = {}
"""Every declared term by kind."""


def term(
    number: int,
    *,
    name: str | None = None,
    kind: Kind | None = None,
    on: On = "chain",
    aliases: tuple[str, ...] = (),
    structural: bool = False,
    expands: bool = False,
    deterministic: bool = True,
    writes: bool = False,
    maps: bool = False,
    functions: int | None = None,
    arity: tuple[int, int] | None = None,
    constant: bool = False,
) -> Callable[[Callable[..., Any]], Declaration]:
    """Declare a term; the decorated function's signature and body are its own.

    - `name`: where the language's name is no good Python name for a function (`and`, `type`).
    - `on`: offered as a method of chains, of `r`, or both.
    - `aliases`: further names of the method.
    - `structural`: constants among the arguments are names that decide what the query does (tables, fields).
    - `expands`: objects among the arguments are patterns, whose fields the planner looks at.
    - `deterministic=False`: the same arguments may give another answer; not for index functions.
    - `writes`: changes the store.
    - `maps`: applied to a sequence, the term is applied to each of its rows.
    - `functions`: how many parameters every function among the arguments (not the options) has, where that is fixed.
    - `arity`: the fewest and the most arguments, where `*rest` does not take any number.
    - `constant`: without arguments, and offered as an attribute of `r`: `r.monday`.
    """

    def declare(function: Callable[..., Any]) -> Declaration:
        title = name or function.__name__
        signature = inspect.signature(function, eval_str=True)
        arguments: list[Parameter] = []
        options: dict[str, Parameter] = {}
        rest: Parameter | None = None
        for parameter in signature.parameters.values():
            required = parameter.default is inspect.Parameter.empty
            made = Parameter(
                parameter.name.rstrip("_"), parameter.annotation, required, None if required else parameter.default
            )
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                rest = made
            elif parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                options[made.name] = made
            elif made.name != "run":
                arguments.append(made)
        declaration = Declaration(
            kind=kind or Kind(title, number, structural=structural, expands=expands),
            function=function,
            arguments=tuple(arguments),
            rest=rest,
            options=options,
            returns=signature.return_annotation,
            on=on,
            aliases=aliases,
            deterministic=deterministic,
            writes=writes,
            maps=maps,
            takes_run="run" in signature.parameters,
            functions=functions,
            arity=arity,
            constant=constant,
        )
        assert title not in TERMS, f"two terms are called {title}"
        assert number not in BY_NUMBER, f"two terms have the wire number {number}"
        TERMS[title] = BY_NUMBER[number] = BY_KIND[declaration.kind] = declaration
        return declaration

    return declare


def _arity(least: int, most: int | None) -> str:
    if most is None:
        return f"{least} or more arguments"
    if least == most:
        return f"{least} argument{'' if least == 1 else 's'}"
    return f"between {least} and {most} arguments"
