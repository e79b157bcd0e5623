"""What terms work on while a query runs: the database behind it, and the kinds of sequence between its parts.

The first half is all that the language asks of a database, as Protocols; `docstore` provides them, and any store that
does can be queried. Documents come and go as plain dicts. The second half is what may flow between terms beside plain
values (`query.values`):

| class     | type names                                                     | what it is                                  |
|-----------|----------------------------------------------------------------|---------------------------------------------|
| `Stream`  | STREAM, SELECTION<STREAM>, SELECTION<ARRAY>, TABLE, TABLE_SLICE | rows made as they are asked for             |
| `Row`     | SELECTION<OBJECT>                                              | one place in a table, with a document or without |
| `Grouped` | GROUPED_STREAM, GROUPED_DATA                                   | a value or an array for each group          |
| `Database`| DB                                                             | a database of the store, by name            |
| `Literal` | PTYPE<LITERAL>                                                 | `r.literal`, inside `merge`, `update`, `filter` |

An array is a plain list; it is a sequence too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeAlias
from typing import Literal as OneOf

from query.conditions import Conditions
from query.errors import ReqlNonExistenceError, ReqlQueryLogicError, ReqlResourceLimitError
from query.json_text import pretty
from query.left_out import LeftOut
from query.values import VALUE_TYPES, Bound, Time, Value, compare, type_name

if TYPE_CHECKING:
    from query.patches import Patching

Document: TypeAlias = dict[str, Value]

Fields: TypeAlias = frozenset[str] | None
"""The top-level fields of rows that are looked at; None for whole rows. Other fields may be missing from the row."""

STORED: Final[Fields] = frozenset({"stored"})
"""Asked for in the place of fields, this very object: rows may be given as the bytes in which they are stored."""

DEFAULT_ARRAY_LIMIT: Final = 100_000
"""Elements that an array, a group or a sort in memory may have, unless the query says otherwise. RethinkDB's number."""


class Keep(NamedTuple):
    """A test that a scan applies before it decodes a whole document: the fields that the test looks at, and the test.

    `conditions()` gives what may be looked at before (`query.conditions`); it is asked now and then, since it may change
    as rows are found.
    """

    fields: Fields
    test: Callable[[Document], bool]
    conditions: Callable[[], Conditions] = tuple


@dataclass(frozen=True, slots=True)
class Range:
    """A part of an index's order: from `low` to `high`, each of them inside or not."""

    low: Value
    high: Value
    low_open: bool = False
    high_open: bool = True

    @property
    def is_empty(self) -> bool:
        """Whether nothing can lie in it, whatever the index holds."""
        order = compare(self.low, self.high)
        return order > 0 or (order == 0 and (self.low_open or self.high_open))


class Change(NamedTuple):
    """What a write does to one document: `old` None inserts, `new` None deletes."""

    old: Document | None
    new: Document | None


class Index(Protocol):
    """An ordered index of a table, its primary key among them."""

    @property
    def name(self) -> str:
        """Its name; the primary key's is the name of that field."""

    @property
    def multi(self) -> bool:
        """Whether a document may have several entries."""

    @property
    def geo(self) -> bool:
        """Whether its keys are shapes on the earth."""

    @property
    def compound(self) -> bool:
        """Whether its keys are arrays of several parts."""

    @property
    def paths(self) -> tuple[tuple[str, ...], ...] | None:
        """The field that it is on, as a path of names; for a compound one a path for each part.

        None where a part is not simply a field of the document, nested or not.
        """

    def get_all(self, run: Run, keys: Sequence[Value], fields: Fields, keep: Keep | None) -> Iterator[Document]:
        """The documents of each key, key by key as given, a key given twice twice."""

    def between(
        self, run: Run, bounds: Range, fields: Fields, keep: Keep | None, *, reverse: bool = False
    ) -> Iterator[Document]:
        """The documents of a range in the order of the index, once for each entry."""

    def count(self, run: Run, keys: Sequence[Value]) -> int:
        """How many documents `get_all` would give, without reading them."""

    def count_between(self, run: Run, bounds: Range, most: int) -> int:
        """How many entries a range has, counted up to `most`."""

    def keys(self, run: Run, bounds: Range, *, reverse: bool = False) -> Iterator[Value]:
        """The distinct keys of a range in order, read from the index alone where it carries them exactly."""

    def get_intersecting(self, run: Run, geometry: Value, fields: Fields, keep: Keep | None) -> Iterator[Document]:
        """The documents whose shapes have something in common with a geometry, each once for every such shape.

        ReqlQueryLogicError of an index that has no shapes, and for what is no geometry.
        """

    def get_nearest(self, run: Run, target: Value, options: Mapping[str, Value]) -> Any:
        """What is nearest to a target, in order: of shapes an array of `{"dist": ..., "doc": ...}`.

        Which targets and options there are is the index's own matter. ReqlQueryLogicError of an index that knows of no
        distances.
        """


