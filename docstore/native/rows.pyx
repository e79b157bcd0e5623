# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, binding=False
"""Rows that `pages` has found: where their values lie in the memory map, read as far as they are asked for.

Their transaction, the *owner*, must be open; where Python code may have run between two rows it is asked.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.buffer cimport PyBUF_READ
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from docstore.native.conditions cimport Tests
from docstore.native.documents cimport Reader

cdef extern from *:
    """
    #define prefetch(p) __builtin_prefetch(p)
    """
    void prefetch(const void* at) nogil

cdef enum:
    PREFIX_BYTES = 4
    AHEAD = 6  # rows that are fetched before they are looked at: enough for the memory to answer
    LINE = 64  # bytes that the processor fetches at once
    FETCHED = 512  # bytes of a row that are fetched ahead


cdef inline void _fetch(Row* row, Py_ssize_t most) noexcept nogil:
    """Have the processor fetch the first bytes of a row, which will be looked at soon."""
    cdef Py_ssize_t at = 0
    if row.data != NULL:
        while at < row.size and at < most:
            prefetch(row.data + at)
            at += LINE


cdef object read_row(reader, Row* row):
    if isinstance(reader, Reader):
        return (<Reader> reader).read(row.data, row.size)
    return reader(PyBytes_FromStringAndSize(<const char*> row.data, row.size))


cdef class Rows:
    """Some rows, read when they are asked for, as long as their transaction is open."""

    @staticmethod
    cdef Rows of(owner, Py_ssize_t most):
        cdef Rows made = Rows.__new__(Rows)
        made.owner = owner
        made.rows = <Row*> malloc(max(most, 1) * sizeof(Row))
        if made.rows == NULL:
            raise MemoryError
        return made

    def __dealloc__(self):
        free(self.rows)
        free(self._keys)

    def __len__(self):
        return self.count

    def read(self, reader):
        """What a reader makes of each row, in order; None in the place of one that there is not."""
        cdef Py_ssize_t place
        cdef list found = []
        if self.owner.closed:
            self.owner.check_open()
        for place in range(self.count):
            if place + AHEAD < self.count:
                _fetch(&self.rows[place + AHEAD], FETCHED)
            found.append(self._one(reader, place))
        return found

    def parted(self, Py_ssize_t head):
        """See `docstore.storage.rows`."""
        cdef Py_ssize_t place, total = 0
        cdef list heads = []
        cdef Row* row
        cdef char* at
        if self.owner.closed:
            self.owner.check_open()
        for place in range(self.count):
            if place + AHEAD < self.count:
                _fetch(&self.rows[place + AHEAD], LINE)
            row = &self.rows[place]
            if row.data != NULL:
                if row.size < head:
                    raise ValueError(PyBytes_FromStringAndSize(<const char*> row.data, row.size))
                heads.append(PyBytes_FromStringAndSize(<const char*> row.data, head))
                total += row.size - head
        tails = PyBytes_FromStringAndSize(NULL, total)
        at = PyBytes_AS_STRING(tails)
        for place in range(self.count):
            if place + AHEAD < self.count:
                _fetch(&self.rows[place + AHEAD], FETCHED)
            row = &self.rows[place]
            if row.data != NULL:
                memcpy(at, row.data + head, row.size - head)
                at += row.size - head
        return heads, tails

    def views(self):
        """Each value where it lies, None in the place of one that there is not; not to be looked at after the transaction."""
        cdef Py_ssize_t place
        cdef list found = []
        if self.owner.closed:
            self.owner.check_open()
        for place in range(self.count):
            found.append(
                None if self.rows[place].data == NULL
                else PyMemoryView_FromMemory(<char*> self.rows[place].data, self.rows[place].size, PyBUF_READ)
            )
        return found

    def read_some(self, reader, places):
        """The same for the rows at some places."""
        cdef Py_ssize_t place
        cdef list found = []
        if self.owner.closed:
            self.owner.check_open()
        for place in places:
            if not 0 <= place < self.count:
                raise IndexError(place)
            found.append(self._one(reader, place))
        return found

    def added(self, reader, Py_ssize_t most):
        """(key, None, what a reader makes of it) for the first rows of a scan."""
        cdef Py_ssize_t place, start = 0, end
        cdef list found = []
        if self.owner.closed:
            self.owner.check_open()
        for place in range(min(self.count, most)):
            if place + AHEAD < self.count:
                _fetch(&self.rows[place + AHEAD], FETCHED)
            end = self.rows[place].key_end
            start += PREFIX_BYTES
            key = PyBytes_FromStringAndSize(<const char*> self._keys + start, end - start)
            found.append((key, None, self._one(reader, place)))
            start = end
        return found

    def candidates(self, conditions):
        """The places of the rows that are there and may meet some conditions."""
        cdef Tests tests = Tests(conditions)
        cdef Py_ssize_t place
        cdef Row* row
        cdef list found = []
        if self.owner.closed:
            self.owner.check_open()
        for place in range(self.count):
            if place + AHEAD < self.count:
                _fetch(&self.rows[place + AHEAD], 2 * LINE)
            row = &self.rows[place]
            if row.data != NULL and tests.may_pass(row.data, row.size):
                found.append(place)
        return found

    def present(self):
        """Those that there are."""
        cdef Py_ssize_t place
        cdef Rows found = Rows.of(self.owner, self.count)
        for place in range(self.count):
            if self.rows[place].data != NULL:
                found.rows[found.count] = self.rows[place]
                found.count += 1
        return self if found.count == self.count else found

    def key(self, Py_ssize_t place):
        """The key of a row of a scan, without its space; after the transaction's end too."""
        if not 0 <= place < self.count:
            raise IndexError(place)
        cdef Py_ssize_t start = (self.rows[place - 1].key_end if place else 0) + PREFIX_BYTES
        return PyBytes_FromStringAndSize(<const char*> self._keys + start, self.rows[place].key_end - start)

    cdef object _one(self, reader, Py_ssize_t place):
        if self.rows[place].data == NULL:
            return None
        cdef unsigned long calls
        if isinstance(reader, Reader):
            calls = (<Reader> reader).python_calls
            found = (<Reader> reader).read(self.rows[place].data, self.rows[place].size)
            if calls == (<Reader> reader).python_calls:
                return found
        else:
            found = read_row(reader, &self.rows[place])
        if self.owner.closed:
            self.owner.check_open()
        return found

    cdef int add_key(self, const unsigned char* key, Py_ssize_t size) except -1:
        cdef unsigned char* larger
        cdef Py_ssize_t room
        if self._keys_size + size > self._keys_room:
            room = max(2 * self._keys_room, 1024)
            larger = <unsigned char*> malloc(room)
            if larger == NULL:
                raise MemoryError
            memcpy(larger, self._keys, self._keys_size)
            free(self._keys)
            self._keys, self._keys_room = larger, room
        memcpy(self._keys + self._keys_size, key, size)
        self._keys_size += size
        self.rows[self.count].key_end = self._keys_size
        return 0
