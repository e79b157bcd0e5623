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

class Runner(Protocol):
    """What a query can be run on: a connection, a transaction, a snapshot."""

    def run_query(self, argument: Argument, options: dict[str, Any]) -> Any:
        """Run a query and give its result."""
    def explain_query(self, argument: Argument, options: dict[str, Any], run: bool) -> Any:
        """How the query would be run, or was."""

class Query(Chain):
    """A query, or a part of one: a chain that grows by a method call and does nothing until `run`."""

    def run(self, db: Runner | None = None, /, **options: Any) -> Any:
        """Run the query on a connection, or on the one that `repl()` was called of."""
    def explain(self, db: Runner | None = None, /, *, run: bool = False, **options: Any) -> Any:
        """How the query is run: a plan that prints as a tree; with `run=True`, after a run, with rows and times."""
    def build(self) -> Any:
        """The query as RethinkDB's drivers send it: `[number, [arguments], {options}]`, JSON-able."""
    def __getitem__(self, index: Data | Slice) -> Query: ...
    def __eq__(self, other: Data) -> Query: ...  # type: ignore[override]
    def __ne__(self, other: Data) -> Query: ...  # type: ignore[override]
    def __lt__(self, other: Data) -> Query: ...
    def __le__(self, other: Data) -> Query: ...
    def __gt__(self, other: Data) -> Query: ...
    def __ge__(self, other: Data) -> Query: ...
    def __and__(self, other: Data) -> Query: ...
    def __or__(self, other: Data) -> Query: ...
    def __add__(self, other: Data) -> Query: ...
    def __sub__(self, other: Data) -> Query: ...
    def __mul__(self, other: Data) -> Query: ...
    def __truediv__(self, other: Data) -> Query: ...
    def __mod__(self, other: Data) -> Query: ...
    def __radd__(self, other: Data) -> Query: ...
    def __rsub__(self, other: Data) -> Query: ...
    def __rmul__(self, other: Data) -> Query: ...
    def __rtruediv__(self, other: Data) -> Query: ...
    def __rmod__(self, other: Data) -> Query: ...
    def __rand__(self, other: Data) -> Query: ...
    def __ror__(self, other: Data) -> Query: ...
    def __invert__(self) -> Query: ...
    def add(self, *more: Data) -> Query:
        """The sum of numbers, of a time and seconds; strings and arrays are put together. Written `left + right`."""
    def and_(self, *values: Data) -> Query:
        """The first value that counts as false (False and null do), or else the last one; True of none."""
    def append(self, value: Data, /) -> Query:
        """An array with one more element at its end."""
    def avg(self, key: Query | str | Callable[[Query], Data] | None = ..., /, *, index: Query | str | None = ...) -> Query:
        """The average of numbers: of the elements, or of a field or function of each."""
    def between(self, lower: Data, upper: Data, /, *, index: Query | str | None = ..., left_bound: Query | str = ..., right_bound: Query | str = ...) -> Query:
        """The documents whose key lies between two bounds, in the order of the index."""
    def bit_and(self, *more: Query | int) -> Query:
        """The bits that all whole numbers have, in two's complement."""
    def bit_not(self) -> Query:
        """The whole number with all bits inverted, in two's complement."""
    def bit_or(self, *more: Query | int) -> Query:
        """The bits that any of the whole numbers has, in two's complement."""
    def bit_sal(self, *bits: Query | int) -> Query:
        """The whole number shifted to the left: multiplied by powers of 2."""
    def bit_sar(self, *bits: Query | int) -> Query:
        """The whole number shifted to the right, the sign kept: divided by powers of 2, rounded down."""
    def bit_xor(self, *more: Query | int) -> Query:
        """The bits that an odd number of the whole numbers have, in two's complement."""
    def bracket(self, key: Data, /) -> Query:
        """The field of an object, the field of each object of a sequence that has it, or the element at a place."""
    def branch(self, value: Data | Callable[..., Data], other: Data | Callable[..., Data], /, *rest: Data | Callable[..., Data]) -> Query:
        """The value after the first test that holds, or the last value where none does: `r.branch(test, value, ..., other)`."""
    def ceil(self) -> Query:
        """The least whole number that is not less."""
    def change_at(self, index: Query | int, value: Data, /) -> Query:
        """An array with another element at a place. Negative places count from the end."""
    def changes(self, *, squash: Query | bool | int | float = ..., changefeed_queue_size: Query | int = ..., include_initial: Query | bool = ..., include_states: Query | bool = ..., include_offsets: Query | bool = ..., include_types: Query | bool = ...) -> Query:
        """An endless stream of the changes of a table, of part of one, or of one document."""
    def coerce_to(self, type_name: Query | str, /) -> Query:
        """The value as one of another type: "array", "object", "string", "number", "bool" or "binary"."""
    def concat_map(self, function: Query | Callable[[Query], Data], /) -> Query:
        """Apply a function that gives a sequence to each element, and put all that it gives into one sequence."""
    def config(self) -> Query:
        """The settings of a table or of a database, as a document that can be updated."""
    def contains(self, *wanted: Data | Callable[[Query], Data]) -> Query:
        """Whether a sequence has all the values given, and for each function an element that satisfies it."""
    def count(self, value: Data | Callable[[Query], Data] = ..., /) -> Query:
        """How many elements a sequence has; with a value or a function, how many are equal to it or satisfy it."""
    def date(self) -> Query:
        """The beginning of the day of a time, on a clock with its offset."""
    def day(self) -> Query:
        """The day of the month of a time, 1 to 31."""
    def day_of_week(self) -> Query:
        """The day of the week of a time, 1 to 7; `r.monday` to `r.sunday` have the same values."""
    def day_of_year(self) -> Query:
        """The day of the year of a time, 1 to 366."""
    def default(self, default: Data | Callable[..., Data], /) -> Query:
        """Another value where this one is null, or is missing in any way: a field, an element, the least of nothing."""
    def delete(self, *, return_changes: Data = ..., durability: Query | str = ..., non_atomic: Data = ..., ignore_write_hook: Data = ...) -> Query:
        """Delete a document, the documents of a selection, or those of a table. Options as of `update`."""
    def delete_at(self, index: Query | int, end: Query | int | None = ..., /) -> Query:
        """An array without the element at a place, or without those from there up to the place `end`."""
    def difference(self, other: Data | Callable[..., Data], /) -> Query:
        """The elements of a sequence that are not in another one; what occurs twice stays twice."""
    def distance(self, other: Data, /, *, geo_system: Data = ..., unit: Data = ..., measure: Query | str | None = ...) -> Query:
        """The distance between two geometries, of which one has to be a point, or how far two vectors are apart."""
    def distinct(self, *, index: Query | str | None = ...) -> Query:
        """The distinct elements in order; of a table with `index`, the distinct keys of that index, as a stream."""
    def div(self, *more: Data) -> Query:
        """The quotient of numbers, whole where it can be. Written `left / right`."""
    def do(self, *rest: Data | Callable[..., Data]) -> Query:
        """Call a function with values: `value.do(f)`, `r.do(a, b, f)`. The function comes last; its result is the result."""
    def downcase(self) -> Query:
        """The string with the letters A to Z in lower case; other letters are left as they are."""
    def during(self, start: Query | datetime, end: Query | datetime, /, *, left_bound: Query | str = ..., right_bound: Query | str = ...) -> Query:
        """Whether a time lies between two others."""
    def eq(self, right: Data, /, *more: Data) -> Query:
        """Whether all values are equal: 1 is 1.0, and is not True. Written `left == right`."""
    def eq_join(self, key: Query | str | Callable[[Query], Data], table: Data | Callable[..., Data], /, *, index: Query | str | None = ..., ordered: Data = ...) -> Query:
        """The pairs of rows and the documents of a table whose primary key, or key in `index`, is a field of the row."""
    def fill(self) -> Query:
        """The polygon whose border is a line; a line that does not end where it begins is closed."""
    def filter(self, predicate: Query | Callable[[Query], Data] | Object, /, *, default: Data = ...) -> Query:
        """The rows for which a predicate holds: a function, an expression of `r.row`, or an object of fields to match."""
    def floor(self) -> Query:
        """The greatest whole number that is not greater."""
    def fold(self, base: Data, function: Query | Callable[..., Data], /, *, emit: Query | Callable[..., Data] | None = ..., final_emit: Query | Callable[..., Data] | None = ...) -> Query:
        """Go through a sequence in order with an accumulator, which begins as `base` and becomes `function(accumulator, row)`."""
    def for_each(self, write: Query | Callable[[Query], Data], /) -> Query:
        """Run a write, or an array of writes, for each element of a sequence, and add up what they did."""
    def ge(self, right: Data, /, *more: Data) -> Query:
        """Whether each value is greater than the next or equal to it. Written `left >= right`."""
    def get(self, key: Data, /) -> Query:
        """The document with this primary key, or None."""
    def get_all(self, *keys: Data, index: Query | str | None = ...) -> Query:
        """The documents whose primary key, or whose key in `index`, is one of `keys`; for a key given twice, twice."""
    def get_field(self, name: Query | str, /) -> Query:
        """The field of an object, or the field of each object of a sequence that has it."""
    def get_intersecting(self, geometry: Data, /, *, index: Query | str | None = ...) -> Query:
        """The documents whose geometry in a geospatial index intersects a geometry, in no special order."""
    def get_nearest(self, target: Data, /, *, index: Query | str | None = ..., max_results: Data = ..., max_dist: Data = ..., unit: Data = ..., geo_system: Data = ..., field: Query | Callable[..., Data] | str | None = ..., measure: Query | str | None = ..., filter: Query | Callable[..., Data] | Object | None = ..., probes: Query | int | None = ..., ef_search: Query | int | None = ..., exact: Query | bool | None = ...) -> Query:
        """The documents nearest to a point or to a vector: an array of `{"dist": ..., "doc": ...}`, the nearest first."""
    def get_write_hook(self) -> Query:
        """The write hook of a table: its `function`, a binary that `set_write_hook` takes, and the `query` that sets it."""
    def grant(self, *arguments: Data | Callable[..., Data]) -> Query:
        """Note what a user may do: `r.grant(user, permissions)`, or on `r.db(name)` or a table."""
    def group(self, *keys: Query | str | Callable[[Query], Data], index: Query | str | None = ..., multi: Data = ...) -> Query:
        """Put the rows into groups by fields or functions, or by the keys of an index; what follows is done to each group."""
    def gt(self, right: Data, /, *more: Data) -> Query:
        """Whether each value is greater than the next. Written `left > right`."""
    def has_fields(self, *selectors: Data) -> Query:
        """Whether an object has all of these fields and none of them is null; of a sequence, the objects that have."""
    def hours(self) -> Query:
        """The hour of a time, 0 to 23."""
    def in_timezone(self, timezone: Query | str, /) -> Query:
        """The same moment with another offset from UTC: `"Z"`, `"+02:00"`, `"+0200"` or `"+02"`."""
    def includes(self, geometry: Data, /) -> Query:
        """Whether a geometry lies wholly inside a polygon; of a sequence of polygons, those that it lies in."""
    def index_create(self, name: Query | str, function: Query | Callable[[Query], Data] | Array | bytes | bytearray | memoryview | None = ..., /, *, multi: Data = ..., geo: Data = ..., unique: Query | bool | None = ..., vector: Query | Object | None = ...) -> Query:
        """Create an index on a table. It is built while the table goes on being read and written; see `index_wait`."""
    def index_drop(self, name: Query | str, /) -> Query:
        """Drop an index."""
    def index_list(self) -> Query:
        """The names of a table's indexes, in order, without the primary key."""
    def index_rename(self, name: Query | str, new_name: Query | str, /, *, overwrite: Data = ...) -> Query:
        """Give an index another name; with `overwrite=True`, in place of the index that has that name."""
    def index_status(self, *names: Query | str) -> Query:
        """The state of indexes, of all of a table's where none is named, in order of name."""
    def index_wait(self, *names: Query | str) -> Query:
        """Wait until indexes, all of a table's where none is named, are built, and give their status."""
    def info(self) -> Query:
        """What is known of a value, a selection, a table or a database: its type, and what belongs to that type."""
    def inner_join(self, other: Data | Callable[..., Data], predicate: Query | Callable[[Query, Query], Data], /) -> Query:
        """The pairs of rows of two sequences for which a function of both holds."""
    def insert(self, documents: Query | Object | Array | Rows, /, *, conflict: Query | str | Callable[..., Data] = ..., return_changes: Data = ..., durability: Query | str = ..., ignore_write_hook: Data = ...) -> Query:
        """Insert a document, a list of them, those of any Python iterable, or the rows of a query."""
    def insert_at(self, index: Query | int, value: Data, /) -> Query:
        """An array with one more element before a place; at its end for the place -1."""
    def intersects(self, geometry: Data, /) -> Query:
        """Whether two geometries have a point in common; of a sequence of geometries, those that have one with another."""
    def is_empty(self) -> Query:
        """Whether a sequence has no element; reads at most one."""
    def keys(self) -> Query:
        """The names of an object's fields, in their order."""
    def le(self, right: Data, /, *more: Data) -> Query:
        """Whether each value is less than the next or equal to it. Written `left <= right`."""
    def limit(self, count: Query | int, /) -> Query:
        """The first `count` elements. After an `order_by` without an index, only so many rows are held in memory."""
    def lt(self, right: Data, /, *more: Data) -> Query:
        """Whether each value is less than the next. Written `left < right`."""
    def map(self, function: Data | Callable[..., Data], /, *more: Data | Callable[..., Data]) -> Query:
        """Apply a function to each element of a sequence, or to the elements of several, taken in step."""
    def match(self, pattern: Query | str, /) -> Query:
        """The first match of a regular expression in a string: `{str, start, end, groups}`, or null where there is none."""
    def max(self, key: Query | str | Callable[[Query], Data] | None = ..., /, *, index: Query | str | None = ...) -> Query:
        """The greatest element; with a field or function, the element for which that is greatest."""
    def merge(self, *others: Query | Object | Callable[..., Data]) -> Query:
        """An object, or each object of a sequence, with others merged into it from left to right, objects inside it too."""
    def min(self, key: Query | str | Callable[[Query], Data] | None = ..., /, *, index: Query | str | None = ...) -> Query:
        """The least element; with a field or function, the element for which that is least."""
    def minutes(self) -> Query:
        """The minute of a time, 0 to 59."""
    def mod(self, right: Query | int, /) -> Query:
        """The remainder of a division of whole numbers; it has the sign of `left`. Written `left % right`."""
    def month(self) -> Query:
        """The month of a time, 1 to 12; `r.january` to `r.december` have the same values."""
    def mul(self, *more: Data) -> Query:
        """The product of numbers, or an array repeated. Written `left * right`."""
    def ne(self, right: Data, /, *more: Data) -> Query:
        """Whether not all values are equal. Written `left != right`."""
    def not_(self) -> Query:
        """True of False and null, False of everything else. Written `~value`."""
    def nth(self, index: Query | int, /) -> Query:
        """The element at a place, from 0; -1 is the last one. Also written `sequence[index]`."""
    def offsets_of(self, predicate: Data | Callable[[Query], Data], /) -> Query:
        """The places, from 0, of the elements that are equal to a value, or for which a function holds."""
    def or_(self, *values: Data) -> Query:
        """The first value that counts as true (all but False and null do), or else the last one; False of none."""
    def order_by(self, *keys: Query | str | Callable[[Query], Data], index: Query | str | None = ...) -> Query:
        """Sort by fields or functions, each ascending unless wrapped in `r.desc`; rows that lack a key come first."""
    def outer_join(self, other: Data | Callable[..., Data], predicate: Query | Callable[[Query, Query], Data], /) -> Query:
        """As `inner_join`, and the rows of the first sequence that have no partner, as pairs with only `left`."""
    def pluck(self, *selectors: Data) -> Query:
        """Only some fields of an object, or of each object of a sequence."""
    def polygon_sub(self, hole: Data, /) -> Query:
        """A polygon with a hole in the shape of another one, which has to lie in it; neither may have holes already."""
    def prepend(self, value: Data, /) -> Query:
        """An array with one more element at its start."""
    def rebalance(self) -> Query:
        """Spread the documents of a table, or of all tables of a database, evenly over the shards: here they always are."""
    def reconfigure(self, *, shards: Query | int | None = ..., replicas: Query | int | Object | None = ..., primary_replica_tag: Query | str | None = ..., nonvoting_replica_tags: Query | Array | None = ..., dry_run: Query | bool = ..., emergency_repair: Query | str | None = ...) -> Query:
        """Set the number of shards and replicas of a table, or of all tables of a database."""
    def reduce(self, function: Query | Callable[[Query, Query], Data], /) -> Query:
        """Make one value of a sequence by a function of two: of the first two elements, then of its result and the next one."""
    def replace(self, change: Query | Object | Callable[[Query], Data] | None, /, *, return_changes: Data = ..., durability: Query | str = ..., non_atomic: Data = ..., ignore_write_hook: Data = ...) -> Query:
        """Put another document in the place of a document, or of each document of a selection or a table."""
    def round(self) -> Query:
        """The nearest whole number; a half is rounded away from zero."""
    def sample(self, count: Query | int, /) -> Query:
        """So many elements, taken at random, each at most once; all of them where there are no more."""
    def seconds(self) -> Query:
        """The seconds of a time with their fraction, from 0 to less than 60."""
    def set_difference(self, other: Query | Array, /) -> Query:
        """The distinct elements of an array that are not in another one."""
    def set_insert(self, value: Data, /) -> Query:
        """The distinct elements of an array and a value."""
    def set_intersection(self, other: Query | Array, /) -> Query:
        """The distinct elements that are in both arrays."""
    def set_union(self, other: Query | Array, /) -> Query:
        """The distinct elements of two arrays."""
    def set_write_hook(self, function: Query | Callable[..., Data] | bytes | bytearray | memoryview | None, /) -> Query:
        """Let every write to a table go through a function, in the place of the one before; None for none."""
    def skip(self, count: Query | int, /) -> Query:
        """All but the first `count` elements; of an array, a negative count gives the last ones."""
    def slice(self, first: Query | int, end: Query | int | None = ..., /, *, left_bound: Query | str = ..., right_bound: Query | str = ...) -> Query:
        """The elements from place `first` up to `end`, or to the end of the sequence; also written `sequence[first:end]`."""
    def splice_at(self, index: Query | int, other: Query | Array, /) -> Query:
        """An array with the elements of another one before a place; at its end for the place -1."""
    def split(self, separator: Query | str | None = ..., max_splits: Query | int = ..., /) -> Query:
        """Split a string: at white space, at each `separator`, or, with the empty one, into its characters."""
    def status(self) -> Query:
        """Whether a table can be read and written: here it always can. A row of the system table `table_status`."""
    def sub(self, *more: Data) -> Query:
        """The difference of numbers, the seconds between two times, or a time so many seconds before. Written `left - right`."""
    def sum(self, key: Query | str | Callable[[Query], Data] | None = ..., /, *, index: Query | str | None = ...) -> Query:
        """Add up numbers: the elements, or a field or function of each; 0 where there is nothing to add."""
    def sync(self) -> Query:
        """Return when everything written to a table is on the disk, what was written with soft durability too."""
    def table(self, *names: Query | str, read_mode: Query | str | None = ..., identifier_format: Query | str | None = ...) -> Query:
        """All documents of a table, in the order in which they were inserted; `r.table(name)` is of the default database."""
    def table_create(self, name: Data | Callable[..., Data] = ..., /, *, primary_key: Query | str | None = ..., durability: Query | str | None = ..., shards: Query | int | None = ..., replicas: Query | int | Object | None = ..., primary_replica_tag: Query | str | None = ..., nonvoting_replica_tags: Query | Array | None = ...) -> Query:
        """Create a table: `r.table_create(name)` in the default database, `r.db(database).table_create(name)` in another."""
    def table_drop(self, name: Data | Callable[..., Data] = ..., /) -> Query:
        """Drop a table with its documents and indexes."""
    def table_list(self) -> Query:
        """The names of the tables of a database, in order."""
    def time_of_day(self) -> Query:
        """The seconds from the beginning of the day to a time."""
    def timezone(self) -> Query:
        """The offset of a time from UTC, as text."""
    def to_epoch_time(self) -> Query:
        """The seconds from 1970-01-01T00:00Z to a time."""
    def to_geojson(self) -> Query:
        """The GeoJSON object of a geometry."""
    def to_iso8601(self) -> Query:
        """The text of a time in the format of ISO 8601, with its offset."""
    def to_json_string(self) -> Query:
        """The value as JSON text; times and binaries as objects with a `$reql_type$`."""
    def to_json(self) -> Query:
        """The value as JSON text; times and binaries as objects with a `$reql_type$`."""
    def type_of(self) -> Query:
        """The name of a value's type: NULL, BOOL, NUMBER, STRING, ARRAY, OBJECT, PTYPE<TIME>, STREAM, TABLE and so on."""
    def ungroup(self) -> Query:
        """Make an array of groups, `{"group": key, "reduction": value}` each, in order of key."""
    def union(self, *sequences: Data | Callable[..., Data], interleave: Query | bool | str | Array | Callable[..., Data] = ...) -> Query:
        """The elements of several sequences, one sequence after the other."""
    def upcase(self) -> Query:
        """The string with the letters a to z in upper case; other letters are left as they are."""
    def update(self, change: Query | Object | Callable[[Query], Data], /, *, return_changes: Data = ..., durability: Query | str = ..., non_atomic: Data = ..., ignore_write_hook: Data = ...) -> Query:
        """Merge fields into a document, the documents of a selection, or those of a table."""
    def values(self) -> Query:
        """The values of an object's fields, in the order of their names."""
    def wait(self, *, wait_for: Query | str | None = ..., timeout: Query | int | None = ...) -> Query:
        """Wait until a table, or all tables of a database, can be read and written: here they always can."""
    def with_fields(self, *selectors: Data) -> Query:
        """The rows that have all of these fields, and of each only these: `has_fields`, then `pluck`."""
    def without(self, *selectors: Data) -> Query:
        """An object, or each object of a sequence, without some fields; selectors are those of `pluck`."""
    def year(self) -> Query:
        """The year of a time."""
    def zip(self) -> Query:
        """One row of each pair that a join gives: `right` merged into `left`."""

