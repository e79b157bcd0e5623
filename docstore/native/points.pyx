# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, binding=False
"""`Point`: one document by its primary key, read in one call and without a transaction (see `pages`). `Points` are those of a
connection, and a `PointCall` is a prepared query that asks them first.

A point answers where nothing is in the way: no block is open in this context, the engine and its file are there to be read, no
group of soft writes is open, the last commit is the one in which the catalog was seen, and the key is a short ASCII string
or a whole number. Otherwise it gives NotImplemented, and somebody else has to say.

From the first look at these to the last nothing is made that the garbage collector knows of, and no code in Python is
called: so no other thread runs, and neither does a finalizer; what was true stays true.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from docstore.native.documents cimport Reader
from docstore.native.forms cimport (
    FIRST_SHARED_NUMBER, NUMBER_FORM_BYTES, text_form_size, write_number_form, write_text_form,
)
from docstore.native.pages cimport Snapshot
from docstore.native.rows cimport Row

from docstore.native.pages import DamagedPageError

cdef extern from "Python.h":
    int PyContextVar_Get(object var, object default, PyObject** value) except -1
    bint PyLong_CheckExact(object value)
    bint PyUnicode_CheckExact(object value)
    long long PyLong_AsLongLongAndOverflow(object value, int* overflow)
    ctypedef struct PyObject:
        pass
    void Py_DECREF(object value)

cdef enum:
    PREFIX_BYTES = 4
    FORM_BYTES = 507
    COPIED_BYTES = 4096  # of a document that is copied to where functions keep their variables

cdef class Point:
    """The reading of documents of one table."""

    cdef object _store
    cdef object _schema
    cdef object _engine
    cdef object _file
    cdef object _soft
    cdef object _gate
    cdef object _blocks
    cdef object _present
    cdef Reader _reader
    cdef unsigned char _keys[PREFIX_BYTES]
    cdef bytes _rows

    def __init__(self, store, schema, engine, file, bytes keys not None, bytes rows not None, manner):
        """Documents whose primary keys begin with `keys` and whose rows with `rows`, as long as `store.seen` tells of that schema."""
        self._store, self._schema, self._engine, self._file = store, schema, engine, file
        self._soft, self._gate = file.soft, file.gate
        self._reader, self._present, self._blocks = manner.decode, manner.present, manner.blocks
        if PyBytes_GET_SIZE(keys) != PREFIX_BYTES:
            raise ValueError(f"Expected {PREFIX_BYTES} bytes that the keys begin with but found {keys!r}.")
        memcpy(self._keys, PyBytes_AS_STRING(keys), PREFIX_BYTES)
        self._rows = rows

    cdef object read(self, key):
        """The document, or None; NotImplemented where another has to say."""
        cdef unsigned char form[FORM_BYTES]
        cdef unsigned char copied[COPIED_BYTES]
        cdef Py_ssize_t size = _write_form(key, form)
        cdef Snapshot snapshot
        cdef Row row
        cdef bytes copy
        cdef unsigned char* data = copied
        cdef unsigned long calls = self._reader.python_calls
        if size < 0:
            return NotImplemented
        snapshot = self._newest()
        if snapshot is None:
            return NotImplemented
        try:
            self._find(snapshot, form, size, &row)
        except DamagedPageError:
            return NotImplemented
        if row.data != NULL:
            if row.size > COPIED_BYTES:
                copy = PyBytes_FromStringAndSize(NULL, row.size)
                data = <unsigned char*> PyBytes_AS_STRING(copy)
            memcpy(data, row.data, row.size)
        if not snapshot.is_newest():
            return NotImplemented
        if row.data == NULL:
            return None
        found = self._reader.read(data, row.size)
        return found if calls == self._reader.python_calls else self._present(found)

    cdef Snapshot _newest(self):
        """The snapshot of the last commit, if it can be read here and now, and the catalog is the one that was seen."""
        cdef Snapshot snapshot
        cdef PyObject* blocks = NULL
        PyContextVar_Get(self._blocks, (), &blocks)
        open_blocks = <object> blocks
        Py_DECREF(open_blocks)
        if open_blocks:
            return None
        known = self._file.snapshot
        number, schema = self._store.seen
        if known is None or schema is not self._schema or self._engine.closed or self._file.forked:
            return None
        if self._soft.group is not None or self._gate.remapping:
            return None
        snapshot = <Snapshot?> known
        return snapshot if snapshot.id == number and snapshot.is_newest() else None

    cdef int _find(self, Snapshot snapshot, const unsigned char* form, Py_ssize_t size, Row* row) except -1:
        """Where the document lies that has a key with this form; without data where there is none."""
        cdef unsigned char key[PREFIX_BYTES + FORM_BYTES]
        memcpy(key, self._keys, PREFIX_BYTES)
        memcpy(key + PREFIX_BYTES, form, size)
        return snapshot.find_through(key, PREFIX_BYTES + size, self._rows, row)


cdef class Points:
    """The points of a connection, by the shapes of their tables."""

    cdef dict _by_table

    def __init__(self):
        self._by_table = {}

    def learn(self, table, Point point, /):
        """What reads documents of a table from now on; None where nothing does."""
        if point is None:
            self._by_table.pop(table, None)
        else:
            self._by_table[table] = point

    def read(self, table, key, /):
        """The document of a table with a key, or None; NotImplemented where another has to say."""
        return self.found(table, key)

    cdef object found(self, table, key):
        point = self._by_table.get(table)
        return NotImplemented if point is None else (<Point> point).read(key)


cdef class PointCall:
    """What is called with values and asks points first, where there is one value, and what is wanted is a document by it."""

    cdef public object connection
    """Whose `points` are asked."""
    cdef public object table_of_text
    """The shape of the table whose document is wanted for a string; None where another thing is."""
    cdef public object table_of_whole
    """The same for an int."""

    def __call__(self, *values):
        if len(values) == 1:
            key = values[0]
            table = self.table_of_text if PyUnicode_CheckExact(key) else None
            if table is None and PyLong_CheckExact(key):
                table = self.table_of_whole
            if table is not None:
                found = (<Points?> self.connection.points).found(table, key)
                if found is not NotImplemented:
                    return found
        return self.ask(values)


cdef Py_ssize_t _write_form(key, unsigned char* form) except? -1:
    """The form of a key, whose size is returned; -1 for what has another way."""
    cdef Py_ssize_t size
    cdef long long number
    cdef int overflow = 0
    if PyUnicode_CheckExact(key):
        size = text_form_size(key)
        if 0 <= size <= FORM_BYTES:
            write_text_form(key, size, form)
            return size
    elif PyLong_CheckExact(key):
        number = PyLong_AsLongLongAndOverflow(key, &overflow)
        if not overflow and -FIRST_SHARED_NUMBER < number < FIRST_SHARED_NUMBER:
            write_number_form(<double> number, form)
            return NUMBER_FORM_BYTES
    return -1
