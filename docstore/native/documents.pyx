# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, binding=False
"""Decoders of documents in MessagePack, as `docstore.documents` stores them.

A `Reader` turns the bytes of one document into a dict, from `bytes` when it is called, or from memory through `read`.
A `DocumentReader` gives all of it; a `FieldsReader` gives some top-level fields, in the order in which they are stored, and
steps over the others; a `FieldReader` gives the value of one. What comes after the last that is wanted is not looked at.

Whatever is not as expected (an unknown type, a key that is no string, bytes that end too soon or go on too long, text that is
not UTF-8, nesting beyond `MAX_DEPTH`) goes to the `fallback`, which decodes the same bytes in Python and knows the errors.

ASCII texts of up to `TEXT_BYTES` bytes, keys and values, are kept in a table: the same text is mostly the same `str`, hashed once.
That saves memory where many documents are kept. For a document that is read alone, looking at a `str` that was made long ago
costs more than making one; so a reader may be told to look up keys only.
"""

from cpython.bytes cimport PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_SetItem
from cpython.float cimport PyFloat_FromDouble
from cpython.list cimport PyList_New, PyList_SET_ITEM
from cpython.long cimport PyLong_FromLongLong, PyLong_FromUnsignedLongLong
from cpython.ref cimport Py_INCREF, Py_XDECREF, PyObject
from cpython.unicode cimport PyUnicode_DecodeUTF8
from sys import intern

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from docstore.native.reading cimport Input, array_size, has, load16, load32, load64, map_size, skip, text_size

cdef extern from "Python.h":
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    void* PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)

cdef extern from *:
    """
    #if PY_VERSION_HEX < 0x030D0000
    #define new_dict(size) _PyDict_NewPresized(size)  /* with room for so many entries; later headers hide it */
    #else
    #define new_dict(size) PyDict_New()
    #endif
    """
    dict new_dict(Py_ssize_t size)

cdef enum:
    TEXT_BYTES = 32
    TEXT_SLOTS = 4096
    MAX_DEPTH = 200
    HIGH_BIT = 0x80
    MAX_FIELDS = 16


class Unexpected(Exception):
    """What the compiled decoder does not know; the decoder in Python is asked then. Never leaves this module."""


MAX_FIELDS_OF_A_READER = MAX_FIELDS

cdef object _unexpected = Unexpected()
cdef PyObject* _texts[TEXT_SLOTS]
cdef uint16_t _next_keys[TEXT_SLOTS]  # the slot of what came in a map behind the key in a slot, when that was last seen


cdef int _refuse() except -1:
    raise _unexpected


cdef inline int _need(Input* source, Py_ssize_t size) except -1:
    """Make sure that so many bytes follow."""
    if not has(source, size):
        _refuse()
    return 0


cdef inline bint _is_ascii(const unsigned char* data, Py_ssize_t size) noexcept nogil:
    cdef uint64_t word, all_bits = 0
    while size >= 8:
        memcpy(&word, data, 8)
        all_bits |= word
        data += 8
        size -= 8
    cdef unsigned char rest = 0
    while size > 0:
        rest |= data[0]
        data += 1
        size -= 1
    return not (all_bits & 0x8080808080808080ULL) and not (rest & HIGH_BIT)


cdef inline uint32_t _slot(const unsigned char* data, Py_ssize_t size) noexcept nogil:
    """The place of a short text in the table of texts."""
    cdef uint64_t first = 0, last = 0
    if size >= 8:
        memcpy(&first, data, 8)
        memcpy(&last, data + size - 8, 8)
    elif size >= 4:
        memcpy(&first, data, 4)
        memcpy(&last, data + size - 4, 4)
    else:
        first = data[0] | <uint64_t> data[size >> 1] << 8 | <uint64_t> data[size - 1] << 16
    first = (first ^ (last << 5 | last >> 59) ^ <uint64_t> size) * 0x9E3779B97F4A7C15ULL
    return <uint32_t> (first >> 40) & (TEXT_SLOTS - 1)


cdef inline object _new_text(const unsigned char* data, Py_ssize_t size):
    if size and _is_ascii(data, size):
        text = PyUnicode_New(size, 127)
        memcpy(PyUnicode_DATA(text), data, size)
        return text
    return PyUnicode_DecodeUTF8(<const char*> data, size, NULL)


