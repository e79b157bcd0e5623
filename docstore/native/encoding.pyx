# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, binding=False
"""Documents to MessagePack, as `docstore.documents` encodes them in Python with msgspec.

What is encoded here are the types that JSON has, and bytes; for the others, for what is nested deep, for what is too large
and for what cannot be written the function in Python has the word. Nothing here runs code in Python, so that one buffer does
for all.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Realloc
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from "Python.h":  # with pointers, which are not counted as references
    ctypedef struct PyTypeObject:
        pass
    PyTypeObject PyUnicode_Type, PyLong_Type, PyFloat_Type, PyDict_Type, PyList_Type, PyBytes_Type
    PyObject* Py_None
    PyObject* Py_True
    PyObject* Py_False
    PyTypeObject* Py_TYPE(PyObject* value)
    long long PyLong_AsLongLongAndOverflow(PyObject* value, int* overflow)
    double PyFloat_AS_DOUBLE(PyObject* value)
    Py_ssize_t PyDict_Size(PyObject* value)
    bint PyDict_Next(PyObject* value, Py_ssize_t* place, PyObject** name, PyObject** item)
    Py_ssize_t PyList_GET_SIZE(PyObject* value)
    PyObject* PyList_GET_ITEM(PyObject* value, Py_ssize_t place)
    Py_ssize_t PyBytes_GET_SIZE(PyObject* value)
    const char* PyBytes_AS_STRING(PyObject* value)
    bint PyUnicode_IS_COMPACT_ASCII(PyObject* text)
    Py_ssize_t PyUnicode_GET_LENGTH(PyObject* text)
    void* PyUnicode_DATA(PyObject* text)
    const char* PyUnicode_AsUTF8AndSize(PyObject* text, Py_ssize_t* size)
    void PyErr_Clear()

cdef extern from *:
    """
    #if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    #define in_order16(number) __builtin_bswap16(number)
    #define in_order32(number) __builtin_bswap32(number)
    #define in_order64(number) __builtin_bswap64(number)
    #else
    #define in_order16(number) (number)
    #define in_order32(number) (number)
    #define in_order64(number) (number)
    #endif
    """
    uint16_t in_order16(uint16_t number) nogil
    uint32_t in_order32(uint32_t number) nogil
    uint64_t in_order64(uint64_t number) nogil

cdef enum:
    LEVELS = 20  # of arrays and maps that are followed
    HEAD = 9  # bytes before a value's own: a byte, and the greatest length or number
    MOST = 1048576  # bytes of the largest document that is encoded here
    TAKEN = 65536  # bytes of the buffer at first

cdef unsigned char* _buffer = NULL
cdef Py_ssize_t _room = 0


cdef class Encoder:
    """Gives the MessagePack of documents; `fallback` does of those that are not encoded here."""

    cdef object _fallback

    def __init__(self, fallback):
        self._fallback = fallback

    def encode(self, document, /):
        """The stored form of a document."""
        cdef Py_ssize_t size = _write(<PyObject*> document, 0, 0)
        return self._fallback(document) if size < 0 else PyBytes_FromStringAndSize(<char*> _buffer, size)


cdef Py_ssize_t _write(PyObject* value, Py_ssize_t at, int level):
    """Write a value; where it ends, or -1 for what another has to encode."""
    cdef PyTypeObject* kind = Py_TYPE(value)
    cdef Py_ssize_t size, place = 0
    cdef long long number
    cdef int overflow = 0
    cdef uint64_t bits
    cdef double real
    cdef PyObject* name
    cdef PyObject* item
    if kind == &PyUnicode_Type:
        return _write_text(value, at)
    if at + HEAD > _room and not _grow(at + HEAD):
        return -1
    if kind == &PyLong_Type:
        number = PyLong_AsLongLongAndOverflow(value, &overflow)
        return -1 if overflow else _write_number(at, number)
    if kind == &PyFloat_Type:
        real = PyFloat_AS_DOUBLE(value)
        memcpy(&bits, &real, 8)
        return _write_64(at, 0xCB, bits)
    if kind == &PyDict_Type:
        if level == LEVELS:
            return -1
        at = _write_head(at, PyDict_Size(value), 0x80, 16, 0xDD)
        while PyDict_Next(value, &place, &name, &item):
            if Py_TYPE(name) != &PyUnicode_Type:
                return -1
            at = _write_text(name, at)
            if at >= 0:
                at = _write_text(item, at) if Py_TYPE(item) == &PyUnicode_Type else _write(item, at, level + 1)
            if at < 0:
                return -1
        return at
    if kind == &PyList_Type:
        if level == LEVELS:
            return -1
        size = PyList_GET_SIZE(value)
        at = _write_head(at, size, 0x90, 16, 0xDB)
        for place in range(size):
            at = _write(PyList_GET_ITEM(value, place), at, level + 1)
            if at < 0:
                return -1
        return at
    if value == Py_None or value == Py_True or value == Py_False:
        _buffer[at] = 0xC0 if value == Py_None else 0xC3 if value == Py_True else 0xC2
        return at + 1
    if kind == &PyBytes_Type:
        size = PyBytes_GET_SIZE(value)
        return _write_bytes(_write_head(at, size, 0, 0, 0xC4), PyBytes_AS_STRING(value), size)
    return -1


cdef inline Py_ssize_t _write_text(PyObject* text, Py_ssize_t at):
    cdef Py_ssize_t size = 0
    cdef const char* data
    if PyUnicode_IS_COMPACT_ASCII(text):
        data, size = <const char*> PyUnicode_DATA(text), PyUnicode_GET_LENGTH(text)
    else:
        data = PyUnicode_AsUTF8AndSize(text, &size)
        if data == NULL:
            PyErr_Clear()  # who encodes it in Python tells
            return -1
    if at + HEAD + size > _room and not _grow(at + HEAD + size):
        return -1
    at = _write_head(at, size, 0xA0, 32, 0xD9)
    memcpy(_buffer + at, data, size)
    return at + size


cdef inline Py_ssize_t _write_head(Py_ssize_t at, Py_ssize_t size, uint8_t short_code, Py_ssize_t short_sizes, uint8_t code):
    """Write a size: in a byte with a code, if it is short, else behind one: `code` for a size of a byte, and the next two.

    Arrays and maps have no code for a size of a byte: theirs is that of something else, which is not written.
    """
    cdef uint16_t small
    cdef uint32_t large
    if size < short_sizes:
        _buffer[at] = short_code | <uint8_t> size
        return at + 1
    if size < 256 and code < 0xDB:
        _buffer[at], _buffer[at + 1] = code, <uint8_t> size
        return at + 2
    if size < 65536:
        small = in_order16(<uint16_t> size)
        _buffer[at] = code + 1
        memcpy(_buffer + at + 1, &small, 2)
        return at + 3
    large = in_order32(<uint32_t> size)
    _buffer[at] = code + 2
    memcpy(_buffer + at + 1, &large, 4)
    return at + 5


cdef Py_ssize_t _write_bytes(Py_ssize_t at, const char* data, Py_ssize_t size):
    if at + size > _room and not _grow(at + size):
        return -1
    memcpy(_buffer + at, data, size)
    return at + size


cdef inline Py_ssize_t _write_number(Py_ssize_t at, int64_t number):
    """Write a whole number in as few bytes as it can be."""
    cdef bint below = number < 0
    cdef uint64_t bits = <uint64_t> number
    cdef uint16_t small
    cdef uint32_t large
    if -32 <= number < 128:
        _buffer[at] = <uint8_t> number
        return at + 1
    if number >= -128 if below else number < 256:
        _buffer[at], _buffer[at + 1] = 0xD0 if below else 0xCC, <uint8_t> number
        return at + 2
    if number >= -32768 if below else number < 65536:
        small = in_order16(<uint16_t> number)
        _buffer[at] = 0xD1 if below else 0xCD
        memcpy(_buffer + at + 1, &small, 2)
        return at + 3
    if number >= -2147483648 if below else number < 4294967296:
        large = in_order32(<uint32_t> number)
        _buffer[at] = 0xD2 if below else 0xCE
        memcpy(_buffer + at + 1, &large, 4)
        return at + 5
    return _write_64(at, 0xD3 if below else 0xCF, bits)


cdef inline Py_ssize_t _write_64(Py_ssize_t at, uint8_t code, uint64_t bits):
    bits = in_order64(bits)
    _buffer[at] = code
    memcpy(_buffer + at + 1, &bits, 8)
    return at + HEAD


cdef bint _grow(Py_ssize_t size):
    """Have room for so many bytes; False where that is too much."""
    global _buffer, _room
    cdef Py_ssize_t room = max(2 * _room, TAKEN)
    cdef unsigned char* larger
    while room < size:
        room *= 2
    if room > MOST:
        return False
    larger = <unsigned char*> PyMem_Realloc(_buffer, room)
    if larger == NULL:
        return False
    _buffer, _room = larger, room
    return True
