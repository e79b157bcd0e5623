"""Terms to closures, once per query; afterwards nothing is dispatched that could be decided here.

A closure takes the *environment* of one execution, a list: the `Run` at 0, then the constants taken out of the query
(`parameterize`), then one slot for each variable of each function. Every function that is compiled has slots of its own,
so that two streams that are read in turns never meet in one.

A term is compiled for what its surroundings want of it:

| method             | the closure gives                                                                                |
|--------------------|--------------------------------------------------------------------------------------------------|
| `Compiler.value`   | a plain value; a selection of one row gives its document; a stream is an error                   |
| `Compiler.rows`    | an iterator of rows, decoded only in the fields needed                                           |
| `Compiler.any`     | whatever the term is: value, `Stream`, `Row`, `Grouped`, `Function`, ...; streams are not begun  |
| `Compiler.function`| a `CompiledFunction`: the slots of the variables and the closure of the body                     |

Applied to grouped data, a term is applied to each group, until `ungroup`.

An error remembers the innermost term that raised it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, compress
from operator import itemgetter
from typing import Any, Final

from query.analysis import GIVE_ON, ROW_BY_ROW, fields_of
from query.annotations import accepted
from query.closures import (
    Closure,
    CompiledFunction,
    Env,
    KeepMaker,
    Note,
    Transform,
    arity_error,
    as_value,
    constant,
    constant_at,
    located,
    object_of,
    once,
    own,
)
from query.determinism import is_invariant
from query.errors import ReqlError, ReqlQueryLogicError, ReqlServerCompileError
from query.geometries import PSEUDO_TYPE
from query.plain import compile_plain
from query.profile import Profile
from query.registry import BY_KIND, Declaration
from query.runtime import Fields, Function, Grouped, Stream, collect, iterate, type_error
from query.term import FUNC, IMPLICIT_VAR, MAKE_ARRAY, MAKE_OBJ, PARAMETER, VAR, Argument, Kind, Source, Term
from query.values import VALUE_TYPES, Value, pseudo_value

SLOT: Final = Kind("slot", -2, structural=True)
"""A place of the environment, for terms that the compiler makes: its argument is the place."""

_OPAQUE_TO_GROUPS: Final = frozenset({"ungroup", "type_of", "info", "default"})
"""Terms that are not applied to each group, but to the grouped data as a whole."""


class Compiler:
    """Compiles one query. Holds the scope: which slot each variable has, and which slots hold plain values.

    `whole`: rows are decoded whole, whatever is needed of them; `is_widened` then tells whether less was.
    """

    def __init__(self, first_slot: int, profile: Profile | None = None, *, whole: bool = False) -> None:
        self.next_slot = first_slot
        self.profile = profile
        self.whole = whole
        self.is_widened = False
        self.notes: dict[int, Note] = {}
        self._passed_over: set[int] = set()
        self._known: dict[tuple[str, int], tuple[Term, bool]] = {}
        self.scope: dict[int, int] = {}
        self.value_slots: set[int] = set()
        self.row_slot = -1
        self.row_depth = 0

    # What a term's surroundings want of it

    def any(self, node: Argument) -> Closure:
        """A closure of whatever the term is."""
        if type(node) is not Term:
            return constant(node)
        closure = self._any(node)
        return closure if self.profile is None else self.profile.watch_any(node, closure)

    def _any(self, node: Term) -> Closure:
        kind = node.kind
        if kind is PARAMETER:
            return constant_at(*node.args)
        if kind is SLOT:
            return itemgetter(node.args[0])
        if kind is VAR:
            return itemgetter(self._variable(node))
        if kind is IMPLICIT_VAR:
            return itemgetter(self._row(node))
        if kind is FUNC:
            return self._function_value(node)
        if kind is MAKE_ARRAY:
            return self._array(node) if not has_args(node) else self._array_with_args(node)
        if kind is MAKE_OBJ:
            return self._object(node)
        return own(self.shared(node)) if self._is_kept(node) else self._declared(node, BY_KIND[kind])

    def _is_kept(self, node: Term) -> bool:
        """Whether what a term gives is kept for the other rows: it is one of constants, within a function."""
        return bool(self.row_depth or self.scope) and is_invariant(node)

    def result(self, node: Argument) -> Closure:
        """A closure of what a query gives its user: of `get` the document, which costs less than a selected row."""
        return self.value(node) if type(node) is Term and node.kind.name == "get" else self.any(node)

    def shared(self, node: Argument) -> Closure:
        """What `any` gives, but what is constant is the query's own: for those who neither change it nor hand it out."""
        if type(node) is Term and node.kind is PARAMETER:
            return itemgetter(node.args[0])
        if type(node) is Term and self._is_kept(node):
            return once(self._declared(node, BY_KIND[node.kind]), self.new_slot())
        return self.any(node)

    def value(self, node: Argument) -> Closure:
        """A closure of a plain value."""
        if type(node) is not Term:
            return constant(node)
        declaration = BY_KIND.get(node.kind)
        if declaration is not None and "compiles_value" in declaration.hooks and not self.is_special(node):
            closure: Closure = declaration.hooks["compiles_value"](self, node)
            return closure if self.profile is None else self.profile.watch_any(node, closure)
        inner = self.any(node)
        if self.is_value(node):
            return inner

        def value(env: Env) -> Value:
            found = inner(env)
            if type(found) in VALUE_TYPES:
                return found
            try:
                return as_value(found)
            except ReqlError as error:
                raise located(error, node) from None

        return value

    def rows(self, node: Argument, need: Fields = None, keep: KeepMaker = None) -> Closure:
        """A closure of an iterator of rows in which at least the fields of `need` are present.

        `keep` makes a test that rows have to pass; it is handed down to the scan, which applies it before it decodes.
        """
        if self.profile is None or type(node) is not Term:
            return self._rows(node, need, keep)
        keep = None if keep is None else self.profile.watch_keep(node, keep)
        return self.profile.watch(node, self._rows(node, need, keep))

    def note(self, node: Term, need: Fields, keep: KeepMaker) -> None:
        """Remember what a scan is compiled for, for `explain`."""
        self.notes[id(node)] = Note(need, keep is not None, None if keep is None else keep.fields)

    def _rows(self, node: Argument, need: Fields, keep: KeepMaker) -> Closure:
        if self.whole and (need is not None or keep is not None):
            self.is_widened = True
            every = self._rows(node, None, None)
            return every if keep is None else lambda env: filter(keep(env).test, every(env))
        if type(node) is Term:
            declaration = BY_KIND.get(node.kind)
            if declaration is not None and not self.is_special(node):
                hooks = declaration.hooks
                if "compiles_rows" in hooks:
                    closure: Closure = hooks["compiles_rows"](self, node, need, keep)
                    return closure
                if "transforms" in hooks and keep is None and self.is_stream(node.args[0]):
                    transform: Transform = hooks["transforms"](self, node, need)
                    return self._transformed(node, transform)
        return self.rows_of_any(node, keep)

    def rows_of_any(self, node: Argument, keep: KeepMaker) -> Closure:
        """As `rows`, of whatever the term turns out to be when it runs."""
        inner = self.any(node)

        def rows(env: Env) -> Iterator[Value]:
            try:
                found = iterate(inner(env))
            except ReqlError as error:
                raise located(error, node) from None
            return found if keep is None else filter(keep(env).test, found)

        return rows

    def sequence(
        self, node: Term, source: Argument, make_rows: Callable[[], Closure]
    ) -> tuple[Closure, Closure | None]:
        """A closure of the sequence that an argument of `node` is, and, where it is sure to be a stream, `make_rows()`.

        Since the rows are compiled for themselves, all the way down, the first closure is there for the kind of the
        sequence alone, and compiles no rows of what stands below: a long chain would be compiled once for each link.
        """
        if not self.is_stream(source):
            return self.any(source), None
        self._passed_over.add(id(source))
        try:
            kind = self.any(source)
        finally:
            self._passed_over.discard(id(source))
        return kind, None if id(node) in self._passed_over else make_rows()

    def function(
        self, node: Argument, arity: int | None = None, *, body: str = "value", plain: Sequence[bool] = ()
    ) -> CompiledFunction:
        """Compile a function; what is no function is one that always gives it. `body` is the method for its body.

        `plain` tells of each parameter whether it is sure to be a plain value; without it they all are.
        ReqlQueryLogicError, when it is compiled, where the function has another number of parameters than `arity`.
        """
        if type(node) is not Term or node.kind is not FUNC:
            slots = tuple([self.new_slot() for _ in range(arity or 1)])
            return CompiledFunction(slots, getattr(self, body)(node), tuple([frozenset()] * len(slots)))
        numbers, inner = node.args
        if not numbers and arity:
            # A function of no parameters may stand for one of any number.
            return self.function(inner, arity, body=body)
        if arity is not None and len(numbers) != arity:
            raise located(arity_error(len(numbers), arity), node)
        outer = (self.scope, self.row_slot, self.row_depth)
        slots = tuple([self.new_slot() for _ in numbers])
        self.value_slots.update(compress(slots, plain) if plain else slots)
        self.scope = {**self.scope, **dict(zip(numbers, slots, strict=True))}
        if len(slots) == 1:
            self.row_slot, self.row_depth = slots[0], self.row_depth + 1
        try:
            closure = getattr(self, body)(inner)
        finally:
            self.scope, self.row_slot, self.row_depth = outer
        return CompiledFunction(slots, closure, tuple([fields_of(inner, number) for number in numbers]))

    # What is known of a term before it runs

    def is_value(self, node: Argument) -> bool:
        """Whether the term is sure to be a plain value."""
        if type(node) is not Term:
            return type(node) is not Source
        kind = node.kind
        if kind is PARAMETER:
            return bool(node.args[1] != "Source")
        if kind is VAR:
            return self._variable(node) in self.value_slots
        if kind is IMPLICIT_VAR:
            return self._row(node) in self.value_slots
        if kind is MAKE_OBJ or kind is MAKE_ARRAY:
            return True
        declaration = BY_KIND.get(kind)
        return (
            declaration is not None
            and not declaration.maps
            and not self.is_special(node)
            and accepted(declaration.returns) is not None
        )

    def is_stream(self, node: Argument) -> bool:
        """Whether the term is sure to be a sequence whose rows are made one by one, and not grouped."""
        return type(node) is Term and self._known_of("stream", node, self._find_stream)

    def _find_stream(self, node: Term) -> bool:
        declaration = BY_KIND.get(node.kind)
        if declaration is None or self.is_special(node):
            return False
        if "streams" in declaration.hooks:
            return bool(declaration.hooks["streams"](self, node))
        if declaration.returns is Stream:
            return True
        return bool(
            node.args and ("transforms" in declaration.hooks or declaration.maps) and self.is_stream(node.args[0])
        )

    def is_grouped(self, node: Argument) -> bool:
        """Whether the term is grouped data."""
        return type(node) is Term and self._known_of("grouped", node, self._find_grouped)

    def _find_grouped(self, node: Term) -> bool:
        name, declaration = node.kind.name, BY_KIND.get(node.kind)
        if name == "group":
            return True
        if name in GIVE_ON and any(map(self.is_grouped, GIVE_ON[name](node.args))):
            return True
        if declaration is None or name in _OPAQUE_TO_GROUPS or not (declaration.arguments or declaration.rest):
            return False
        return bool(node.args) and self.is_grouped(node.args[0])

    def _known_of(self, what: str, node: Term, find: Callable[[Term], bool]) -> bool:
        """What is found of a term, looked for once: each link of a chain asks that of all before it."""
        known = self._known.get((what, id(node)))
        if known is None:
            known = self._known[what, id(node)] = (node, find(node))
        return known[1]

    def is_grouped_stream(self, node: Argument) -> bool:
        """Whether the term is grouped data whose rows are worked on one by one, as they come from `group`."""
        while type(node) is Term and node.kind.name in ROW_BY_ROW:
            if node.kind.name == "bracket" and type(node.args[1]) is not str:
                return False
            node = node.args[0]
        return type(node) is Term and node.kind.name == "group"

    def place(self, node: Argument) -> int | None:
        """The place in the environment of a variable, `r.row` or a constant, where it is sure to be a plain value."""
        if type(node) is not Term or not self.is_value(node):
            return None
        if node.kind is PARAMETER:
            return int(node.args[0])
        if node.kind is VAR:
            return self._variable(node)
        return self._row(node) if node.kind is IMPLICIT_VAR else None

    def new_slot(self) -> int:
        """A place of the environment that nothing else uses."""
        self.next_slot += 1
        return self.next_slot - 1

    # The parts

    def _variable(self, node: Term) -> int:
        slot = self.scope.get(node.args[0])
        if slot is None:
            raise ReqlServerCompileError("Variable name not found.", node)
        return slot

    def _row(self, node: Term) -> int:
        if self.row_depth == 1:
            return self.row_slot
        if self.row_depth == 0:
            raise ReqlServerCompileError("r.row is not defined in this context.", node)
        raise ReqlServerCompileError("Cannot use r.row in nested queries.  Use functions instead.", node)

    def _function_value(self, node: Term) -> Closure:
        compiled = self.function(node)

        def function(env: Env) -> Function:
            return Function(len(compiled.slots), compiled.bind(env), compiled.fields)

        return function

    def _array(self, node: Term) -> Closure:
        items = [self.value(arg) for arg in node.args]

        def array(env: Env) -> list[Value]:
            if len(items) > env[0].array_limit:
                env[0].check_size(len(items))
            return [item(env) for item in items]

        return array

    def _array_with_args(self, node: Term) -> Closure:
        items = [(type(arg) is Term and arg.kind.name == "args", self.value(arg)) for arg in node.args]

        def array(env: Env) -> list[Value]:
            return collect(
                env[0], chain.from_iterable(item(env) if spliced else (item(env),) for spliced, item in items)
            )

        return array

    def _object(self, node: Term) -> Closure:
        items = [(name, self.any(arg)) for name, arg in node.options.items()]
        build = object_of(items, are_values=all(map(self.is_value, node.options.values())))
        if PSEUDO_TYPE in node.options:
            return lambda env: pseudo_value(build(env))
        return build

    def is_special(self, node: Term) -> bool:
        """Whether the term is not compiled by its own declaration: grouped data, or `r.args` among its arguments."""
        return has_args(node) or (
            bool(node.args) and node.kind.name not in _OPAQUE_TO_GROUPS and self.is_grouped(node.args[0])
        )

    def _declared(self, node: Term, declaration: Declaration) -> Closure:
        if has_args(node):
            return self._with_args(node, declaration)
        hooks = declaration.hooks
        if node.args and node.kind.name not in _OPAQUE_TO_GROUPS and self.is_grouped(node.args[0]):
            return self._grouped(node, declaration)
        if "compiles" in hooks:
            closure: Closure = hooks["compiles"](self, node)
            return closure
        if "transforms" in hooks:
            return self.transforming(node, hooks["transforms"](self, node, None))
        return compile_plain(self, node, declaration)

    def _transformed(self, node: Term, transform: Transform) -> Closure:
        source, make = self.rows(node.args[0], transform.need), transform.make
        return lambda env: make(env, source(env))

    def transforming(self, node: Term, transform: Transform) -> Closure:
        """A term from rows to rows as a closure of an array, of a stream, or of a selection, as its source is."""
        _, make, selects = transform
        source, stream_rows = self.sequence(node, node.args[0], lambda: self._rows(node, None, None))

        def transforming(env: Env) -> Any:
            found = source(env)
            if type(found) is list:
                return collect(env[0], make(env, iter(found)))
            if type(found) is not Stream:
                try:
                    iterate(found)
                except ReqlError as error:
                    raise located(error, node) from None
            rows = partial(stream_rows, env) if stream_rows else lambda: make(env, found.rows())
            return found.selected(rows) if selects else found.changed(env[0], rows)

        return transforming

    def _grouped(self, node: Term, declaration: Declaration) -> Closure:
        accumulate = declaration.hooks.get("accumulates")
        first = node.args[0]
        if accumulate is not None:
            closure: Closure | None = accumulate(self, node)
            if closure is not None:
                return closure
        source, slot, streamed = self.any(first), self.new_slot(), self.is_grouped_stream(node)
        each = self.any(Term(node.kind, (Term(SLOT, (slot,)), *node.args[1:]), node.options))

        def grouped(env: Env) -> Any:
            found = source(env)
            if type(found) is not Grouped:
                env[slot] = found
                return each(env)
            groups: list[tuple[Value, Value]] = []
            for key, value in found.groups:
                env[slot] = value
                result = each(env)
                reduced = collect(env[0], result) if type(result) is Stream else as_value(result)
                if reduced or not streamed:
                    groups.append((key, reduced))
            return Grouped(groups, streamed)

        return grouped

    def _with_args(self, node: Term, declaration: Declaration) -> Closure:
        """A term with `r.args` among its arguments is compiled anew, with the values in place, whenever it runs."""
        if node.kind.name == "order_by":
            raise ReqlQueryLogicError("r.args is not supported in an order_by or union command yet.", node)
        if all(type(arg) is not Term or arg.kind.name != "args" or _is_array(arg.args[0]) for arg in node.args):
            spliced: list[Argument] = []
            for arg in node.args:
                if type(arg) is Term and arg.kind.name == "args":
                    array = arg.args[0]
                    spliced += array.args if type(array) is Term else array
                else:
                    spliced.append(arg)
            self._check_spliced(node, declaration, len(spliced))
            return self.any(Term(node.kind, tuple(spliced), node.options))
        parts: list[tuple[bool, Any]] = [
            (True, self.value(arg.args[0])) if type(arg) is Term and arg.kind.name == "args" else (False, arg)
            for arg in node.args
        ]
        scope, value_slots, row = self.scope, self.value_slots, (self.row_slot, self.row_depth)

        def with_args(env: Env) -> Any:
            args: list[Argument] = []
            for is_args, part in parts:
                if is_args:
                    values = part(env)
                    if type(values) is not list:
                        raise located(type_error("ARRAY", values), node)
                    args += values
                else:
                    args.append(part)
            self._check_spliced(node, declaration, len(args))
            inner = Compiler(len(env))
            inner.scope, inner.value_slots = scope, set(value_slots)
            inner.row_slot, inner.row_depth = row
            closure = inner.any(Term(node.kind, tuple(args), node.options))
            env.extend([None] * (inner.next_slot - len(env)))
            return closure(env)

        return with_args

    def _check_spliced(self, node: Term, declaration: Declaration, count: int) -> None:
        try:
            declaration.check_arity(count)
        except ReqlServerCompileError as error:
            raise ReqlQueryLogicError(error.message, node) from None


def has_args(node: Term) -> bool:
    """Whether `r.args` is among the arguments of a term, which is compiled anew when their number is known."""
    return any(type(arg) is Term and arg.kind.name == "args" for arg in node.args)


def _is_array(node: Argument) -> bool:
    return type(node) is list or (type(node) is Term and node.kind is MAKE_ARRAY)
