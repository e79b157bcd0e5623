# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, binding=False
"""Vectors of float32: their exact distances in doubles, which `docstore.indexes.vector.scoring` reckons with numpy; scores of
very many; and keys.

Numbers are summed in eight lanes, in the same order for a vector and for the query, so that the cosine of a vector with
itself is 1. Scores are summed in floats, in as many lanes as four registers have.

To score 50,000 vectors of 384 numbers is to read 77 MB: what it takes is the memory's time. Lists of vectors lie apart, and
on pages of 4 KB, where processors stop reading ahead by themselves; so what comes is asked for some pages before, and a
product takes less time than that of numpy with one large matrix.
"""

from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.math cimport sqrt
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc

cdef extern from *:
    """
    #include <math.h>
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

    #if defined(__GNUC__)
    #define prefetch(p) __builtin_prefetch(p)
    #else
    #define prefetch(p)
    #endif
    #define AHEAD 8192
    #define FLOATS 32
    /* A sum over the numbers of each of some vectors, and of a query. */
    #define SCORES(name, term)                                                                                    \\
        static void name(const float *row, const float *query, Py_ssize_t size, Py_ssize_t count, float *found) { \\
            for (; count; count--, row += size) {                                                                 \\
                float sums[FLOATS] = {0};                                                                         \\
                Py_ssize_t place = 0;                                                                             \\
                for (; place + FLOATS <= size; place += FLOATS) {                                                 \\
                    prefetch((const char *) (row + place) + AHEAD);                                               \\
                    prefetch((const char *) (row + place) + AHEAD + 64);                                          \\
                    for (int lane = 0; lane < FLOATS; lane++) {                                                   \\
                        float number = row[place + lane], wanted = query[place + lane];                           \\
                        sums[lane] += term;                                                                       \\
                    }                                                                                             \\
                }                                                                                                 \\
                for (int lane = 0; place < size; place++, lane++) {                                               \\
                    float number = row[place], wanted = query[place];                                             \\
                    sums[lane] += term;                                                                           \\
                }                                                                                                 \\
                for (int half = FLOATS / 2; half; half /= 2)                                                      \\
                    for (int lane = 0; lane < half; lane++) sums[lane] += sums[lane + half];                      \\
                *found++ = sums[0];                                                                               \\
            }                                                                                                     \\
        }
    typedef void (*Scores)(const float *, const float *, Py_ssize_t, Py_ssize_t, float *);

    SCORES(plain_products, number * wanted) SCORES(plain_gaps, fabsf(number - wanted))
    FOR("avx2,fma") SCORES(fused_products, number * wanted) FOR("avx2,fma") SCORES(fused_gaps, fabsf(number - wanted))
    static const Scores scores_by_kind[2][2] = {{plain_products, plain_gaps}, {fused_products, fused_gaps}};
    """
    ctypedef void (*Sums)(const float*, const double*, Py_ssize_t, double*) noexcept nogil
    ctypedef void (*Scores)(const float*, const float*, Py_ssize_t, Py_ssize_t, float*) noexcept nogil
    bint has_fused() nogil
    const Sums sums_by_kind[2][3]
    const Scores scores_by_kind[2][2]

cdef dict KINDS = {"cosine": 0, "inner_product": 0, "l2": 1, "l1": 2}
cdef bint fused = has_fused()


def use_fused(bint wanted):
    """Whether the processor's wide registers are used, where it has them: for the tests of the other way."""
    global fused
    fused = wanted and has_fused()


cdef struct Span:
    const float* rows
    Py_ssize_t count


cdef class Rows:
    """Vectors of float32 in several matrices, which are looked at where they lie."""

    cdef list _kept_alive
    cdef Span* spans
    cdef Py_ssize_t parts
    cdef Py_ssize_t size
    cdef Py_ssize_t count

    def __init__(self, list matrices not None):
        cdef Py_buffer view
        self._kept_alive = matrices
        self.spans = <Span*> malloc(max(len(matrices), 1) * sizeof(Span))
        if self.spans == NULL:
            raise MemoryError
        for matrix in matrices:
            PyObject_GetBuffer(matrix, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
            form = view.format, tuple([view.shape[axis] for axis in range(view.ndim)])
            fits = view.ndim == 2 and view.format == b"f" and (not self.parts or view.shape[1] == self.size)
            if fits:
                self.size = view.shape[1]
                self.spans[self.parts] = Span(<const float*> view.buf, view.shape[0])
                self.parts += 1
                self.count += view.shape[0]
            PyBuffer_Release(&view)  # the matrix stays where it is as long as it is held
            if not fits:
                raise ValueError(f"Expected matrices of float32 (`f`), all as wide, but found one of `{form[0].decode()}` {form[1]}.")

    def __dealloc__(self):
        free(self.spans)

    def __len__(self):
        return self.count

    def products(self, const float[::1] query not None, float[::1] found not None):
        """Write the product of each vector and the query."""
        self._score(0, query, found)

    def gaps(self, const float[::1] query not None, float[::1] found not None):
        """Write the sum of the absolute differences of each vector's numbers from those of the query."""
        self._score(1, query, found)

    cdef int _score(self, int kind, const float[::1] query, float[::1] found) except -1:
        cdef Py_ssize_t part
        cdef Scores scores = scores_by_kind[fused][kind]
        cdef float* at
        if query.shape[0] != self.size or found.shape[0] != self.count:
            raise ValueError(
                f"Expected {self.size} numbers and room for {self.count} scores but found {query.shape[0]} and {found.shape[0]}."
            )
        if self.count and self.size:
            at = &found[0]
            with nogil:
                for part in range(self.parts):
                    scores(self.spans[part].rows, &query[0], self.size, self.spans[part].count, at)
                    at += self.spans[part].count
        return 0


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