cdef inline bint _is_same(const unsigned char* left, const unsigned char* right, Py_ssize_t size) noexcept nogil:
    """Whether so many bytes, at least one, are the same. They are few: calling `memcmp` would cost more."""
    cdef uint64_t one, other
    cdef uint32_t half, other_half
    cdef Py_ssize_t at = 0
    if size >= 8:
        while at <= size - 8:
            memcpy(&one, left + at, 8)
            memcpy(&other, right + at, 8)
            if one != other:
                return False
            at += 8
        memcpy(&one, left + size - 8, 8)
        memcpy(&other, right + size - 8, 8)
        return one == other
    if size >= 4:
        memcpy(&half, left, 4)
        memcpy(&other_half, right, 4)
        if half != other_half:
            return False
        memcpy(&half, left + size - 4, 4)
        memcpy(&other_half, right + size - 4, 4)
        return half == other_half
    return left[0] == right[0] and left[size >> 1] == right[size >> 1] and left[size - 1] == right[size - 1]


cdef inline bint _is_text(PyObject* known, const unsigned char* data, Py_ssize_t size) noexcept:
    """Whether a text of the table, if it is one, has these bytes."""
    return known != NULL and PyUnicode_GET_LENGTH(<object> known) == size and _is_same(
        <const unsigned char*> PyUnicode_DATA(<object> known), data, size
    )


cdef inline object _text_in(uint32_t slot, const unsigned char* data, Py_ssize_t size):
    """A short text, whose place in the table this is."""
    cdef PyObject* known = _texts[slot]
    if _is_text(known, data, size):
        return <object> known
    if not _is_ascii(data, size):
        return _new_text(data, size)
    text = PyUnicode_New(size, 127)
    memcpy(PyUnicode_DATA(text), data, size)
    Py_INCREF(text)
    _texts[slot] = <PyObject*> text
    Py_XDECREF(known)
    return text


cdef inline object _text(const unsigned char* data, Py_ssize_t size):
    return _text_in(_slot(data, size), data, size) if 0 < size <= TEXT_BYTES else _new_text(data, size)


cdef inline object _key(const unsigned char* data, Py_ssize_t size, uint32_t* slot):
    """A key of a map. `slot` is that of the key before it, and becomes its own: the same keys mostly follow each other."""
    cdef uint32_t likely = _next_keys[slot[0]]
    if not 0 < size <= TEXT_BYTES:
        return _new_text(data, size)
    if _is_text(_texts[likely], data, size):
        slot[0] = likely
        return <object> _texts[likely]
    likely = _next_keys[slot[0]] = _slot(data, size)
    slot[0] = likely
    return _text_in(likely, data, size)


cdef inline Py_ssize_t _text_size(Input* source) except -1:
    """The size of the string that begins here; the input then stands at its first byte."""
    cdef Py_ssize_t size = text_size(source)
    if size < 0:
        _refuse()
    return size


cdef inline Py_ssize_t _map_size(Input* source) except -1:
    """The number of entries of the map that begins here; the input then stands at the first."""
    cdef Py_ssize_t size = map_size(source)
    if size < 0:
        _refuse()
    return size


cdef object _map(Reader reader, Input* source, Py_ssize_t size, int depth):
    cdef dict found = new_dict(size)
    cdef Py_ssize_t key_size, field
    cdef uint32_t slot = size & (TEXT_SLOTS - 1)  # the first keys of maps of one size are mostly the same too
    for field in range(size):
        key_size = _text_size(source)
        key = _key(source.at, key_size, &slot)
        source.at += key_size
        PyDict_SetItem(found, key, _value(reader, source, depth))
    return found


cdef object _list(Reader reader, Input* source, Py_ssize_t size, int depth):
    cdef list found = PyList_New(size)
    cdef Py_ssize_t place
    for place in range(size):
        value = _value(reader, source, depth)
        Py_INCREF(value)
        PyList_SET_ITEM(found, place, value)
    return found


