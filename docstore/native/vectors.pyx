# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, binding=False
"""Vectors of float32: their exact distances in doubles, which `docstore.indexes.vector.scoring` reckons with numpy; and keys.

Numbers are summed in eight lanes, in the same order for a vector and for the query, so that the cosine of a vector with
itself is 1.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.math cimport sqrt
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #if defined(__x86_64__) && defined(__GNUC__)
    #define FOR(features) __attribute__((target(features)))
    static int has_fused(void) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    }
    #else
    #define FOR(features)
    static int has_fused(void) { return 0; }
    #endif

    #define LANES 8
    #define STEP(kind, place, lane) {                                                                                \\
            double number = row[place], wanted = query[place], apart = number - wanted;                           \\
            products[lane] += number * wanted;                                                                    \\
            if (kind == 0) others[lane] += number * number;                                                       \\
            if (kind == 1) others[lane] += apart * apart;                                                         \\
            if (kind == 2) others[lane] += apart < 0 ? -apart : apart;                                            \\
        }
    /* The product of a vector and a query; and beside it, by the kind, the sum of squares, of squared or of absolute
       differences. */
    #define SUMS(name, kind)                                                                                      \\
        static void name(const float *row, const double *query, Py_ssize_t size, double *found) {                 \\
            double products[LANES] = {0}, others[LANES] = {0};                                                    \\
            Py_ssize_t place = 0;                                                                                 \\
            for (; place + LANES <= size; place += LANES)                                                         \\
                for (int lane = 0; lane < LANES; lane++) STEP(kind, place + lane, lane)                                 \\
            for (; place < size; place++) STEP(kind, place, 0)                                                          \\
            found[0] = found[1] = 0;                                                                              \\
            for (int lane = 0; lane < LANES; lane++) { found[0] += products[lane]; found[1] += others[lane]; }    \\
        }
    typedef void (*Sums)(const float *, const double *, Py_ssize_t, double *);

    SUMS(plain_0, 0) SUMS(plain_1, 1) SUMS(plain_2, 2)
    FOR("avx2,fma") SUMS(fused_0, 0) FOR("avx2,fma") SUMS(fused_1, 1) FOR("avx2,fma") SUMS(fused_2, 2)
    static const Sums sums_by_kind[2][3] = {{plain_0, plain_1, plain_2}, {fused_0, fused_1, fused_2}};
    """
    ctypedef void (*Sums)(const float*, const double*, Py_ssize_t, double*) noexcept nogil
    bint has_fused() nogil
    const Sums sums_by_kind[2][3]

cdef dict KINDS = {"cosine": 0, "inner_product": 0, "l2": 1, "l1": 2}
cdef bint fused = has_fused()


def use_fused(bint wanted):
    """Whether the processor's wide registers are used, where it has them: for the tests of the other way."""
    global fused
    fused = wanted and has_fused()


def parted(list values not None):
    """See `docstore.storage.rows.Rows.parted`."""
    cdef Py_ssize_t size, head, total = 0
    cdef const unsigned char* data
    cdef char* at
    cdef list heads = []
    for one in values:
        if one is not None:
            size = PyBytes_GET_SIZE(<bytes?> one)
            data = <const unsigned char*> PyBytes_AS_STRING(one)
            head = 2 + (data[0] << 8 | data[1]) if size >= 2 else 2
            if size < head:
                raise ValueError(one)
            heads.append(PyBytes_FromStringAndSize(<const char*> data + 2, head - 2))
            total += size - head
    tails = PyBytes_FromStringAndSize(NULL, total)
    at = PyBytes_AS_STRING(tails)
    for one in values:
        if one is not None:
            data = <const unsigned char*> PyBytes_AS_STRING(one)
            head = 2 + (data[0] << 8 | data[1])
            size = PyBytes_GET_SIZE(one) - head
            memcpy(at, data + head, size)
            at += size
    return heads, tails


def ordinal_keys(unsigned char prefix, const uint64_t[::1] ordinals not None):
    """The keys of ordinals: a letter, and 8 bytes, big endian."""
    cdef Py_ssize_t place, byte
    cdef unsigned char* at
    cdef list keys = []
    for place in range(ordinals.shape[0]):
        key = PyBytes_FromStringAndSize(NULL, 9)
        at = <unsigned char*> PyBytes_AS_STRING(key)
        at[0] = prefix
        for byte in range(8):
            at[1 + byte] = ordinals[place] >> (56 - 8 * byte) & 255
        keys.append(key)
    return keys


def squares(bytes packed not None):
    """The sum of the squares of numbers of float32; not finite where one of them is not."""
    cdef const float* numbers = <const float*> PyBytes_AS_STRING(packed)
    cdef Py_ssize_t place
    cdef double total = 0
    for place in range(PyBytes_GET_SIZE(packed) >> 2):
        total += <double> numbers[place] * numbers[place]
    return total


def distances(bytes packed not None, const float[::1] query not None, str measure not None):
    """The distances of vectors of float32, one after the other, from a query."""
    cdef Py_ssize_t size = query.shape[0], count, place
    cdef const float* rows = <const float*> PyBytes_AS_STRING(packed)
    cdef int kind = KINDS[measure]
    cdef bint of_angles = measure == "cosine", of_products = measure == "inner_product"
    cdef double found[2]
    cdef double squares, distance
    cdef double[::1] wide
    cdef list answer = []
    if size == 0 or PyBytes_GET_SIZE(packed) % (4 * size):
        raise ValueError(f"Expected vectors of {size} numbers but found {PyBytes_GET_SIZE(packed)} bytes.")
    count = PyBytes_GET_SIZE(packed) // (4 * size)
    wide_query = bytearray(8 * size)
    wide = memoryview(wide_query).cast("d")
    for place in range(size):
        wide[place] = query[place]
    sums_by_kind[fused][0](&query[0], &wide[0], size, found)
    squares = found[1]
    for place in range(count):
        sums_by_kind[fused][kind](rows + place * size, &wide[0], size, found)
        if of_angles:
            distance = min(max(1 - found[0] / sqrt(found[1] * squares), 0.0), 2.0)
        elif of_products:
            distance = 0.0 - found[0]
        else:
            distance = sqrt(found[1]) if kind == 1 else found[1]
        answer.append(distance)
    return answer