class R:
    """The entrance to the language: `r.table("posts")`, `r.expr(...)`, `r.row`."""

    minval: Query
    maxval: Query
    row: Query
    errors: ModuleType
    monday: Query
    tuesday: Query
    wednesday: Query
    thursday: Query
    friday: Query
    saturday: Query
    sunday: Query
    january: Query
    february: Query
    march: Query
    april: Query
    may: Query
    june: Query
    july: Query
    august: Query
    september: Query
    october: Query
    november: Query
    december: Query
    def expr(self, value: Any, nesting_depth: int = 20) -> Query:
        """A query that gives a Python value: data, or data with queries inside, or a function."""
    def connect(self, *args: object, **options: object) -> NoReturn:
        """There is no server: `docstore.connect` opens a store. A ReqlDriverError that says so."""
    def make_timezone(self, offset: str) -> tzinfo:
        """A `tzinfo` of a fixed offset: `r.make_timezone("+02:00")`."""
    def add(self, left: Data, /, *more: Data) -> Query:
        """The sum of numbers, of a time and seconds; strings and arrays are put together. Written `left + right`."""
    def and_(self, *values: Data) -> Query:
        """The first value that counts as false (False and null do), or else the last one; True of none."""
    def args(self, array: Query | Array, /) -> Query:
        """The elements of an array as so many arguments of the term around it."""
    def asc(self, key: Query | str | Callable[[Query], Data], /) -> Query:
        """Put a key of `order_by` in ascending order, which is the default."""
    def avg(self, sequence: Data | Callable[..., Data], key: Query | str | Callable[[Query], Data] | None = ..., /, *, index: Query | str | None = ...) -> Query:
        """The average of numbers: of the elements, or of a field or function of each."""
    def binary(self, data: Data, /) -> Query:
        """Binary data: Python's bytes, or, of a query that gives a string, its UTF-8."""
    def bit_and(self, left: Query | int, /, *more: Query | int) -> Query:
        """The bits that all whole numbers have, in two's complement."""
    def bit_not(self, number: Query | int, /) -> Query:
        """The whole number with all bits inverted, in two's complement."""
    def bit_or(self, left: Query | int, /, *more: Query | int) -> Query:
        """The bits that any of the whole numbers has, in two's complement."""
    def bit_sal(self, number: Query | int, /, *bits: Query | int) -> Query:
        """The whole number shifted to the left: multiplied by powers of 2."""
    def bit_sar(self, number: Query | int, /, *bits: Query | int) -> Query:
        """The whole number shifted to the right, the sign kept: divided by powers of 2, rounded down."""
    def bit_xor(self, left: Query | int, /, *more: Query | int) -> Query:
        """The bits that an odd number of the whole numbers have, in two's complement."""
    def branch(self, test: Data, value: Data | Callable[..., Data], other: Data | Callable[..., Data], /, *rest: Data | Callable[..., Data]) -> Query:
        """The value after the first test that holds, or the last value where none does: `r.branch(test, value, ..., other)`."""
    def ceil(self, number: Query | int | float, /) -> Query:
        """The least whole number that is not less."""
    def circle(self, center: Data, radius: Data, /, *, num_vertices: Query | int = ..., geo_system: Data = ..., unit: Data = ..., fill: Data = ...) -> Query:
        """A circle, that is a polygon of `num_vertices` corners, around a point or an array of longitude and latitude."""
    def contains(self, sequence: Data | Callable[..., Data], /, *wanted: Data | Callable[[Query], Data]) -> Query:
        """Whether a sequence has all the values given, and for each function an element that satisfies it."""
    def count(self, sequence: Data | Callable[..., Data], value: Data | Callable[[Query], Data] = ..., /) -> Query:
        """How many elements a sequence has; with a value or a function, how many are equal to it or satisfy it."""
    def db(self, name: Query | str, /) -> Query:
        """Name a database, as `r.db("blog").table("posts")`."""
    def db_create(self, name: Query | str, /) -> Query:
        """Create a database."""
    def db_drop(self, name: Query | str, /) -> Query:
        """Drop a database with all its tables."""
    def db_list(self) -> Query:
        """The names of all databases, in order."""
    def desc(self, key: Query | str | Callable[[Query], Data], /) -> Query:
        """Put a key of `order_by`, or its index, in descending order."""
    def distance(self, value: Data, other: Data, /, *, geo_system: Data = ..., unit: Data = ..., measure: Query | str | None = ...) -> Query:
        """The distance between two geometries, of which one has to be a point, or how far two vectors are apart."""
    def distinct(self, sequence: Data | Callable[..., Data], /, *, index: Query | str | None = ...) -> Query:
        """The distinct elements in order; of a table with `index`, the distinct keys of that index, as a stream."""
    def div(self, left: Data, /, *more: Data) -> Query:
        """The quotient of numbers, whole where it can be. Written `left / right`."""
    def do(self, first: Data | Callable[..., Data], /, *rest: Data | Callable[..., Data]) -> Query:
        """Call a function with values: `value.do(f)`, `r.do(a, b, f)`. The function comes last; its result is the result."""
    def epoch_time(self, seconds: Query | int | float, /) -> Query:
        """The time so many seconds after 1970-01-01T00:00Z, in UTC; rounded to milliseconds."""
    def eq(self, left: Data, right: Data, /, *more: Data) -> Query:
        """Whether all values are equal: 1 is 1.0, and is not True. Written `left == right`."""
    def error(self, message: Query | str = ..., /) -> Query:
        """Raise a ReqlUserError. Without a message, inside `default`, raise again what `default` has caught."""
    def floor(self, number: Query | int | float, /) -> Query:
        """The greatest whole number that is not greater."""
    def fold(self, sequence: Data | Callable[..., Data], base: Data, function: Query | Callable[..., Data], /, *, emit: Query | Callable[..., Data] | None = ..., final_emit: Query | Callable[..., Data] | None = ...) -> Query:
        """Go through a sequence in order with an accumulator, which begins as `base` and becomes `function(accumulator, row)`."""
    def format(self, template: Query | str, fields: Query | Object, /) -> Query:
        """The template with each `{name}` in it replaced by that field, as a string: others than strings as JSON."""
    def ge(self, left: Data, right: Data, /, *more: Data) -> Query:
        """Whether each value is greater than the next or equal to it. Written `left >= right`."""
    def geojson(self, geojson: Data, /) -> Query:
        """The geometry of a GeoJSON object: a `Point`, a `LineString` or a `Polygon`."""
    def grant(self, *arguments: Data | Callable[..., Data]) -> Query:
        """Note what a user may do: `r.grant(user, permissions)`, or on `r.db(name)` or a table."""
    def group(self, sequence: Data | Callable[..., Data], /, *keys: Query | str | Callable[[Query], Data], index: Query | str | None = ..., multi: Data = ...) -> Query:
        """Put the rows into groups by fields or functions, or by the keys of an index; what follows is done to each group."""
    def gt(self, left: Data, right: Data, /, *more: Data) -> Query:
        """Whether each value is greater than the next. Written `left > right`."""
    def http(self, url: Query | str, /, *, method: Query | str = ..., params: Data = ..., header: Data = ..., data: Data = ..., auth: Data = ..., result_format: Query | str = ..., timeout: Query | int | float = ..., attempts: Query | int = ..., redirects: Query | int = ..., verify: Query | bool = ..., page: Query | str | Callable[..., Data] | None = ..., page_limit: Query | int | None = ...) -> Query:
        """What a server answers to a request; with `page`, a stream of what it answers to several."""
    def info(self, value: Data | Callable[..., Data], /) -> Query:
        """What is known of a value, a selection, a table or a database: its type, and what belongs to that type."""
    def iso8601(self, text: Query | str, /, *, default_timezone: Query | str = ...) -> Query:
        """The time that a text in the format of ISO 8601 says, with its offset, or with `default_timezone` if it has none."""
    def js(self, source: Query | str, /, *, timeout: Query | int | float = ...) -> Query:
        """What a script in JavaScript gives: a value, or a function that can stand where a function of the query can."""
    def json(self, text: Query | str, /) -> Query:
        """The value that a JSON text stands for; ReqlQueryLogicError where it stands for none."""
    def le(self, left: Data, right: Data, /, *more: Data) -> Query:
        """Whether each value is less than the next or equal to it. Written `left <= right`."""
    def line(self, start: Data, end: Data, /, *points: Data) -> Query:
        """A line through two or more points, each a point or an array of longitude and latitude."""
    def literal(self, value: Data = ..., /) -> Query:
        """Inside `merge` and `update`: replace what is there by `value`, not merging them; without one, remove the field."""
    def lt(self, left: Data, right: Data, /, *more: Data) -> Query:
        """Whether each value is less than the next. Written `left < right`."""
    def map(self, sequence: Data | Callable[..., Data], function: Data | Callable[..., Data], /, *more: Data | Callable[..., Data]) -> Query:
        """Apply a function to each element of a sequence, or to the elements of several, taken in step."""
    def max(self, sequence: Data | Callable[..., Data], key: Query | str | Callable[[Query], Data] | None = ..., /, *, index: Query | str | None = ...) -> Query:
        """The greatest element; with a field or function, the element for which that is greatest."""
    def min(self, sequence: Data | Callable[..., Data], key: Query | str | Callable[[Query], Data] | None = ..., /, *, index: Query | str | None = ...) -> Query:
        """The least element; with a field or function, the element for which that is least."""
    def mod(self, left: Query | int, right: Query | int, /) -> Query:
        """The remainder of a division of whole numbers; it has the sign of `left`. Written `left % right`."""
    def mul(self, left: Data, /, *more: Data) -> Query:
        """The product of numbers, or an array repeated. Written `left * right`."""
    def ne(self, left: Data, right: Data, /, *more: Data) -> Query:
        """Whether not all values are equal. Written `left != right`."""
    def not_(self, value: Data, /) -> Query:
        """True of False and null, False of everything else. Written `~value`."""
    def now(self) -> Query:
        """The time at which the query began, in UTC; the same everywhere in a query."""
    def object(self, *pairs: Data) -> Query:
        """An object of names and values in turns, where names are not known when the query is written."""
    def or_(self, *values: Data) -> Query:
        """The first value that counts as true (all but False and null do), or else the last one; False of none."""
    def point(self, longitude: Query | int | float, latitude: Query | int | float, /) -> Query:
        """A point, by its longitude from -180 to 180 and its latitude from -90 to 90 degrees."""
    def polygon(self, first: Data, second: Data, third: Data, /, *points: Data) -> Query:
        """A polygon with three or more corners, each a point or an array of longitude and latitude; the last need not be the first."""
    def random(self, *bounds: Query | int | float, float: Data = ...) -> Query:
        """A random number: `r.random()` is of [0, 1), `r.random(n)` a whole one of [0, n), `r.random(a, b)` one of [a, b)."""
    def range(self, first: Query | int | None = ..., end: Query | int | None = ..., /) -> Query:
        """Whole numbers from 0 without an end, up to one number, or from one up to another, which is not among them."""
    def rebalance(self, target: Data | Callable[..., Data] = ..., /) -> Query:
        """Spread the documents of a table, or of all tables of a database, evenly over the shards: here they always are."""
    def reconfigure(self, target: Data | Callable[..., Data] = ..., /, *, shards: Query | int | None = ..., replicas: Query | int | Object | None = ..., primary_replica_tag: Query | str | None = ..., nonvoting_replica_tags: Query | Array | None = ..., dry_run: Query | bool = ..., emergency_repair: Query | str | None = ...) -> Query:
        """Set the number of shards and replicas of a table, or of all tables of a database."""
    def reduce(self, sequence: Data | Callable[..., Data], function: Query | Callable[[Query, Query], Data], /) -> Query:
        """Make one value of a sequence by a function of two: of the first two elements, then of its result and the next one."""
    def round(self, number: Query | int | float, /) -> Query:
        """The nearest whole number; a half is rounded away from zero."""
    def sub(self, left: Data, /, *more: Data) -> Query:
        """The difference of numbers, the seconds between two times, or a time so many seconds before. Written `left - right`."""
    def sum(self, sequence: Data | Callable[..., Data], key: Query | str | Callable[[Query], Data] | None = ..., /, *, index: Query | str | None = ...) -> Query:
        """Add up numbers: the elements, or a field or function of each; 0 where there is nothing to add."""
    def table(self, *names: Query | str, read_mode: Query | str | None = ..., identifier_format: Query | str | None = ...) -> Query:
        """All documents of a table, in the order in which they were inserted; `r.table(name)` is of the default database."""
    def table_create(self, database: Data | Callable[..., Data], name: Data | Callable[..., Data] = ..., /, *, primary_key: Query | str | None = ..., durability: Query | str | None = ..., shards: Query | int | None = ..., replicas: Query | int | Object | None = ..., primary_replica_tag: Query | str | None = ..., nonvoting_replica_tags: Query | Array | None = ...) -> Query:
        """Create a table: `r.table_create(name)` in the default database, `r.db(database).table_create(name)` in another."""
    def table_drop(self, database: Data | Callable[..., Data], name: Data | Callable[..., Data] = ..., /) -> Query:
        """Drop a table with its documents and indexes."""
    def table_list(self, database: Data | Callable[..., Data] = ..., /) -> Query:
        """The names of the tables of a database, in order."""
    def time(self, year: Query | int, month: Query | int, day: Query | int, /, *clock_and_timezone: Data) -> Query:
        """The time of a year, month and day, of an hour, a minute and seconds if they are given, and with an offset from UTC."""
    def type_of(self, value: Data | Callable[..., Data], /) -> Query:
        """The name of a value's type: NULL, BOOL, NUMBER, STRING, ARRAY, OBJECT, PTYPE<TIME>, STREAM, TABLE and so on."""
    def union(self, *sequences: Data | Callable[..., Data], interleave: Query | bool | str | Array | Callable[..., Data] = ...) -> Query:
        """The elements of several sequences, one sequence after the other."""
    def uuid(self, *name: Query | str) -> Query:
        """A random UUID, or the one that belongs to a name: always the same for the same."""
    def vector(self, numbers: Data, /, *, type: Query | str | None = ...) -> Query:
        """A vector of numbers: packed, as embeddings are stored, in `type` `"float32"` (the default), `"float16"`, `"int8"` or `"bits"` (of zeros and ones)."""
    def wait(self, target: Data | Callable[..., Data] = ..., /, *, wait_for: Query | str | None = ..., timeout: Query | int | None = ...) -> Query:
        """Wait until a table, or all tables of a database, can be read and written: here they always can."""

r: R

def set_repl(runner: Runner | None) -> None:
    """What `.run()` without an argument runs on, in this thread."""

def call(name: str, *args: Any, **options: Any) -> Query:
    """The term of a name with these arguments, as a query."""

def install() -> None:
    """Give `Query` and `R` the methods of all declared terms. Called once, after the terms are imported."""