@dataclass(frozen=True, slots=True)
class NearRows:
    """The documents that a filter lets through, where another index knows them: what gives their primary keys.

    `marker` is equal for two that are sure to give the same of one state of the store; None where nothing is.
    """

    keys: Callable[[], Iterator[Value]]
    marker: Any


class Tested(Enum):
    """How a search for the nearest finds what its filter lets through."""

    ONE_BY_ONE = "the nearest tested one by one"
    BY_SCAN = "all tested by a scan"
    BEFORE = "known from an earlier search of the same commit"


@dataclass(frozen=True, slots=True)
class Nearest:
    """What `get_nearest` asks of a vector index, or of a table without one; `rows` take the place of `keep`.

    `keep_marker` is to `keep` what the marker of `NearRows` is to these. `tell`, where somebody wants to know, is told in which
    ways what `keep` lets through was found, and how many documents were tested for it.
    """

    vector: Value
    results: int
    max_dist: float | None = None
    measure: str | None = None
    keep: Keep | None = None
    rows: NearRows | None = None
    probes: int | None = None
    ef_search: int | None = None
    exact: bool = False
    keep_marker: Any = None
    tell: Callable[[Tested, int], None] | None = None


class NearestIndex(Index, Protocol):
    """A vector index."""

    def nearest(self, run: Run, wanted: Nearest) -> list[tuple[float, Document]]:
        """The documents with the nearest vectors, each with its distance, the nearest first."""

    def way(self, run: Run, wanted: Nearest) -> str:
        """How `nearest` would search, in a few words."""


class Table(Protocol):
    """One table of the store, at one version of the catalog."""

    @property
    def name(self) -> str:
        """Its name within the database."""

    @property
    def database(self) -> str:
        """The name of its database."""

    @property
    def primary_key(self) -> str:
        """The field that holds the primary key."""

    @property
    def id(self) -> str:
        """Its UUID, which stays when it is renamed."""

    @property
    def write_hook(self) -> str | None:
        """The wire form of the function that every write goes through (`query.hooks`); None where there is none."""

    def identified(self, form: str) -> Table:
        """The same table, whose rows tell databases by `"name"` or by `"uuid"` if they are about databases."""

    def get(self, run: Run, key: Value) -> Document | None:
        """The document of a primary key."""

    def get_many(self, run: Run, keys: Sequence[Value]) -> list[Document | None]:
        """The documents of many primary keys, in the order of `keys`."""

    def before(self, run: Run) -> AbstractContextManager[Run]:
        """For reading what is to be changed: a run that sees what there was before `run` has written anything, where that is
        faster; or else `run` itself. Until the end of the block `run` changes only documents that there were, each once."""

    def scan(self, run: Run, fields: Fields, keep: Keep | None) -> Iterator[Document]:
        """All documents, in the order in which they were inserted."""

    def values(self, run: Run, name: str) -> Iterator[list[Value]]:
        """A field of all documents, in chunks, for who does nothing else until the end; None where it is missing."""

    def count(self, run: Run) -> int:
        """How many documents there are, without reading them."""

    def index(self, run: Run, name: str) -> Index:
        """The index of that name, the primary key's too.

        ReqlOpFailedError where there is none, or where it is not ready.
        """

    def ordered_indexes(self, run: Run) -> Sequence[Index]:
        """The ordered secondary indexes that are ready, by name."""

    def vector_indexes(self, run: Run) -> Sequence[str]:
        """The names of the vector indexes, those being built among them."""

    def nearest(
        self, run: Run, value_of: Callable[[Document], Value], fields: Fields, what: str, wanted: Nearest
    ) -> list[tuple[float, Document]]:
        """The documents nearest by the vector that a function gives for them: all are looked at, and a warning says so.

        `what` is the function in words.
        """

    def check_key(self, document: Document) -> None:
        """ReqlQueryLogicError where the document's primary key is missing, of a type that cannot be one, or too long."""

    def are_good_keys(self, keys: Sequence[Value]) -> bool:
        """Whether a short look shows that `check_key` has nothing against documents with these keys."""

    def insert(self, run: Run, documents: Sequence[Document]) -> bool:
        """Insert documents that have different, valid keys, if that is as simple as it mostly is; False, with nothing written,
        where a key is taken, a document cannot be written, or may be refused: then there is `write`."""

    def write(self, run: Run, changes: Sequence[Change]) -> list[str | None]:
        """Write changes and keep all indexes in step; for each an error that kept it from being written, or None.

        `old` must be what the table holds for that key, and no two changes may have one key.
        """

    def patching(self, run: Run, before: Run, names: tuple[str, ...], fields: frozenset[str]) -> Patching | None:
        """What sets these fields of documents with less work than `write`, if it can; `fields` are looked at. See `before`."""

    def info(self, run: Run) -> Document:
        """What `info` tells of a table, but for its type."""

    def sync(self, run: Run) -> Document:
        """Return when all writes are on the disk: `{"synced": 1}`."""

    def administer(self, run: Run, command: str, *arguments: Value, **options: Value) -> Value:
        """Run a command on the table as a whole: index_create, index_status, config, status and the like."""


