# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, binding=False
"""The conditions of `query.conditions`, looked at in the bytes of a document.

`Tests` says of a document that it surely does not pass, or that it may. What it does not understand it lets pass: values of
other types than the condition's, numbers that no double holds exactly, bytes that are no MessagePack.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from docstore.native.reading cimport Input, array_size, load16, load32, load64, map_size, skip, text_size

cdef enum:
    MOST = 8
    BELOW = 1
    EQUAL = 2
    ABOVE = 4
    WHOLE = 1
    NUMBER = 2
    TEXT = 3
    BOOL = 4
    UNKNOWN = -1

cdef int64_t EXACT = 1 << 53

cdef dict _ACCEPTED = {
    "eq": EQUAL,
    "ne": BELOW | ABOVE,
    "lt": BELOW,
    "le": BELOW | EQUAL,
    "gt": ABOVE,
    "ge": ABOVE | EQUAL,
}


cdef class Tests:
    """Some conditions, of which the first eight are looked at."""

    def __init__(self, conditions):
        cdef Test* test
        cdef bytes name, text
        kept = []
        for field, operator, value, required in conditions[:MOST]:
            test = &self._tests[self._count]
            name = field.encode()
            kept.append(name)
            test.name, test.name_size = <const unsigned char*> PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name)
            test.contains = operator == "contains"
            test.accepts = EQUAL if test.contains else _ACCEPTED[operator]
            kind = type(value)
            if kind is bool:
                test.kind, test.whole = BOOL, value
            elif kind is int:
                if not -EXACT <= value <= EXACT:
                    continue
                test.kind, test.whole, test.number = WHOLE, value, value
            elif kind is float:
                test.kind, test.number = NUMBER, value
            else:
                text = value.encode()
                kept.append(text)
                test.kind = TEXT
                test.text, test.text_size = <const unsigned char*> PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)
            if required:
                self._required |= 1 << self._count
            self._count += 1
        self._kept_alive = kept

    def __call__(self, bytes data not None):
        return self.may_pass(<const unsigned char*> PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))

    cdef bint may_pass(self, const unsigned char* data, Py_ssize_t size) noexcept:
        """Whether a document may pass."""
        cdef Input source
        cdef Py_ssize_t fields, field, key_size
        cdef const unsigned char* key
        cdef unsigned int seen = 0, all_tests = (1 << self._count) - 1
        cdef int place
        cdef bint is_tested
        source.at, source.end = data, data + size
        fields = map_size(&source)
        if fields < 0:
            return True
        for field in range(fields):
            key_size = text_size(&source)
            if key_size < 0:
                return True
            key = source.at
            source.at += key_size
            for place in range(self._count):
                if self._tests[place].name_size == key_size and memcmp(self._tests[place].name, key, key_size) == 0:
                    if not _may_hold(&self._tests[place], &source):
                        return False
                    seen |= 1 << place
            if seen == all_tests:
                return True
            if skip(&source) < 0:
                return True
        return not self._required & ~seen


cdef bint _may_hold(Test* test, Input* source) noexcept:
    """Whether a condition may hold for the value that begins here."""
    cdef int order
    if test.contains:
        return _may_contain(test, source[0])
    order = _order(test, source[0])
    return order == UNKNOWN or (order & test.accepts) != 0


cdef bint _may_contain(Test* test, Input source) noexcept:
    """Whether the array that begins here may have the condition's value; what is no array is another's to judge."""
    cdef Py_ssize_t size = array_size(&source), place
    cdef int order
    if size < 0:
        return True
    for place in range(size):
        order = _order(test, source)
        if order == UNKNOWN:
            if test.kind != TEXT:
                return True
        elif order & EQUAL:
            return True
        if skip(&source) < 0:
            return True
    return False


cdef inline int _of(bint is_below, bint is_above) noexcept:
    return BELOW if is_below else ABOVE if is_above else EQUAL


cdef int _order(Test* test, Input source) noexcept:
    """How the value that begins here compares with the condition's; UNKNOWN where that is another's to say."""
    cdef Py_ssize_t size
    cdef int order
    cdef int64_t whole
    cdef double number
    cdef uint64_t bits
    cdef unsigned char head
    if test.kind == TEXT:
        size = text_size(&source)
        if size < 0:
            return UNKNOWN
        order = memcmp(source.at, test.text, size if size < test.text_size else test.text_size)
        return _of(order < 0, order > 0) if order else _of(size < test.text_size, size > test.text_size)
    if source.at >= source.end:
        return UNKNOWN
    head = source.at[0]
    if test.kind == BOOL:
        if head != 0xC2 and head != 0xC3:
            return UNKNOWN
        whole = head == 0xC3
        return _of(whole < test.whole, whole > test.whole)
    if head == 0xCB and source.end - source.at >= 9:
        bits = load64(source.at + 1)
        memcpy(&number, &bits, 8)
    elif _whole(&source, &whole):
        if test.kind == WHOLE:
            return _of(whole < test.whole, whole > test.whole)
        if not -EXACT <= whole <= EXACT:
            return UNKNOWN
        number = <double> whole
    else:
        return UNKNOWN
    return _of(number < test.number, number > test.number)


cdef bint _whole(Input* source, int64_t* found) noexcept:
    """Read an integer; whether there is one, of 64 bits with a sign."""
    cdef const unsigned char* at = source.at
    cdef unsigned char head = at[0]
    cdef Py_ssize_t room = source.end - at
    if head <= 0x7F:
        found[0] = head
    elif head >= 0xE0:
        found[0] = <int8_t> head
    elif head == 0xCC and room >= 2:
        found[0] = at[1]
    elif head == 0xCD and room >= 3:
        found[0] = load16(at + 1)
    elif head == 0xCE and room >= 5:
        found[0] = load32(at + 1)
    elif head == 0xCF and room >= 9 and load64(at + 1) >> 63 == 0:
        found[0] = <int64_t> load64(at + 1)
    elif head == 0xD0 and room >= 2:
        found[0] = <int8_t> at[1]
    elif head == 0xD1 and room >= 3:
        found[0] = <int16_t> load16(at + 1)
    elif head == 0xD2 and room >= 5:
        found[0] = <int32_t> load32(at + 1)
    elif head == 0xD3 and room >= 9:
        found[0] = <int64_t> load64(at + 1)
    else:
        return False
    return True
