from docstore.native.reading cimport Input


cdef class Reader:
    cdef object fallback
    cdef object value_of
    cdef bint is_for_one
    cdef unsigned long python_calls  # so far: in each of them other code may have run
    cdef object read(self, const unsigned char* data, Py_ssize_t size)
    cdef object _decoded(self, Input* source)
    cdef object _fall_back(self, const unsigned char* data, Py_ssize_t size)
