# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, binding=False
"""New values put into stored documents where the old ones are: no other field is decoded, or encoded again.

What comes out is, byte for byte, what `docstore.documents` would write of the document with the new values, which stand
where the old ones stood, or at the end. The values that are known here are null, booleans, numbers, texts and binaries, and
the names are those of top-level fields. For all else, and for bytes that are not as expected, there is no answer, and the
document is to be decoded.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItem
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.ref cimport PyObject
from cpython.unicode cimport PyUnicode_CheckExact

from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from docstore.native.documents cimport Reader
from docstore.native.reading cimport Input, map_size, skip, text_size

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* size) except NULL

cdef extern from *:
    """
    #define store16(p, n) memcpy((p), &(uint16_t){__builtin_bswap16((uint16_t)(n))}, 2)
    #define store32(p, n) memcpy((p), &(uint32_t){__builtin_bswap32((uint32_t)(n))}, 4)
    #define store64(p, n) memcpy((p), &(uint64_t){__builtin_bswap64((uint64_t)(n))}, 8)
    """
    void store16(unsigned char* at, uint64_t number) noexcept nogil
    void store32(unsigned char* at, uint64_t number) noexcept nogil
    void store64(unsigned char* at, uint64_t number) noexcept nogil

cdef enum:
    MAX_NAMES = 16
    MAX_FEW_FIELDS = 15  # of a map whose head is one byte
    MAX_MANY_FIELDS = 0xFFFF  # of one whose head has three

MAX_NAMES_OF_A_SPLICER = MAX_NAMES


cdef struct Field:
    const unsigned char* name
    Py_ssize_t name_size
    Py_ssize_t start  # of the old value; below 0 where there is none
    Py_ssize_t end
    PyObject* value
    Py_ssize_t size  # of the new value


cdef class Splicer(Reader):
    """Gives the bytes of one document after the other with its new values, or None; to be asked once for each of `changes`.

    Each of these is a dict of all `names`. None, too, where more than `limit_bytes` would come out.
    """

    cdef tuple _names
    cdef list _encoded
    cdef list _changes
    cdef Py_ssize_t _next
    cdef Py_ssize_t _limit_bytes
    cdef Py_ssize_t _count
    cdef Field _fields[MAX_NAMES]

    def __init__(self, tuple names not None, list changes not None, Py_ssize_t limit_bytes):
        if len(names) > MAX_NAMES:
            raise ValueError(f"At most {MAX_NAMES} names, and these are {len(names)}.")
        self._names, self._changes, self._limit_bytes = names, changes, limit_bytes
        self._encoded = [name.encode() for name in names]
        self._count, self._next = len(names), 0
        for place, name in enumerate(self._encoded):
            self._fields[place].name = <const unsigned char*> PyBytes_AS_STRING(name)
            self._fields[place].name_size = PyBytes_GET_SIZE(name)

    cdef object read(self, const unsigned char* data, Py_ssize_t size):
        if self._next >= len(self._changes):
            raise IndexError(self._next)
        change = self._changes[self._next]
        self._next += 1
        try:
            return self._spliced(<dict?> change, data, size)
        except UnicodeEncodeError:
            return None

    cdef object _spliced(self, dict change, const unsigned char* data, Py_ssize_t size):
        cdef Input source
        cdef Py_ssize_t fields, head_size, total, missing
        cdef Py_ssize_t order[MAX_NAMES]
        cdef Py_ssize_t place
        source.at, source.end = data, data + size
        if not self._take(change):
            return None
        fields = map_size(&source)
        head_size = source.at - data
        missing = self._find(&source, data, fields) if fields >= 0 else -1
        if missing < 0:
            return None
        fields += missing
        total = size - head_size + (1 if fields <= MAX_FEW_FIELDS else 3 if fields <= MAX_MANY_FIELDS else 5)
        for place in range(self._count):
            if self._fields[place].start >= 0:
                total += self._fields[place].size - (self._fields[place].end - self._fields[place].start)
            else:
                total += self._fields[place].size + _text_bytes(self._fields[place].name_size)
        if total > self._limit_bytes:
            return None
        self._sort(order)
        found = PyBytes_FromStringAndSize(NULL, total)
        self._write(<unsigned char*> PyBytes_AS_STRING(found), data, size, head_size, fields, order)
        return found

    cdef bint _take(self, dict change) except -1:
        """Look at the new values; False where one of them is not known here."""
        cdef Py_ssize_t place
        for place in range(self._count):
            self._fields[place].value = PyDict_GetItem(change, self._names[place])
            if self._fields[place].value == NULL:
                return False
            self._fields[place].size = _value_bytes(<object> self._fields[place].value)
            if self._fields[place].size < 0:
                return False
        return len(change) == self._count

    cdef Py_ssize_t _find(self, Input* source, const unsigned char* data, Py_ssize_t fields) noexcept:
        """Look for the old values; how many there are not, or -1 for what is not as expected."""
        cdef Py_ssize_t field, place, key_size, left = self._count
        cdef Field* one
        for place in range(self._count):
            self._fields[place].start = -1
        for field in range(fields):
            if left == 0:
                return 0
            key_size = text_size(source)
            if key_size < 0:
                return -1
            for place in range(self._count):
                one = &self._fields[place]
                if one.name_size == key_size and memcmp(one.name, source.at, key_size) == 0:
                    break
            else:
                place = -1
            source.at += key_size
            if place >= 0:
                one.start = source.at - data
            if skip(source) < 0:
                return -1
            if place >= 0:
                one.end = source.at - data
                left -= 1
        return left if left == 0 or source.at == source.end else -1

    cdef void _sort(self, Py_ssize_t* order) noexcept:
        """The places of the names, those that have old values first, in the order of these."""
        cdef Py_ssize_t place, at, count = 0
        for place in range(self._count):
            if self._fields[place].start >= 0:
                at = count
                while at > 0 and self._fields[order[at - 1]].start > self._fields[place].start:
                    order[at] = order[at - 1]
                    at -= 1
                order[at] = place
                count += 1
        for place in range(self._count):
            if self._fields[place].start < 0:
                order[count] = place
                count += 1

    cdef int _write(
        self,
        unsigned char* to,
        const unsigned char* data,
        Py_ssize_t size,
        Py_ssize_t at,
        Py_ssize_t fields,
        Py_ssize_t* order,
    ) except -1:
        cdef Py_ssize_t place
        cdef Field* one
        cdef bint is_behind = False
        if fields <= MAX_FEW_FIELDS:
            to[0] = <unsigned char> (0x80 | fields)
            to += 1
        elif fields <= MAX_MANY_FIELDS:
            to[0] = 0xDE
            store16(to + 1, fields)
            to += 3
        else:
            to[0] = 0xDF
            store32(to + 1, fields)
            to += 5
        for place in range(self._count):
            one = &self._fields[order[place]]
            if one.start >= 0:
                memcpy(to, data + at, one.start - at)
                to += one.start - at
                at = one.end
            else:
                if not is_behind:
                    memcpy(to, data + at, size - at)
                    to += size - at
                    is_behind = True
                to = _text_written(to, one.name, one.name_size)
            to = _value_written(to, <object> one.value)
        if not is_behind:
            memcpy(to, data + at, size - at)
        return 0


# The form of values: the shortest there is


cdef inline Py_ssize_t _text_bytes(Py_ssize_t size) noexcept nogil:
    return size + (1 if size <= 0x1F else 2 if size <= 0xFF else 3 if size <= 0xFFFF else 5)


cdef Py_ssize_t _value_bytes(value) except -2:
    """How many bytes a value takes; -1 for one that is not known here."""
    cdef Py_ssize_t size = 0
    cdef long long number
    cdef int overflow = 0
    if value is None or value is True or value is False:
        return 1
    if PyLong_CheckExact(value):
        number = PyLong_AsLongLongAndOverflow(value, &overflow)
        return -1 if overflow else _number_bytes(number)
    if PyFloat_CheckExact(value):
        return 9
    if PyUnicode_CheckExact(value):
        PyUnicode_AsUTF8AndSize(value, &size)
        return _text_bytes(size) if size <= 0xFFFFFFFFLL else -1
    if PyBytes_CheckExact(value):
        size = PyBytes_GET_SIZE(value)
        return -1 if size > 0xFFFFFFFFLL else size + (2 if size <= 0xFF else 3 if size <= 0xFFFF else 5)
    return -1


cdef inline Py_ssize_t _number_bytes(long long number) noexcept nogil:
    if number >= 0:
        return 1 if number <= 0x7F else 2 if number <= 0xFF else 3 if number <= 0xFFFF else 5 if number <= 0xFFFFFFFFLL else 9
    return 1 if number >= -0x20 else 2 if number >= -0x80 else 3 if number >= -0x8000 else 5 if number >= -0x80000000LL else 9


cdef unsigned char* _sized(unsigned char* to, unsigned char code, Py_ssize_t size) noexcept:
    """Write a code with a size of one, two or four bytes, for each of which there is one code after the other."""
    if size <= 0xFF:
        to[0], to[1] = code, <unsigned char> size
        return to + 2
    if size <= 0xFFFF:
        to[0] = code + 1
        store16(to + 1, size)
        return to + 3
    to[0] = code + 2
    store32(to + 1, size)
    return to + 5


cdef unsigned char* _text_written(unsigned char* to, const unsigned char* data, Py_ssize_t size) noexcept:
    if size <= 0x1F:
        to[0] = <unsigned char> (0xA0 | size)
        to += 1
    else:
        to = _sized(to, 0xD9, size)
    memcpy(to, data, size)
    return to + size


cdef unsigned char* _value_written(unsigned char* to, value) except NULL:
    """Write a value that is known; where it ends."""
    cdef Py_ssize_t size = 0
    cdef const char* text
    cdef double number
    cdef uint64_t bits
    if value is None:
        to[0] = 0xC0
        return to + 1
    if value is True or value is False:
        to[0] = 0xC3 if value is True else 0xC2
        return to + 1
    if PyLong_CheckExact(value):
        return _number_written(to, value)
    if PyFloat_CheckExact(value):
        number = PyFloat_AS_DOUBLE(value)
        memcpy(&bits, &number, 8)
        to[0] = 0xCB
        store64(to + 1, bits)
        return to + 9
    if PyUnicode_CheckExact(value):
        text = PyUnicode_AsUTF8AndSize(value, &size)
        return _text_written(to, <const unsigned char*> text, size)
    size = PyBytes_GET_SIZE(value)
    to = _sized(to, 0xC4, size)
    memcpy(to, PyBytes_AS_STRING(value), size)
    return to + size


cdef unsigned char* _number_written(unsigned char* to, long long number) noexcept:
    cdef Py_ssize_t size = _number_bytes(number)
    cdef int wide = 0 if size == 2 else 1 if size == 3 else 2 if size == 5 else 3
    if size == 1:
        to[0] = <unsigned char> number
        return to + 1
    to[0] = <unsigned char> ((0xCC if number >= 0 else 0xD0) + wide)
    if size == 2:
        to[1] = <unsigned char> number
    elif size == 3:
        store16(to + 1, <uint64_t> number)
    elif size == 5:
        store32(to + 1, <uint64_t> number)
    else:
        store64(to + 1, <uint64_t> number)
    return to + size
