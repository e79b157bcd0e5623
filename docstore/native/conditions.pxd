from libc.stdint cimport int64_t


cdef struct Test:
    const unsigned char* name
    Py_ssize_t name_size
    const unsigned char* text
    Py_ssize_t text_size
    int64_t whole
    double number
    int kind
    bint contains  # whether it is an array that is to have the value
    int accepts  # bits of the orders that the operator accepts: 1 below, 2 equal, 4 above


cdef class Tests:
    cdef object _kept_alive
    cdef Test _tests[8]
    cdef int _count
    cdef unsigned int _required  # a bit for each test
    cdef bint may_pass(self, const unsigned char* data, Py_ssize_t size) noexcept
