"""The key forms of strings and whole numbers, as `docstore.key_form` makes them, written to memory: what `keys` and `points`
share."""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memchr, memcpy

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    void* PyUnicode_DATA(object text)

cdef extern from *:
    """
    #define FIRST_SHARED_NUMBER (1LL << 53)  /* the nearest to 0 of the numbers whose doubles others have too */
    """
    long long FIRST_SHARED_NUMBER

cdef enum:
    NUMBER = 0x20
    STRING = 0x50
    END = 0x00
    NUMBER_FORM_BYTES = 9


cdef inline Py_ssize_t text_form_size(object text):
    """The bytes of the form of a string, if that is ASCII without what has to be escaped; else -1."""
    cdef Py_ssize_t size
    cdef const void* data
    if not PyUnicode_IS_ASCII(text):
        return -1
    size = PyUnicode_GET_LENGTH(text)
    data = PyUnicode_DATA(text)
    return -1 if memchr(data, 0, size) != NULL or memchr(data, 1, size) != NULL else size + 2


cdef inline void write_text_form(object text, Py_ssize_t form_size, unsigned char* form):
    form[0] = STRING
    memcpy(form + 1, PyUnicode_DATA(text), form_size - 2)
    form[form_size - 1] = END


cdef inline void write_number_form(double number, unsigned char* form) noexcept nogil:
    """The form of a number nearer to 0 than 2**53."""
    cdef uint64_t bits
    cdef int place
    number = number + 0.0
    memcpy(&bits, &number, 8)
    bits = ~bits if number < 0 else bits ^ 0x8000000000000000ULL
    form[0] = NUMBER
    for place in range(8):
        form[1 + place] = <unsigned char> (bits >> (56 - 8 * place))