cdef object _extension(Reader reader, Input* source, Py_ssize_t head_size, Py_ssize_t size):
    """A value of an extension type, whose head, without the code, has been looked at."""
    _need(source, head_size + 1 + size)
    code = <int8_t> source.at[head_size]
    data = PyBytes_FromStringAndSize(<const char*> source.at + head_size + 1, size)
    source.at += head_size + 1 + size
    reader.python_calls += 1
    return reader.value_of(code, data)


cdef object _value(Reader reader, Input* source, int depth):
    """The value that begins here; the input then stands behind it."""
    _need(source, 1)
    cdef unsigned char head = source.at[0]
    cdef Py_ssize_t size
    cdef double number
    cdef float small
    cdef uint64_t bits
    cdef uint32_t few_bits
    if head <= 0x7F:
        source.at += 1
        return PyLong_FromLongLong(head)
    if 0xA0 <= head <= 0xBF or 0xD9 <= head <= 0xDB:
        size = _text_size(source)
        text = _new_text(source.at, size) if reader.is_for_one else _text(source.at, size)
        source.at += size
        return text
    if head >= 0xE0:
        source.at += 1
        return PyLong_FromLongLong(<int8_t> head)
    if head <= 0x9F or 0xDC <= head <= 0xDF:
        if depth >= MAX_DEPTH:
            raise _unexpected
        if head <= 0x8F or head >= 0xDE:
            size = _map_size(source)
            return _map(reader, source, size, depth + 1)
        size = array_size(source)
        if size < 0:
            _refuse()
        return _list(reader, source, size, depth + 1)
    if head == 0xC0:
        source.at += 1
        return None
    if head == 0xC2 or head == 0xC3:
        source.at += 1
        return head == 0xC3
    if head == 0xCB:
        _need(source, 9)
        bits = load64(source.at + 1)
        memcpy(&number, &bits, 8)
        source.at += 9
        return PyFloat_FromDouble(number)
    if 0xCC <= head <= 0xD3:
        size = 1 << ((head - 0xCC) & 3)
        _need(source, 1 + size)
        source.at += 1 + size
        if head == 0xCC:
            return PyLong_FromLongLong(source.at[-1])
        if head == 0xCD:
            return PyLong_FromLongLong(load16(source.at - 2))
        if head == 0xCE:
            return PyLong_FromLongLong(load32(source.at - 4))
        if head == 0xCF:
            return PyLong_FromUnsignedLongLong(load64(source.at - 8))
        if head == 0xD0:
            return PyLong_FromLongLong(<int8_t> source.at[-1])
        if head == 0xD1:
            return PyLong_FromLongLong(<int16_t> load16(source.at - 2))
        if head == 0xD2:
            return PyLong_FromLongLong(<int32_t> load32(source.at - 4))
        return PyLong_FromLongLong(<int64_t> load64(source.at - 8))
    if 0xD4 <= head <= 0xD8:
        return _extension(reader, source, 1, 1 << (head - 0xD4))
    if head == 0xC7:
        _need(source, 2)
        return _extension(reader, source, 2, source.at[1])
    if head == 0xC8:
        _need(source, 3)
        return _extension(reader, source, 3, load16(source.at + 1))
    if head == 0xC9:
        _need(source, 5)
        return _extension(reader, source, 5, load32(source.at + 1))
    if 0xC4 <= head <= 0xC6:
        size = 1 << (head - 0xC4)
        _need(source, 1 + size)
        size = source.at[1] if head == 0xC4 else load16(source.at + 1) if head == 0xC5 else load32(source.at + 1)
        source.at += 1 + (1 << (head - 0xC4))
        _need(source, size)
        source.at += size
        return PyBytes_FromStringAndSize(<const char*> source.at - size, size)
    if head == 0xCA:
        _need(source, 5)
        few_bits = load32(source.at + 1)
        memcpy(&small, &few_bits, 4)
        source.at += 5
        return PyFloat_FromDouble(small)
    raise _unexpected


