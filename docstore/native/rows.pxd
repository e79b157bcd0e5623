cdef struct Row:
    const unsigned char* data  # NULL where there is no row
    Py_ssize_t size
    Py_ssize_t key_end  # in the keys of all rows


cdef class Rows:
    cdef object owner
    cdef Row* rows
    cdef Py_ssize_t count
    cdef unsigned char* _keys
    cdef Py_ssize_t _keys_size
    cdef Py_ssize_t _keys_room

    @staticmethod
    cdef Rows of(owner, Py_ssize_t most)
    cdef object _one(self, reader, Py_ssize_t place)
    cdef int add_key(self, const unsigned char* key, Py_ssize_t size) except -1


cdef object read_row(reader, Row* row)
