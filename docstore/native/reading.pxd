"""The tokens of MessagePack, stepped over in memory: what `documents` and `conditions` share.

Each function takes an `Input`, moves it, and gives a negative number, with the input where it was or behind, where the
bytes are not as expected or end too soon.
"""

from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #define load16(p) __builtin_bswap16(*(const uint16_t*)memcpy(&(uint16_t){0}, (p), 2))
    #define load32(p) __builtin_bswap32(*(const uint32_t*)memcpy(&(uint32_t){0}, (p), 4))
    #define load64(p) __builtin_bswap64(*(const uint64_t*)memcpy(&(uint64_t){0}, (p), 8))
    """
    uint16_t load16(const unsigned char* data) noexcept nogil
    uint32_t load32(const unsigned char* data) noexcept nogil
    uint64_t load64(const unsigned char* data) noexcept nogil


cdef struct Input:
    const unsigned char* at
    const unsigned char* end


cdef inline bint has(Input* source, Py_ssize_t size) noexcept nogil:
    """Whether so many bytes follow."""
    return source.end - source.at >= size


cdef inline Py_ssize_t _long_text_size(Input* source) noexcept nogil:
    cdef Py_ssize_t size, head_size
    cdef unsigned char head
    if not has(source, 1):
        return -1
    head = source.at[0]
    if not 0xD9 <= head <= 0xDB:
        return -1
    head_size = 1 + (1 << (head - 0xD9))
    if not has(source, head_size):
        return -1
    if head == 0xD9:
        size = source.at[1]
    elif head == 0xDA:
        size = load16(source.at + 1)
    else:
        size = load32(source.at + 1)
    source.at += head_size
    return size if has(source, size) else -1


cdef inline Py_ssize_t text_size(Input* source) noexcept nogil:
    """The bytes of the string that begins here, all of which follow; the input then stands at the first of them."""
    cdef Py_ssize_t size
    if has(source, 1) and (source.at[0] & 0xE0) == 0xA0:
        size = source.at[0] & 0x1F
        source.at += 1
        return size if has(source, size) else -1
    return _long_text_size(source)


cdef inline Py_ssize_t _members(Input* source, unsigned char few, unsigned char many) noexcept nogil:
    """How many there are in a map or an array; the input then stands at the first. No more than there is room for.

    `few` is the head of one of none, to which up to 15 are added; two or four bytes tell more of them behind `many` and the next.
    """
    cdef Py_ssize_t size
    cdef unsigned char head
    if not has(source, 1):
        return -1
    head = source.at[0]
    if (head & 0xF0) == few:
        size = head & 0x0F
        source.at += 1
    elif head == many and has(source, 3):
        size = load16(source.at + 1)
        source.at += 3
    elif head == many + 1 and has(source, 5):
        size = load32(source.at + 1)
        source.at += 5
    else:
        return -1
    return size if has(source, size) else -1


cdef inline Py_ssize_t map_size(Input* source) noexcept nogil:
    """The entries of the map that begins here; see `_members`."""
    return _members(source, 0x80, 0xDE)


cdef inline Py_ssize_t array_size(Input* source) noexcept nogil:
    """The elements of the array that begins here; see `_members`."""
    return _members(source, 0x90, 0xDC)


cdef inline int _skip_slowly(Input* source) noexcept nogil:
    cdef Py_ssize_t left = 1, size
    cdef unsigned char head
    while left > 0:
        left -= 1
        if not has(source, 1):
            return -1
        head = source.at[0]
        source.at += 1
        if head <= 0x7F or head >= 0xE0 or head == 0xC0 or head == 0xC2 or head == 0xC3:
            continue
        if 0xA0 <= head <= 0xBF:
            size = head & 0x1F
        elif head <= 0x8F:
            left += 2 * (head & 0x0F)
            continue
        elif head <= 0x9F:
            left += head & 0x0F
            continue
        elif head == 0xCA:
            size = 4
        elif head == 0xCB:
            size = 8
        elif 0xCC <= head <= 0xD3:
            size = 1 << ((head - 0xCC) & 3)
        elif 0xD4 <= head <= 0xD8:
            size = 1 + (1 << (head - 0xD4))
        elif head == 0xC1:
            return -1
        else:
            # One, two or four bytes that tell a size follow.
            size = _size_after(source, head)
            if size < 0:
                return -1
            if head >= 0xDC:
                left += size * (1 + (head >= 0xDE))
                continue
        if not has(source, size):
            return -1
        source.at += size
    return 0


cdef inline Py_ssize_t _size_after(Input* source, unsigned char head) noexcept nogil:
    """The size told behind the head of a long value, and past it the input; with the code of an extension type."""
    cdef Py_ssize_t size
    if head == 0xD9 or head == 0xC4 or head == 0xC7:
        if not has(source, 1):
            return -1
        size = source.at[0]
        source.at += 1
    elif head == 0xDA or head == 0xC5 or head == 0xC8 or head == 0xDC or head == 0xDE:
        if not has(source, 2):
            return -1
        size = load16(source.at)
        source.at += 2
    else:
        if not has(source, 4):
            return -1
        size = load32(source.at)
        source.at += 4
    return size + (0xC7 <= head <= 0xC9)


cdef inline int skip(Input* source) noexcept nogil:
    """Step over the value that begins here."""
    cdef unsigned char head
    if has(source, 1):
        head = source.at[0]
        if (head & 0xE0) == 0xA0:
            source.at += 1 + (head & 0x1F)
            return 0 if source.at <= source.end else -1
        if head <= 0x7F or head >= 0xE0 or head == 0xC0:
            source.at += 1
            return 0
    return _skip_slowly(source)
