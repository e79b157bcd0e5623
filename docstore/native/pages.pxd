from libc.stdint cimport uint64_t

from docstore.native.places cimport Place
from docstore.native.rows cimport Row


cdef enum:
    PAGE_HEAD = 16
    NODE_HEAD = 8
    MAX_DEPTH = 32
    KEY_ROOM = 512  # bytes of the longest key that LMDB takes, and one
    BRANCH = 0x01  # flags of pages
    LEAF = 0x02
    TREE = 0x02  # flags of nodes: the value is the record of a tree; it stands for the sorted members of a multimap
    SEVERAL = 0x04


cdef struct Page:
    const unsigned char* at
    size_t size
    int nodes
    int index


cdef struct Walk:
    uint64_t number  # of the page where it goes next
    Page page
    Place place


cdef class Snapshot:
    cdef readonly object id
    cdef uint64_t number
    cdef const unsigned char* _base
    cdef size_t _page_bytes
    cdef uint64_t _root
    cdef uint64_t _last_page
    cdef Snapshot below(self, uint64_t root)
    cdef bint is_newest(self) noexcept
    cdef int find(self, const unsigned char* key, Py_ssize_t size, Row* row) except -1
    cdef int _walk(self, Walk* walks, Py_ssize_t count) except -1
    cdef int _place_all(self, Walk* walks, Py_ssize_t count, bint behind) except -1
    cdef int _go_down(self, Walk* walk) except -1
    cdef int find_through(self, const unsigned char* key, Py_ssize_t size, bytes prefix, Row* row) except -1
    cdef int _page(self, uint64_t number, int kinds, Page* page) except -1
    cdef const unsigned char* _node(self, Page* page, int index, Py_ssize_t* key_size) except NULL
    cdef inline void _fetch_node(self, Page* page, int index) noexcept
    cdef int _place(self, Page* page, Place* place, int first, bint behind) except -1
    cdef int _probe(self, Page* page, Place* place, bint behind) except -1
    cdef int _narrow(self, Page* page, Place* place) except -1
    cdef int _descend(self, Page* path, int* depth, Place* place, bint look) except -1
    cdef uint64_t _child(self, Page* page, int index) except? 0
    cdef int _value(self, Page* page, const unsigned char* node, Py_ssize_t key_size, Row* row) except -1
    cdef int _row_there(self, Walk* walk, Row* row) except -1
    cdef int _row_at(self, Page* leaf, Place* place, Row* row) except -1
