# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, binding=False
"""Codes of bits: the best of many for a query, found where they lie (`docstore/indexes/vector/codes.py` says what they are).

Codes come in *parts*, a list or a segment each, since to put some hundred of them side by side costs more than to compare
them. A part has a row for each word of 64 bits of a code and a column for each vector.

A search goes through all codes once, some hundred at a time, so that what it reckons stays in the nearest cache; of these
it holds the best by differing bits, which are then scored anew by their signs against the numbers of the query. What both
scores are is said in `codes.py`, whose `BitScorer` does the same with numpy and is the oracle of the tests. The search
holds no lock of Python's: threads search at the same time.
"""

from cpython.buffer cimport (
    PyBUF_FORMAT,
    PyBUF_SIMPLE,
    PyBUF_STRIDES,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from libc.math cimport sqrt
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

cdef extern from *:
    """
    #if defined(__x86_64__) && defined(__GNUC__)
    #define FOR(features) __attribute__((target(features)))
    static int has_popcnt(void) { __builtin_cpu_init(); return __builtin_cpu_supports("popcnt") != 0; }
    static int has_wide(void) {
        return __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    }
    #else
    #define FOR(features)
    static int has_popcnt(void) { return 1; }
    static int has_wide(void) { return 0; }
    #endif

    /* The differing bits of `count` codes, whose words are `stride` bytes apart. */
    #define COUNT_DIFFERING                                                                                       \\
        (const char *rows, Py_ssize_t stride, const uint64_t *words, Py_ssize_t length, uint64_t *found,          \\
         Py_ssize_t count) {                                                                                      \\
            for (Py_ssize_t place = 0; place < count; place++)                                                    \\
                found[place] = (uint64_t) __builtin_popcountll(((const uint64_t *) rows)[place] ^ words[0]);      \\
            for (Py_ssize_t word = 1; word < length; word++) {                                                    \\
                const uint64_t *row = (const uint64_t *) (rows + word * stride);                                  \\
                for (Py_ssize_t place = 0; place < count; place++)                                                \\
                    found[place] += (uint64_t) __builtin_popcountll(row[place] ^ words[word]);                    \\
            }                                                                                                     \\
        }

    FOR("popcnt") static void differing_by_one COUNT_DIFFERING
    FOR("avx512f,avx512bw,avx512vl,avx512vpopcntdq,prefer-vector-width=512") static void differing_by_eight COUNT_DIFFERING

    typedef void (*Differing)(const char *, Py_ssize_t, const uint64_t *, Py_ssize_t, uint64_t *, Py_ssize_t);
    static Differing differing_of(int wide) { return wide ? differing_by_eight : differing_by_one; }

    /* Scores of codes by their differing bits, as numbers without a sign that order as they do: the length times the
       difference of so many times the length and a cosine. That of the angle which the bits say is a sine, of which four
       terms are nearer than the bits are. */
    #define SCALE                                                                                                 \\
        (const uint64_t *differ, Py_ssize_t count, const float *lengths, float squares, float cosine, float angle,  \\
         uint32_t *scores) {                                                                                      \\
            for (Py_ssize_t place = 0; place < count; place++) {                                                  \\
                float turn = 1.5707964f - angle * (float) (int32_t) differ[place], square = turn * turn;          \\
                float sine = turn * (1 - square * (1 / 6.f - square * (1 / 120.f - square * (1 / 5040.f))));      \\
                union { float number; int32_t bits; } score;                                                      \\
                score.number = lengths[place] * (squares * lengths[place] - cosine * sine);                       \\
                scores[place] = (uint32_t) (score.bits ^ (score.bits >> 31 | INT32_MIN));                         \\
            }                                                                                                     \\
        }

    /* Append those of some codes whose scores are below a bound, as keys of the score and the place, to others. They are
       looked at several at once, of which rarely one is below. */
    #define TOGETHER 16
    #define APPEND                                                                                                \\
        (const uint32_t *scores, Py_ssize_t count, uint32_t bound, uint64_t first, uint64_t *keys, Py_ssize_t held) { \\
            for (Py_ssize_t start = 0; start < count; start += TOGETHER) {                                        \\
                uint32_t below = 0;                                                                               \\
                for (Py_ssize_t place = start; place < start + TOGETHER; place++) below |= scores[place] < bound; \\
                if (below)                                                                                        \\
                    for (Py_ssize_t place = start; place < start + TOGETHER; place++) {                           \\
                        keys[held] = (uint64_t) scores[place] << 32 | (first + place);                            \\
                        held += scores[place] < bound;                                                            \\
                    }                                                                                             \\
            }                                                                                                     \\
            return held;                                                                                          \\
        }

    static void scale_by_one SCALE
    static Py_ssize_t append_by_one APPEND
    FOR("avx512f,avx512bw,avx512vl,avx512dq,prefer-vector-width=512") static void scale_by_eight SCALE
    FOR("avx512f,avx512bw,avx512vl,avx512dq,prefer-vector-width=512") static Py_ssize_t append_by_eight APPEND

    typedef void (*Scale)(const uint64_t *, Py_ssize_t, const float *, float, float, float, uint32_t *);
    typedef Py_ssize_t (*Append)(const uint32_t *, Py_ssize_t, uint32_t, uint64_t, uint64_t *, Py_ssize_t);
    static Scale scale_of(int wide) { return wide ? scale_by_eight : scale_by_one; }
    static Append append_of(int wide) { return wide ? append_by_eight : append_by_one; }
    #define prefetch(p) __builtin_prefetch(p)

    #if defined(__linux__)
    #include <stdint.h>
    #include <sys/mman.h>
    #include <unistd.h>
    #ifndef MADV_POPULATE_READ
    #define MADV_POPULATE_READ 22
    #endif
    static void populate(const char *at, size_t size) {
        uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE), first = (uintptr_t) at & ~(page - 1);
        (void) !madvise((void *) first, (uintptr_t) at + size - first, MADV_POPULATE_READ);
    }
    #else
    static void populate(const char *at, size_t size) { (void) at, (void) size; }
    #endif
    """
    ctypedef void (*Differing)(const char*, Py_ssize_t, const uint64_t*, Py_ssize_t, uint64_t*, Py_ssize_t) noexcept nogil
    bint has_popcnt() nogil
    bint has_wide() nogil
    Differing differing_of(bint wide) nogil
    ctypedef void (*Scale)(const uint64_t*, Py_ssize_t, const float*, float, float, float, uint32_t*) noexcept nogil
    ctypedef Py_ssize_t (*Append)(const uint32_t*, Py_ssize_t, uint32_t, uint64_t, uint64_t*, Py_ssize_t) noexcept nogil
    Scale scale_of(bint wide) nogil
    Append append_of(bint wide) nogil
    enum: TOGETHER
    void prefetch(const void* at) nogil
    void populate(const char* at, size_t size) nogil

if not has_popcnt():
    raise ImportError("this processor does not count bits")

cdef enum:
    AT_ONCE = 512  # codes that are compared before they are looked at: their scores take 4 KB
    BLOCK = 64  # numbers that are rotated together
    NIBBLE = 16  # sums of the numbers of four bits

cdef double PI = 3.141592653589793
cdef uint32_t SIGN = <uint32_t> 1 << 31
cdef uint32_t LEFT_OUT = 0xFFFFFFFF  # the score of a vector that is not wanted; all others are less

MEASURES = ("cosine", "inner_product", "l2")

cdef Differing differing = differing_of(has_wide())
cdef Scale scale = scale_of(has_wide())
cdef Append append = append_of(has_wide())


def use_wide(bint wanted):
    """Whether eight words are compared at once, where the processor can: for the tests of the other way."""
    global differing, scale, append
    wanted = wanted and has_wide()
    differing, scale, append = differing_of(wanted), scale_of(wanted), append_of(wanted)


cdef class Part:
    """The codes of some vectors, their ordinals, and their lengths."""

    cdef object _kept_alive
    cdef const char* rows
    cdef Py_ssize_t stride
    cdef Py_ssize_t words
    cdef Py_ssize_t count
    cdef const uint64_t* ordinals
    cdef const float* lengths

    def __init__(self, rows, ordinals, lengths):
        cdef Py_buffer view
        PyObject_GetBuffer(rows, &view, PyBUF_STRIDES | PyBUF_FORMAT)
        self.rows, self.stride, self.words, self.count = <const char*> view.buf, view.strides[0], view.shape[0], 0
        fits = view.ndim == 2 and view.itemsize == 8 and view.shape[0] and (view.shape[1] < 2 or view.strides[1] == 8)
        shape = tuple([view.shape[axis] for axis in range(view.ndim)])
        PyBuffer_Release(&view)  # the array stays where it is as long as it is held
        if not fits:
            raise ValueError(f"Expected contiguous rows of words of 64 bits but found an array of shape {shape}.")
        self.ordinals = <const uint64_t*> _numbers(ordinals, 8 * shape[1])
        self.lengths = <const float*> _numbers(lengths, 4 * shape[1])
        self.count = shape[1]
        self._kept_alive = (rows, ordinals, lengths)

    def __len__(self):
        return self.count

    def fetch(self):
        """Have the memory of all codes mapped at once, where the kernel knows how to (`MADV_POPULATE_READ` of Linux).

        Where it does not, each part is mapped when it is first looked at, which takes longer: nobody has to be told.
        """
        if self.words and self.count:
            populate(self.rows, (self.words - 1) * self.stride + 8 * self.count)


cdef const char* _numbers(object array, Py_ssize_t size) except? NULL:
    """Where the bytes of an array begin, which must be so many."""
    cdef Py_buffer view
    PyObject_GetBuffer(array, &view, PyBUF_SIMPLE)
    cdef const char* found = <const char*> view.buf
    cdef Py_ssize_t length = view.len
    PyBuffer_Release(&view)
    if length != size:
        raise ValueError(f"Expected an array of {size} bytes but found {length}.")
    return found


cdef struct Span:
    const char* rows
    Py_ssize_t stride
    Py_ssize_t count
    Py_ssize_t start  # of its first code in all parts
    const uint64_t* ordinals
    const float* lengths


cdef struct Found:
    Span* span
    Py_ssize_t place


cdef inline uint32_t _ordered(float number) noexcept nogil:
    """A number as one that orders as it does, without a sign."""
    cdef uint32_t bits
    memcpy(&bits, &number, 4)
    return ~bits if bits >> 31 else bits | SIGN


cdef inline float _unordered(uint32_t bits) noexcept nogil:
    cdef float number
    bits = bits ^ SIGN if bits >> 31 else ~bits
    memcpy(&number, &bits, 4)
    return number


cdef void _choose(uint64_t* keys, Py_ssize_t count, Py_ssize_t least) noexcept nogil:
    """Bring the least keys to the front, the largest of them as the last of these."""
    cdef Py_ssize_t low = 0, high = count - 1, left, right
    cdef uint64_t pivot, swapped, middle
    while low < high:
        # The middle one of three is rarely among the least or largest of all.
        middle, pivot, swapped = keys[(low + high) >> 1], keys[low], keys[high]
        pivot = max(min(pivot, middle), min(max(pivot, middle), swapped))
        left, right = low, high
        while left <= right:
            while keys[left] < pivot:
                left += 1
            while keys[right] > pivot:
                right -= 1
            if left <= right:
                keys[left], keys[right] = keys[right], keys[left]
                left += 1
                right -= 1
        if least - 1 <= right:
            high = right
        elif least - 1 >= left:
            low = left
        else:
            return


cdef class Query:
    """A vector that is searched for, rotated as the codes were."""

    cdef Py_ssize_t size
    cdef int measure
    cdef float* turned
    cdef uint64_t* words
    cdef float* sums  # of each four numbers, by the bits that choose among them
    cdef float total
    cdef float length
    cdef float hope

    def __init__(
        self, const float[::1] numbers not None, const uint32_t[::1] moves not None, Py_ssize_t size, measure, float hope
    ):
        """`moves` are those of all rounds of the rotation, one after the other (`rotation.py`); `hope` is what is added to
        each cosine by signs against numbers.
        """
        cdef Py_ssize_t place
        if size <= 0 or size % BLOCK or numbers.shape[0] > size:
            raise ValueError(f"Expected at most {size} numbers, in blocks of {BLOCK}, but found {numbers.shape[0]}.")
        self.measure = MEASURES.index(measure)
        self.size = size
        self.turned = <float*> malloc(2 * size * sizeof(float))
        self.words = <uint64_t*> malloc(size >> 3)
        self.sums = <float*> malloc((size >> 2) * NIBBLE * sizeof(float))
        if not (self.turned and self.words and self.sums):
            raise MemoryError
        if moves.shape[0] % size:
            raise ValueError(f"Expected rounds for {size} numbers but found one for {moves.shape[0] % size}.")
        self.hope = hope
        for place in range(size):
            self.turned[place] = numbers[place] if place < numbers.shape[0] else 0.0
        for place in range(0, moves.shape[0], size):
            self._turn(&moves[place])
        self._know()

    def __dealloc__(self):
        free(self.turned)
        free(self.words)
        free(self.sums)

    cdef int _turn(self, const uint32_t* moves) except -1:
        """One round of the rotation: a permutation, signs, and Hadamard's matrix in each block."""
        cdef float* other = self.turned + self.size
        cdef Py_ssize_t place, start, half
        cdef float one, two
        for place in range(self.size):
            start = moves[place] >> 1
            if start >= self.size:
                raise IndexError(start)
            other[place] = -self.turned[start] if moves[place] & 1 else self.turned[start]
        half = 1
        while half < BLOCK:
            for start in range(0, self.size, 2 * half):
                for place in range(start, start + half):
                    one, two = other[place], other[place + half]
                    other[place], other[place + half] = one + two, one - two
            half *= 2
        for place in range(self.size):
            self.turned[place] = other[place] * <float> 0.125
        return 0

    cdef void _know(self) noexcept nogil:
        """Reckon once what every code is compared with."""
        cdef Py_ssize_t place, bits
        cdef double squares = 0, total = 0
        cdef float* four
        for place in range(self.size >> 6):
            self.words[place] = 0
        for place in range(self.size):
            squares += <double> self.turned[place] * self.turned[place]
            total += self.turned[place]
            if self.turned[place] > 0:
                self.words[place >> 6] |= <uint64_t> 1 << (((place >> 3 & 7) << 3) + 7 - (place & 7))
        for place in range(self.size >> 2):
            four = self.turned + 4 * place
            for bits in range(NIBBLE):
                self.sums[place * NIBBLE + bits] = (
                    (four[0] if bits & 8 else 0) + (four[1] if bits & 4 else 0)
                    + (four[2] if bits & 2 else 0) + (four[3] if bits & 1 else 0)
                )
        self.total, self.length = <float> total, <float> sqrt(squares)

    cdef inline float _scaled(self, float cosine, float length) noexcept nogil:
        cdef float product = cosine * length * self.length
        return -product if self.measure == 1 else length * length - 2 * product

    cdef void _rough(self, Span* span, Py_ssize_t at, Py_ssize_t count, uint32_t* scores) noexcept nogil:
        """The scores of some codes by differing bits, in an order without signs."""
        cdef uint64_t differ[AT_ONCE]
        cdef float times = 1 if self.measure == 1 else 2
        differing(span.rows + 8 * at, span.stride, self.words, self.size >> 6, differ, count)
        scale(differ, count, span.lengths + at, times - 1, times * self.length, <float> (PI / self.size), scores)

    cdef float _better(self, Found* found) noexcept nogil:
        """The score of a code by its signs against numbers."""
        cdef Py_ssize_t word, byte
        cdef uint64_t bits
        cdef float even = 0, odd = 0
        cdef float* sums = self.sums
        for word in range(self.size >> 6):
            bits = (<const uint64_t*> (found.span.rows + word * found.span.stride))[found.place]
            for byte in range(8):
                even += sums[bits >> 4 & 15]
                odd += sums[NIBBLE + (bits & 15)]
                bits >>= 8
                sums += 2 * NIBBLE
        cdef float cosine = (2 * (even + odd) - self.total) / (self.length * <float> sqrt(self.size) + <float> 1e-30)
        # A vector and its signs, made as long, have a cosine of about the root of 2 / pi.
        return self._scaled(cosine * <float> 1.2533 + self.hope, found.span.lengths[found.place])

    def best(
        self, list parts not None, const unsigned char[::1] left_out, Py_ssize_t rough,
        float[::1] scores not None, uint64_t[::1] ordinals not None,
    ):
        """Write the scores and the ordinals of the best codes, chosen from so many by rough scores; give how many there are.

        `left_out` says of each code of all parts whether it is not wanted; None leaves out none.
        """
        cdef Py_ssize_t count = len(parts), place, total = 0, kept = min(scores.shape[0], ordinals.shape[0])
        cdef Span* spans = <Span*> malloc(max(count, 1) * sizeof(Span))
        cdef uint64_t* keys = NULL
        cdef Found* found = NULL
        cdef Part part
        try:
            if spans == NULL:
                raise MemoryError
            for place in range(count):
                part = <Part?> parts[place]
                if part.words << 6 != self.size:
                    raise ValueError(f"Expected codes of {self.size >> 6} words but found {part.words}.")
                spans[place] = Span(part.rows, part.stride, part.count, total, part.ordinals, part.lengths)
                total += part.count
            if left_out is not None and left_out.shape[0] != total:
                raise ValueError(f"Expected to be told of {total} codes but found {left_out.shape[0]}.")
            if total >= LEFT_OUT:
                raise ValueError(f"Expected less than {LEFT_OUT} codes but found {total}.")
            rough = min(max(rough, kept), total)
            keys = <uint64_t*> malloc((2 * rough + AT_ONCE) * sizeof(uint64_t))
            found = <Found*> malloc(max(rough, 1) * sizeof(Found))
            if keys == NULL or found == NULL:
                raise MemoryError
            with nogil:
                rough = self._gather(spans, count, &left_out[0] if left_out is not None and total else NULL, rough, keys)
                kept = self._refine(spans, count, keys, found, rough, kept)
                for place in range(kept):
                    scores[place] = _unordered(<uint32_t> (keys[place] >> 32))
                    ordinals[place] = found[<uint32_t> keys[place]].span.ordinals[found[<uint32_t> keys[place]].place]
            return kept
        finally:
            free(spans)
            free(keys)
            free(found)

    cdef Py_ssize_t _gather(
        self, Span* spans, Py_ssize_t count, const unsigned char* left_out, Py_ssize_t wanted, uint64_t* keys
    ) noexcept nogil:
        """The best by rough scores, as keys of the score and the place among all; how many there are."""
        cdef uint32_t scores[AT_ONCE]
        cdef uint32_t bound = LEFT_OUT
        cdef Py_ssize_t at, some, place, start, number, held = 0
        for number in range(count):
            at = 0
            while at < spans[number].count:
                some = min(<Py_ssize_t> AT_ONCE, spans[number].count - at)
                start = spans[number].start + at
                self._rough(&spans[number], at, some, scores)
                if left_out != NULL:
                    for place in range(some):
                        if left_out[start + place]:
                            scores[place] = LEFT_OUT
                for place in range(some, (some + TOGETHER - 1) // TOGETHER * TOGETHER):
                    scores[place] = LEFT_OUT
                held = append(scores, some, bound, start, keys, held)
                if held >= 2 * wanted:
                    _choose(keys, held, wanted)
                    held, bound = wanted, <uint32_t> (keys[wanted - 1] >> 32)
                at += some
        if held > wanted:
            _choose(keys, held, wanted)
        return min(held, wanted)

    cdef Py_ssize_t _refine(
        self, Span* spans, Py_ssize_t count, uint64_t* keys, Found* found, Py_ssize_t rough, Py_ssize_t kept
    ) noexcept nogil:
        """Put in the place of the keys those of the best by better scores, with places in `found`; how many there are."""
        cdef Py_ssize_t at, low, high, middle, word, place
        for at in range(rough):
            place = <Py_ssize_t> (<uint32_t> keys[at])
            low, high = 0, count
            while high - low > 1:
                middle = (low + high) >> 1
                if spans[middle].start <= place:
                    low = middle
                else:
                    high = middle
            found[at] = Found(&spans[low], place - spans[low].start)
            for word in range(self.size >> 6):
                prefetch(spans[low].rows + word * spans[low].stride + 8 * found[at].place)
        for at in range(rough):
            keys[at] = <uint64_t> _ordered(self._better(&found[at])) << 32 | <uint64_t> at
        if rough > kept:
            _choose(keys, rough, kept)
        return min(rough, kept)
