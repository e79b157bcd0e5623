# cython: language_level=3, boundscheck=False, wraparound=False, binding=False
"""Keys of strings, which most keys are, as `docstore.key_form` makes them; and how deep a document may be."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memchr, memcpy

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    void* PyUnicode_DATA(object text)

cdef enum:
    STRING = 0x50
    END = 0x00


def text_key(str text not None, /):
    """The key of an ASCII string; None where it has to be escaped, or encoded."""
    cdef Py_ssize_t size
    cdef const char* data
    cdef char* made
    if not PyUnicode_IS_ASCII(text):
        return None
    size = PyUnicode_GET_LENGTH(text)
    data = <const char*> PyUnicode_DATA(text)
    if memchr(data, 0, size) != NULL or memchr(data, 1, size) != NULL:
        return None
    key = PyBytes_FromStringAndSize(NULL, size + 2)
    made = PyBytes_AS_STRING(key)
    made[0] = STRING
    memcpy(made + 1, data, size)
    made[size + 1] = END
    return key


def may_be_deep(bytes data not None, Py_ssize_t levels, /):
    """Whether MessagePack has more bytes that could begin an array or a map than so many, and thus may be nested so deep."""
    cdef const unsigned char* at = <const unsigned char*> PyBytes_AS_STRING(data)
    cdef Py_ssize_t place, found = 0
    for place in range(PyBytes_GET_SIZE(data)):
        found += (at[place] & 0xE0) == 0x80 or (at[place] & 0xFC) == 0xDC
    return found > levels
