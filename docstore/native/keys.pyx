# cython: language_level=3, boundscheck=False, wraparound=False, binding=False
"""Keys of strings, which most keys are, as `docstore.key_form` makes them; and how deep a document may be."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from docstore.native.forms cimport text_form_size, write_text_form


def text_key(str text not None, /):
    """The key of an ASCII string; None where it has to be escaped, or encoded."""
    cdef Py_ssize_t size = text_form_size(text)
    if size < 0:
        return None
    key = PyBytes_FromStringAndSize(NULL, size)
    write_text_form(text, size, <unsigned char*> PyBytes_AS_STRING(key))
    return key


def may_be_deep(bytes data not None, Py_ssize_t levels, /):
    """Whether MessagePack has more bytes that could begin an array or a map than so many, and thus may be nested so deep."""
    cdef const unsigned char* at = <const unsigned char*> PyBytes_AS_STRING(data)
    cdef Py_ssize_t place, found = 0
    for place in range(PyBytes_GET_SIZE(data)):
        found += (at[place] & 0xE0) == 0x80 or (at[place] & 0xFC) == 0xDC
    return found > levels
