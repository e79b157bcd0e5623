# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, binding=False
"""Entries of ordered indexes on plain fields, made of documents as `docstore.indexes.making` makes them in Python.

The keys of short ASCII strings and of whole numbers are made here; those of other values by a function in Python.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItem
from cpython.list cimport PyList_CheckExact
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.ref cimport PyObject
from cpython.unicode cimport PyUnicode_CheckExact
from libc.string cimport memcmp

from docstore.native.forms cimport (
    FIRST_SHARED_NUMBER, NUMBER_FORM_BYTES, text_form_size, write_number_form, write_text_form,
)

cdef enum:
    KEY_BYTES = 507  # of the longest key; one of as many may have been cut
    ARRAY = 0x08
    END = 0x00
    FEW = 8  # keys of a document among which equal ones are found without a set


cpdef object field_key(dict document, str name, key_of):
    """The key of a document's field, or None; `key_of` gives the keys of values that are not known here."""
    cdef PyObject* value = PyDict_GetItem(document, name)
    if value == NULL:
        return None
    key = _key_of(<object> value)
    return key_of(<object> value) if key is None else key


cpdef object fields_key(dict document, tuple names, key_of):
    """The same for the array of several fields; `key_of` gives the keys of other arrays."""
    cdef unsigned char key[KEY_BYTES]
    cdef Py_ssize_t size = _write_array(document, names, key)
    if size:
        return PyBytes_FromStringAndSize(<char*> key, size)
    return key_of([document.get(name) for name in names])


def field_entries(rows, str name not None, key_of, /):
    """(key, member) for each of some (member, document) whose field has a key; see `field_key`."""
    cdef list found = []
    for member, document in rows:
        key = field_key(<dict?> document, name, key_of)
        if key is not None:
            found.append((key, member))
    return found


def fields_entries(rows, tuple names not None, key_of, /):
    """The same for the array of several fields; see `fields_key`."""
    cdef list found = []
    for member, document in rows:
        key = fields_key(<dict?> document, names, key_of)
        if key is not None:
            found.append((key, member))
    return found


def elements_entries(rows, str name not None, keys_of, /):
    """The same for each different element of a field's array; `keys_of` gives the keys of documents with other values."""
    cdef list found = []
    cdef list keys
    cdef PyObject* value
    for member, document in rows:
        value = PyDict_GetItem(<dict?> document, name)
        if value == NULL:
            continue
        keys = _keys_of(<list> value) if PyList_CheckExact(<object> value) else None
        for key in keys_of(document) if keys is None else keys:
            found.append((key, member))
    return found


cdef object _key_of(value):
    """The key of a value; None for what has another way."""
    cdef Py_ssize_t size
    cdef long long number
    cdef int overflow = 0
    if PyUnicode_CheckExact(value):
        size = text_form_size(value)
        if 0 <= size <= KEY_BYTES:
            key = PyBytes_FromStringAndSize(NULL, size)
            write_text_form(value, size, <unsigned char*> PyBytes_AS_STRING(key))
            return key
    elif PyLong_CheckExact(value):
        number = PyLong_AsLongLongAndOverflow(value, &overflow)
        if not overflow and -FIRST_SHARED_NUMBER < number < FIRST_SHARED_NUMBER:
            key = PyBytes_FromStringAndSize(NULL, NUMBER_FORM_BYTES)
            write_number_form(<double> number, <unsigned char*> PyBytes_AS_STRING(key))
            return key
    return None


cdef Py_ssize_t _write_array(dict document, tuple names, unsigned char* key) except -1:
    """The key of the array of some fields, whose size is returned; 0 for what has another way."""
    cdef Py_ssize_t at = 1, size
    cdef PyObject* found
    cdef long long number
    cdef int overflow = 0
    key[0] = ARRAY
    for name in names:
        found = PyDict_GetItem(document, name)
        if found == NULL:
            return 0
        if PyUnicode_CheckExact(<object> found):
            size = text_form_size(<object> found)
            if size < 0 or at + size + 1 >= KEY_BYTES:
                return 0
            write_text_form(<object> found, size, key + at)
            at += size
        elif PyLong_CheckExact(<object> found):
            number = PyLong_AsLongLongAndOverflow(<object> found, &overflow)
            if overflow or not -FIRST_SHARED_NUMBER < number < FIRST_SHARED_NUMBER:
                return 0
            if at + NUMBER_FORM_BYTES + 1 >= KEY_BYTES:
                return 0
            write_number_form(<double> number, key + at)
            at += NUMBER_FORM_BYTES
        else:
            return 0
    key[at] = END
    return at + 1


cdef list _keys_of(list values):
    """The different keys of values; None where one of them has another way."""
    cdef list keys = []
    cdef Py_ssize_t count = len(values)
    for value in values:
        key = _key_of(value)
        if key is None:
            return None
        if count > FEW or not _is_among(<bytes> key, keys):
            keys.append(key)
    return list(set(keys)) if count > FEW else keys


cdef bint _is_among(bytes key, list keys):
    cdef Py_ssize_t size = PyBytes_GET_SIZE(key)
    for other in keys:
        if PyBytes_GET_SIZE(<bytes> other) == size and memcmp(
            PyBytes_AS_STRING(<bytes> other), PyBytes_AS_STRING(key), size
        ) == 0:
            return True
    return False