class Store(Protocol):
    """The databases that a query may name."""

    def table(self, run: Run, database: str | None, name: str) -> Table:
        """A table; of the connection's default database where none is named. ReqlOpFailedError where there is none."""

    def find_table(self, run: Run, database: str | None, name: str) -> Table | None:
        """As `table`, but None where there is none."""

    def check_database(self, run: Run, name: str) -> None:
        """ReqlOpFailedError where there is no such database."""

    def decoder(self, fields: Fields) -> Callable[[bytes], Document]:
        """What decodes these fields, or all, of rows that came as they are stored (`STORED`)."""

    def field_decoder(self, name: str) -> Callable[[bytes], Value]:
        """What decodes one field of such rows; None where it is missing."""

    def administer(self, run: Run, command: str, *arguments: Value, **options: Value) -> Value:
        """Run a command on the store as a whole: db_create, table_create, table_list and the like."""


NO_OPTIONS: Final[Mapping[str, Any]] = {}


class Run:
    """One execution of a query: what it runs against, and what is the same throughout."""

    __slots__ = ("array_limit", "left_out", "now", "options", "profile", "store", "transaction")

    def __init__(
        self, store: Store | None = None, transaction: Any = None, options: Mapping[str, Any] = NO_OPTIONS
    ) -> None:
        self.store = store
        self.transaction = transaction
        self.options = options
        self.array_limit: int = options["array_limit"] if "array_limit" in options else DEFAULT_ARRAY_LIMIT  # noqa: SIM401
        self.now: Time | None = None
        self.profile: dict[int, list[float]] | None = None
        self.left_out: list[LeftOut] = []

    def within(self, transaction: Any) -> Run:
        """The same execution, for what is to be read in another transaction."""
        other = Run(self.store, transaction, self.options)
        other.now, other.profile = self.moment(), self.profile
        return other

    def moment(self) -> Time:
        """When the query began, in UTC and whole milliseconds: whenever it is asked, the same."""
        if self.now is None:
            found = datetime.now(UTC)
            self.now = Time.of(found.replace(microsecond=found.microsecond // 1000 * 1000))
        return self.now

    def check_size(self, size: int) -> None:
        """ReqlResourceLimitError where an array would have more elements than the query allows."""
        if size > self.array_limit:
            raise ReqlResourceLimitError(f"Array over size limit `{self.array_limit}`.")


StreamType: TypeAlias = OneOf["STREAM", "SELECTION<STREAM>", "SELECTION<ARRAY>", "TABLE", "TABLE_SLICE"]


@dataclass(frozen=True, slots=True)
class Stream:
    """Rows made as they are asked for; each `rows()` begins anew.

    `table` is set where the rows are whole documents of one table: then they can be updated and deleted.
    """

    rows: Callable[[], Iterator[Value]]
    type_name: StreamType = "STREAM"
    table: Table | None = None

    def __iter__(self) -> Iterator[Value]:
        return self.rows()

    def selected(self, rows: Callable[[], Iterator[Value]]) -> Stream:
        """A stream of some of these rows, themselves unchanged: a selection where this is one."""
        if self.table is None:
            return Stream(rows)
        return Stream(rows, "SELECTION<ARRAY>" if self.is_array else "SELECTION<STREAM>", self.table)

    def changed(self, run: Run, rows: Callable[[], Iterator[Value]]) -> Stream | list[Value]:
        """What was made of these rows: a stream, of an array's selection an array."""
        return collect(run, rows()) if self.is_array else Stream(rows)

    @property
    def is_array(self) -> bool:
        """Whether the rows are a selection of an array, as `order_by` gives it."""
        return self.type_name == "SELECTION<ARRAY>"


@dataclass(frozen=True, slots=True)
class Row:
    """One place in a table, as `get` gives it; `value` is None where there is no document."""

    table: Table
    key: Value
    value: Document | None


@dataclass(frozen=True, slots=True)
class Grouped:
    """For each group its key and what is left of its rows: an array, or the value that they were reduced to.

    `streamed` as long as only terms that work row by row came after `group`: then no group is empty.
    """

    groups: list[tuple[Value, Value]]
    streamed: bool = False


@dataclass(frozen=True, slots=True)
class Database:
    """A database of the store."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """`r.literal(value)`: inside `merge` and `update`, replace and do not merge; without a value, remove."""

    value: Value = None
    removes: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the query, bound to the variables around it."""

    arity: int
    call: Callable[..., Value]
    fields: tuple[Fields, ...] = field(default=())


_KINDS: Final = frozenset(
    {"DATABASE", "TABLE", "TABLE_SLICE", "SELECTION", "SEQUENCE", "DATUM", "FUNCTION", "GROUPED_DATA"}
)
"""What errors call the things that terms work on; what is one of the values of `query.values` is a DATUM."""


def type_error(expected: str, found: Any) -> ReqlQueryLogicError:
    """The error for a value or thing of the wrong type, in RethinkDB's words; for null a ReqlNonExistenceError.

    Where `expected` is the type of a value, and a value was found, the error names their types; else it says which kind
    of thing was expected and found, and shows it.
    """
    value = found.value if type(found) is Row else found
    error = ReqlNonExistenceError if value is None else ReqlQueryLogicError
    if expected not in _KINDS:
        if type(value) in VALUE_TYPES or type(value) is Bound:
            return error(f"Expected type {expected} but found {type_name(value)}.")
        expected = "DATUM"
    return error(lambda: f"Expected type {expected} but found {kind_name(found)}:\n{printed(found)}")


def kind_name(found: Any) -> str:
    """What errors call anything that a term may be given."""
    kind = type(found)
    if kind is Stream:
        return {"STREAM": "SEQUENCE"}.get(found.type_name, str(found.type_name).partition("<")[0])
    if kind is Grouped:
        return "SEQUENCE" if found.streamed else "GROUPED_DATA"
    return {Row: "SINGLE_SELECTION", Database: "DATABASE", Function: "FUNCTION"}.get(kind, "DATUM")


def printed(found: Any) -> str:
    """What an error shows of anything that a term may be given."""
    kind = type(found)
    if kind is Row or kind in VALUE_TYPES or kind is Bound:
        return pretty(found.value if kind is Row else found)
    if kind is Database:
        return f'db("{found.name}")'
    if kind is Stream and found.table is not None:
        name = found.table.name
        return f'table("{name}")' if found.type_name == "TABLE" else f"SELECTION ON table({name})"
    return f"VALUE {kind_name(found)}"


def iterate(value: Any) -> Iterator[Value]:
    """The rows of a sequence: an array's, a stream's.

    Raises ReqlQueryLogicError where the value is no sequence.
    """
    if type(value) is list:
        return iter(value)
    if type(value) is Stream:
        return value.rows()
    raise sequence_error(value)


def sequence_error(found: Any) -> ReqlQueryLogicError:
    """The error for what is no sequence, in RethinkDB's words; for null a ReqlNonExistenceError."""
    if type(found) in VALUE_TYPES or type(found) is Bound:
        error = ReqlNonExistenceError if found is None else ReqlQueryLogicError
        return error(f"Cannot convert {type_name(found)} to SEQUENCE")
    return type_error("SEQUENCE", found)


def collect(run: Run, rows: Iterable[Value]) -> list[Value]:
    """The rows as an array, within the query's `array_limit`."""
    limit = run.array_limit
    result: list[Value] = []
    for row in rows:
        result.append(row)
        if len(result) > limit:
            run.check_size(len(result))
    return result
