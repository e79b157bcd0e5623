from libc.stdint cimport uint64_t


cdef class Unmapped:
    cdef public Py_ssize_t left
    cdef int _file
    cdef size_t _page_bytes
    cdef unsigned char* room(self, Py_ssize_t count)
    cdef bint read(self, uint64_t number, unsigned char* into) noexcept nogil