cdef class Reader:
    """What turns stored documents into dicts. `fallback(bytes)` decodes what is unexpected, `value_of(code, bytes)` the
    values of extension types. `is_for_one`: documents are read one at a time, and not kept beside others."""

    def __init__(self, fallback, value_of, *, bint is_for_one=False):
        self.fallback = fallback
        self.value_of = value_of
        self.is_for_one = is_for_one

    def __call__(self, bytes data not None):
        return self.read(<const unsigned char*> PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    cdef object read(self, const unsigned char* data, Py_ssize_t size):
        """What is wanted of the document in some bytes. Whatever goes wrong goes wrong again in Python, and is told there."""
        cdef Input source
        source.at, source.end = data, data + size
        try:
            return self._decoded(&source)
        except Exception:
            return self._fall_back(data, size)

    cdef object _decoded(self, Input* source):
        """The same, of an input that stands at its beginning; raises where something is not as expected."""
        raise _unexpected

    cdef object _fall_back(self, const unsigned char* data, Py_ssize_t size):
        self.python_calls += 1
        return self.fallback(PyBytes_FromStringAndSize(<const char*> data, size))


cdef class BytesReader(Reader):
    """Gives the bytes themselves."""

    def __init__(self):
        pass

    cdef object read(self, const unsigned char* data, Py_ssize_t size):
        return PyBytes_FromStringAndSize(<const char*> data, size)


cdef class DocumentReader(Reader):
    """Gives whole documents."""

    cdef object _decoded(self, Input* source):
        found = _map(self, source, _map_size(source), 1)
        if source.at != source.end:
            _refuse()
        return found


cdef class FieldReader(Reader):
    """Gives one top-level field, or None where there is none."""

    cdef bytes _name

    def __init__(self, name, fallback, value_of):
        Reader.__init__(self, fallback, value_of)
        self._name = name.encode()

    cdef object _decoded(self, Input* source):
        cdef Py_ssize_t size = _map_size(source), key_size, field
        cdef const char* name = PyBytes_AS_STRING(self._name)
        cdef Py_ssize_t name_size = PyBytes_GET_SIZE(self._name)
        for field in range(size):
            key_size = _text_size(source)
            source.at += key_size
            if key_size == name_size and memcmp(name, source.at - key_size, key_size) == 0:
                return _value(self, source, 1)
            if skip(source) < 0:
                _refuse()
        if source.at != source.end:
            _refuse()
        return None


cdef struct Name:
    const unsigned char* data
    Py_ssize_t size


cdef class FieldsReader(Reader):
    """Gives the top-level fields with some names."""

    cdef list _names
    cdef list _encoded
    cdef Name _wanted[MAX_FIELDS]
    cdef Py_ssize_t _count

    def __init__(self, names, fallback, value_of):
        Reader.__init__(self, fallback, value_of)
        self._names = [intern(name) for name in names]
        self._encoded = [name.encode() for name in self._names]
        self._count = len(self._names)
        if self._count > MAX_FIELDS:
            raise ValueError(f"At most {MAX_FIELDS} names, and these are {self._count}.")
        for place, name in enumerate(self._encoded):
            self._wanted[place].data = <const unsigned char*> PyBytes_AS_STRING(name)
            self._wanted[place].size = PyBytes_GET_SIZE(name)

    cdef object _decoded(self, Input* source):
        cdef dict found = {}
        cdef Py_ssize_t size = _map_size(source), key_size, field, place
        cdef Name* name
        for field in range(size):
            key_size = _text_size(source)
            for place in range(self._count):
                name = &self._wanted[place]
                if name.size == key_size and memcmp(name.data, source.at, key_size) == 0:
                    break
            else:
                place = -1
            source.at += key_size
            if place >= 0:
                PyDict_SetItem(found, self._names[place], _value(self, source, 1))
                if len(found) == self._count:
                    return found
            elif skip(source) < 0:
                _refuse()
        if source.at != source.end:
            raise _unexpected
        return found


cdef class Giver:
    """What makes of a stored document what its user gets: `present(found)` of what is not of MessagePack's own types, and of
    what is no bytes."""

    cdef Reader _reader
    cdef object _present

    def __init__(self, Reader reader not None, present):
        self._reader, self._present = reader, present

    def give(self, row, /):
        cdef unsigned long calls
        if not PyBytes_CheckExact(row):
            return self._present(row)
        calls = self._reader.python_calls
        found = self._reader.read(<const unsigned char*> PyBytes_AS_STRING(row), PyBytes_GET_SIZE(row))
        return found if calls == self._reader.python_calls else self._present(found)
