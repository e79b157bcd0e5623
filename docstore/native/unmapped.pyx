# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, binding=False
"""Pages that are read from the file, as long as little of it is mapped.

The first look at a page of a memory map is a fault, which takes some 7 us (and maps the 15 pages around it); to read the page
takes 1 us. What is asked for again and again is worth a fault, what is asked for once is not. So the first batches of rows
after a store was opened read their pages: the first search among 50,000 vectors, of which it looks at 65, has half as many
faults. In a read transaction, and only there, the file has what the map has.
"""

import os

from libc.stdlib cimport malloc

cdef extern from *:
    """
    #if defined(_WIN32)
    #include <io.h>
    #define close _close
    static Py_ssize_t read_at(int file, void *into, size_t size, unsigned long long at) { return -1; }
    #else
    #include <unistd.h>
    static Py_ssize_t read_at(int file, void *into, size_t size, unsigned long long at) {
        return pread(file, into, size, (off_t) at);
    }
    #endif
    """
    Py_ssize_t read_at(int file, void* into, size_t size, uint64_t at) noexcept nogil
    int close(int file) nogil

cdef enum:
    PAGES = 1_024  # that are read: 4 MB
    BATCH = 4  # keys of the smallest batch whose pages are read


cdef class Unmapped:
    """The file of a store; `left` is about how many of its pages are still read."""

    def __init__(self, str path not None, size_t page_bytes):
        self._file = -1
        self._file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self._page_bytes = page_bytes
        self.left = PAGES

    def __dealloc__(self):
        if self._file > 0:
            close(self._file)

    cdef unsigned char* room(self, Py_ssize_t count):
        """Room for a page for each of so many keys, to be freed; NULL where they should look at the map."""
        if count < BATCH or count > self.left:
            return NULL
        return <unsigned char*> malloc(count * self._page_bytes)

    cdef bint read(self, uint64_t number, unsigned char* into) noexcept nogil:
        """Read a page; False where that did not work, and the map tells why."""
        self.left -= 1
        return read_at(self._file, into, self._page_bytes, number * self._page_bytes) == <Py_ssize_t> self._page_bytes
