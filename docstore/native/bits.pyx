# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, binding=False
"""Codes of bits, compared with a query's and picked out, in many arrays as if they were one.

An array has a row for each word of 64 bits of a code and a column for each vector, and its rows are contiguous. Putting
the arrays of some hundred lists side by side costs more than comparing them, so they are read where they are.
"""

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint16_t, uint64_t

cdef extern from *:
    """
    #if defined(__x86_64__) && defined(__GNUC__)
    #define WITH_POPCNT __attribute__((target("popcnt")))
    static int popcnt_is_there(void) { __builtin_cpu_init(); return __builtin_cpu_supports("popcnt") != 0; }
    #else
    #define WITH_POPCNT
    static int popcnt_is_there(void) { return 1; }
    #endif

    WITH_POPCNT static void count_first(const uint64_t *codes, uint64_t word, uint16_t *found, Py_ssize_t count) {
        for (Py_ssize_t place = 0; place < count; place++)
            found[place] = (uint16_t) __builtin_popcountll(codes[place] ^ word);
    }

    WITH_POPCNT static void count_more(const uint64_t *codes, uint64_t word, uint16_t *found, Py_ssize_t count) {
        for (Py_ssize_t place = 0; place < count; place++)
            found[place] += (uint16_t) __builtin_popcountll(codes[place] ^ word);
    }
    """
    bint popcnt_is_there() nogil
    void count_first(const uint64_t* codes, uint64_t word, uint16_t* found, Py_ssize_t count) nogil
    void count_more(const uint64_t* codes, uint64_t word, uint16_t* found, Py_ssize_t count) nogil

if not popcnt_is_there():
    raise ImportError("this processor does not count bits")


cdef int _open(object array, Py_ssize_t words, Py_buffer* view) except -1:
    """Look at an array, which must have so many rows of words."""
    PyObject_GetBuffer(array, view, PyBUF_STRIDES | PyBUF_FORMAT)
    if view.ndim != 2 or view.shape[0] != words or view.itemsize != 8 or (view.shape[1] > 1 and view.strides[1] != 8):
        shape = tuple([view.shape[axis] for axis in range(view.ndim)])
        PyBuffer_Release(view)
        raise ValueError(f"Expected {words} contiguous rows of words of 64 bits but found an array of shape {shape}.")
    return 0


def differing(list parts not None, const uint64_t[::1] words not None, uint16_t[::1] found not None):
    """Write into `found`, for each vector of all parts, how many of its bits differ from those of a query."""
    cdef Py_buffer view
    cdef Py_ssize_t start = 0, word
    for part in parts:
        _open(part, words.shape[0], &view)
        try:
            if start + view.shape[1] > found.shape[0]:
                raise ValueError(f"Expected room for all vectors but found {found.shape[0]}.")
            for word in range(words.shape[0]):
                if word == 0:
                    count_first(<const uint64_t*> view.buf, words[0], &found[0] + start, view.shape[1])
                else:
                    count_more(
                        <const uint64_t*> (<const char*> view.buf + word * view.strides[0]),
                        words[word], &found[0] + start, view.shape[1],
                    )
            start += view.shape[1]
        finally:
            PyBuffer_Release(&view)


def taken(list parts not None, const Py_ssize_t[::1] places not None, uint64_t[:, ::1] found not None):
    """Write into `found` the codes of the vectors at some places, which ascend, counted through all parts."""
    cdef Py_buffer view
    cdef Py_ssize_t start = 0, end, word, at = 0
    for part in parts:
        _open(part, found.shape[0], &view)
        end = start + view.shape[1]
        while at < places.shape[0] and places[at] < end:
            if places[at] < start:
                PyBuffer_Release(&view)
                raise ValueError("Expected places that ascend.")
            for word in range(found.shape[0]):
                found[word, at] = (
                    <const uint64_t*> (<const char*> view.buf + word * view.strides[0])
                )[places[at] - start]
            at += 1
        start = end
        PyBuffer_Release(&view)
    if at < places.shape[0]:
        raise IndexError(places[at])
