# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, binding=False
"""LMDB's B+trees, read where they lie in the memory map.

Within a read transaction the pages that its snapshot is made of do not change, and LMDB's own functions do no more than
follow them. Doing that here saves a call, a copy and an object for every row. Nothing is written, and no lock or reader's
slot is touched: those are py-lmdb's, whose transaction (the *owner* of what is made here) must be open as long as anything
is read. What Python code could do between two rows is therefore followed by a look at `owner.closed`.

**Without a transaction** a single value can be read too, if it is copied before any other code of this process runs (the
map stays where it is), and if the snapshot is the newest commit before and *after* that. For a commit does not write to
pages of the one before it, nor does the next one, whoever reads; and it shows in a meta page before the one after it begins.
So what was copied is whole where `is_newest` still holds, and otherwise nothing was proven: pages may have changed while they
were looked at, which is why each number that a bound is checked of is fetched once.

**Layout** of LMDB 0.9 on 64 bits, data version 1, in the machine's byte order (`mdb.c` describes it):

| what             | bytes                                                                                         |
|------------------|-----------------------------------------------------------------------------------------------|
| page             | u64 number, u16, u16 flags, u16 lower, u16 upper (an overflow page: u32 pages); u16 offsets of nodes |
| node of a branch | u16, u16, u16: 48 bits of the child's number; u16 key size; key                               |
| node of a leaf   | u16, u16: 32 bits of the value's size; u16 flags; u16 key size; key; value                     |
| big value        | flag 1: in the place of the value the u64 number of its first overflow page                    |
| several members  | flag 4: the value is a small page of them; flags 4 and 2: the record of a tree, whose leaves have them       |
| page of members  | u64, u16 size of a member, u16 flags, u16 lower, u16; the members, one behind the other                  |
| record of a tree | u32, u16 flags, u16 depth, u64 branches, u64 leaves, u64 overflow pages, u64 entries, u64 root  |
| meta page (0, 1) | behind a page's first 16 bytes: u32 magic, u32 version, u64, u64, two records, u64 last page, u64 transaction |

Nothing is believed: a page must carry its own number, lie within the file, and hold its nodes; a DamagedPageError otherwise.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from docstore.native.places cimport (
    NONE_IS_KNOWN, ROW_KEY, Place, begin, compared, go_on, look_for, row_number, u16, u32, u64,
)
from docstore.native.rows cimport Row, Rows, read_row

cdef enum:
    OVERFLOW = 0x04
    BIG = 0x01
    NO_VALUE = SEVERAL | TREE
    LINE = 64  # bytes that the processor fetches at once
    LINES_OF_OFFSETS = 3  # the lines of a page with its head, and with where most of its nodes are
    MAGIC = 0xBEEFC0DE
    DATA_VERSION = 1
    META_LAST_PAGE = PAGE_HEAD + 24 + 96
    META_TRANSACTION = META_LAST_PAGE + 8

cdef extern from *:
    """
    #define prefetch(p) __builtin_prefetch(p)
    #define load_now(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
    #define finish_reads() __atomic_thread_fence(__ATOMIC_ACQUIRE)
    """
    void prefetch(const void* at) nogil
    uint64_t load_now(const uint64_t* at) nogil
    void finish_reads() nogil

cdef uint64_t NO_PAGE = 0xFFFFFFFFFFFFFFFFULL


class DamagedPageError(Exception):
    """A page is not what LMDB writes."""


def map_address(const unsigned char[:] view not None, size_t page_bytes):
    """Where the memory map begins that a value lies in, which is the record of a tree in the main tree; 0 where none is found."""
    cdef const unsigned char* page
    cdef const unsigned char* base
    if view.shape[0] != 48 or page_bytes == 0 or page_bytes & (page_bytes - 1):
        return 0
    page = <const unsigned char*> (<size_t> &view[0] & ~(page_bytes - 1))
    if not u16(page + 10) & LEAF:
        return 0
    base = page - u64(page) * page_bytes
    return <size_t> base if u32(base + PAGE_HEAD) == MAGIC and u32(base + PAGE_HEAD + 4) == DATA_VERSION else 0


cdef Py_ssize_t _joined(unsigned char* joined, bytes prefix, const unsigned char* rest, Py_ssize_t rest_size) except -1:
    """Write a prefix and what follows it; how long that is."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(prefix)
    if size + rest_size > KEY_ROOM:
        raise DamagedPageError(f"a value of {rest_size} bytes is to be a key")
    memcpy(joined, PyBytes_AS_STRING(prefix), size)
    memcpy(joined + size, rest, rest_size)
    return size + rest_size


cdef object _missing(const unsigned char* key, Py_ssize_t size):
    return DamagedPageError(f"there is no record {(<bytes> key[:size]).hex()}, which another one names")


cdef class Snapshot:
    """One tree as the transaction with this number sees it; `record` is the tree's."""

    def __init__(self, number, size_t base, size_t page_bytes, bytes record not None):
        self.id = self.number = number
        self._base = <const unsigned char*> base
        self._page_bytes = page_bytes
        self._root = u64(<const unsigned char*> PyBytes_AS_STRING(record) + 40)
        self._last_page = max(u64(self._base + META_LAST_PAGE), u64(self._base + page_bytes + META_LAST_PAGE))

    def get(self, bytes key not None, reader):
        """What a reader makes of the value of a key; None where there is none."""
        cdef Row row
        self.find(<const unsigned char*> PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), &row)
        return None if row.data == NULL else read_row(reader, &row)

    def get_through(self, bytes key not None, bytes prefix not None, reader):
        """What a reader makes of the value whose key is a prefix and the value of a key; None where that has none."""
        cdef Row row
        self.find_through(<const unsigned char*> PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key), prefix, &row)
        return None if row.data == NULL else read_row(reader, &row)

    def follow(self, Rows rows not None, bytes prefix not None):
        """The rows whose keys are a prefix and the values of some rows; none where there was none. See `rows`."""
        cdef Py_ssize_t prefix_size = PyBytes_GET_SIZE(prefix), size = 0, place, there = 0
        cdef Rows found = Rows.of(rows.owner, rows.count)
        cdef Walk* walks = <Walk*> malloc(max(rows.count, 1) * sizeof(Walk))
        cdef unsigned char* room = NULL
        cdef unsigned char* at
        cdef Row* row
        if walks == NULL:
            raise MemoryError
        try:
            if rows.owner.closed:
                rows.owner.check_open()
            for place in range(rows.count):
                size += prefix_size + rows.rows[place].size if rows.rows[place].data != NULL else 0
            room = at = <unsigned char*> malloc(max(size, 1))
            if room == NULL:
                raise MemoryError
            for place in range(rows.count):
                row = &rows.rows[place]
                if row.data != NULL:
                    size = _joined(at, prefix, row.data, row.size)
                    look_for(&walks[there].place, at, size)
                    at += size
                    there += 1
            self._walk(walks, there)
            there = 0
            for place in range(rows.count):
                row = &found.rows[place]
                row.data = NULL
                if rows.rows[place].data != NULL:
                    self._row_there(&walks[there], row)
                    if row.data == NULL:
                        raise _missing(walks[there].place.key, walks[there].place.size)
                    there += 1
        finally:
            free(walks)
            free(room)
        found.count = rows.count
        return found

    def rows(self, owner, bytes prefix not None, keys):
        """The rows of many keys that all begin with a prefix, in the order of `keys`.

        Finding a row means waiting for memory a dozen times. So all keys go down the tree side by side, each one step at a
        time, and what one needs next is fetched while the others take theirs.
        """
        cdef Py_ssize_t prefix_size = PyBytes_GET_SIZE(prefix), size, count = len(keys), place
        cdef Rows found = Rows.of(owner, count)
        cdef Walk* walks = <Walk*> malloc(max(count, 1) * sizeof(Walk))
        cdef unsigned char* room = NULL
        cdef unsigned char* at
        cdef bytes one
        if walks == NULL:
            raise MemoryError
        try:
            size = 0
            for place in range(count):
                one = <bytes?> keys[place]
                if prefix_size + PyBytes_GET_SIZE(one) > KEY_ROOM:
                    longest = KEY_ROOM - prefix_size
                    raise ValueError(f"A key has at most {longest} bytes, and this one has {PyBytes_GET_SIZE(one)}.")
                size += prefix_size + PyBytes_GET_SIZE(one)
            room = at = <unsigned char*> malloc(max(size, 1))
            if room == NULL:
                raise MemoryError
            for place in range(count):
                one = <bytes> keys[place]
                memcpy(at, PyBytes_AS_STRING(prefix), prefix_size)
                memcpy(at + prefix_size, PyBytes_AS_STRING(one), PyBytes_GET_SIZE(one))
                look_for(&walks[place].place, at, prefix_size + PyBytes_GET_SIZE(one))
                at += walks[place].place.size
            self._walk(walks, count)
            for place in range(count):
                self._row_there(&walks[place], &found.rows[place])
        finally:
            free(walks)
            free(room)
        found.count = count
        return found

    cdef int _walk(self, Walk* walks, Py_ssize_t count) except -1:
        """Take keys to their leaves, and there to the first node that is not below them: where they are, if they are."""
        cdef Py_ssize_t place
        cdef Walk* walk
        cdef int depth
        cdef bint at_leaves = False
        for place in range(count):
            walks[place].number = self._root
            walks[place].page.nodes = walks[place].place.low = 0
        if self._root == NO_PAGE or count == 0:
            return 0
        for depth in range(MAX_DEPTH):
            for place in range(count):
                walk = &walks[place]
                self._page(walk.number, BRANCH | LEAF if place == 0 else LEAF if at_leaves else BRANCH, &walk.page)
                if place == 0:  # a tree is as deep everywhere
                    at_leaves = u16(walk.page.at + 10) & LEAF
                if not at_leaves and walk.page.nodes < 1:
                    raise DamagedPageError(f"page {walk.number} has no branches")
                begin(&walk.place, not at_leaves, walk.page.nodes)  # a branch's first key counts as below all
                self._fetch_node(&walk.page, walk.place.probe)
            self._place_all(walks, count, not at_leaves)
            if at_leaves:
                return 0
            for place in range(count):
                self._go_down(&walks[place])
        raise DamagedPageError(f"a tree has more than {MAX_DEPTH} levels")

    cdef int _place_all(self, Walk* walks, Py_ssize_t count, bint behind) except -1:
        """What `_place` does, for many keys in many pages."""
        cdef Py_ssize_t number
        cdef Walk* walk
        cdef bint goes_on = True
        while goes_on:
            goes_on = False
            for number in range(count):
                walk = &walks[number]
                if walk.place.low < walk.place.high:
                    self._probe(&walk.page, &walk.place, behind)
                    if walk.place.low < walk.place.high:
                        goes_on = True
                        self._fetch_node(&walk.page, walk.place.probe)
        return 0

    cdef int _go_down(self, Walk* walk) except -1:
        """Go to the child before the first that is above a key, and have the beginning of its page fetched."""
        cdef size_t line
        self._narrow(&walk.page, &walk.place)
        walk.number = self._child(&walk.page, walk.place.low - 1)
        if walk.number <= self._last_page:
            for line in range(LINES_OF_OFFSETS):
                prefetch(self._base + walk.number * self._page_bytes + LINE * line)
        return 0

    cdef Snapshot below(self, uint64_t root):
        """Another tree as the same transaction sees it."""
        cdef Snapshot made = Snapshot.__new__(Snapshot)
        made.id, made.number, made._base, made._page_bytes = self.id, self.number, self._base, self._page_bytes
        made._root, made._last_page = root, self._last_page
        return made

    cdef bint is_newest(self) noexcept:
        """Whether no commit after this one shows in the file. What was read before is read before that is asked."""
        cdef uint64_t first, second
        finish_reads()
        first = load_now(<const uint64_t*> (self._base + META_TRANSACTION))
        second = load_now(<const uint64_t*> (self._base + self._page_bytes + META_TRANSACTION))
        return (first if first > second else second) == self.number

    cdef int find(self, const unsigned char* key, Py_ssize_t size, Row* row) except -1:
        """Where the value of a key lies; without data where there is none."""
        cdef Page path[MAX_DEPTH]
        cdef Place place
        cdef int depth
        row.data = NULL
        look_for(&place, key, size)
        self._descend(path, &depth, &place, True)
        return self._row_at(&path[depth - 1], &place, row) if depth else 0

    cdef int find_through(self, const unsigned char* key, Py_ssize_t size, bytes prefix, Row* row) except -1:
        """Where the value lies whose key is a prefix and the value of a key; without data where that has none."""
        cdef unsigned char named[KEY_ROOM]
        self.find(key, size, row)
        if row.data != NULL:
            size = _joined(named, prefix, row.data, row.size)
            self.find(named, size, row)
            if row.data == NULL:
                raise _missing(named, size)
        return 0

    cdef int _page(self, uint64_t number, int kinds, Page* page) except -1:
        """Look at a page, which must be of one of these kinds."""
        if number > self._last_page:
            raise DamagedPageError(f"page {number} lies behind the last one, {self._last_page}")
        page.at = self._base + number * self._page_bytes
        page.index, page.size = 0, self._page_bytes
        if u64(page.at) != number or not u16(page.at + 10) & kinds:
            raise DamagedPageError(
                f"page {number} says that it is page {u64(page.at)} with the flags {u16(page.at + 10):#x}"
            )
        cdef uint16_t lower = u16(page.at + 12)
        page.nodes = (lower - PAGE_HEAD) >> 1
        if not kinds & OVERFLOW and (lower < PAGE_HEAD or lower > self._page_bytes):
            raise DamagedPageError(f"page {number} says that its nodes end at byte {lower}")
        return 0

    cdef const unsigned char* _node(self, Page* page, int index, Py_ssize_t* key_size) except NULL:
        cdef size_t offset = u16(page.at + PAGE_HEAD + 2 * index)
        cdef const unsigned char* node = page.at + offset
        if offset >= PAGE_HEAD and offset + NODE_HEAD <= page.size:
            key_size[0] = u16(node + 6)
            if offset + NODE_HEAD + key_size[0] <= page.size:
                return node
        raise DamagedPageError(f"page {u64(page.at)} has a node at byte {offset}")

    cdef inline void _fetch_node(self, Page* page, int index) noexcept:
        """Have the processor fetch a node, which will be looked at soon."""
        if index < page.nodes:
            prefetch(page.at + (u16(page.at + PAGE_HEAD + 2 * index) & (self._page_bytes - 1)))

    cdef int _place(self, Page* page, Place* place, int first, bint behind) except -1:
        """The first node from `first` on whose key is not below the one looked for, or, `behind` it, above; else how many there
        are."""
        begin(place, first, page.nodes)
        while place.low < place.high:
            self._probe(page, place, behind)
        return place.low

    cdef inline int _probe(self, Page* page, Place* place, bint behind) except -1:
        """Look at one node."""
        cdef Py_ssize_t key_size = 0
        cdef const unsigned char* node = self._node(page, place.probe, &key_size)
        go_on(place, compared(node + NODE_HEAD, key_size, place.key, place.size), behind)
        return 0

    cdef inline int _narrow(self, Page* page, Place* place) except -1:
        """Before a branch is left for the child before the place found: what is known of the keys there, from those beside it."""
        cdef Py_ssize_t key_size = 0
        cdef const unsigned char* node
        if place.size != ROW_KEY:
            return 0
        if place.low > 1:
            node = self._node(page, place.low - 1, &key_size) + NODE_HEAD
            place.least = row_number(node) if key_size == ROW_KEY and u32(node) == u32(place.key) else NONE_IS_KNOWN
        if place.low < page.nodes:
            node = self._node(page, place.low, &key_size) + NODE_HEAD
            place.beyond = row_number(node) if key_size == ROW_KEY and u32(node) == u32(place.key) else 0
        return 0

    cdef int _descend(self, Page* path, int* depth, Place* place, bint look) except -1:
        """Go from the root to the leaf where a key is or would be; to its place there, if there is to be a `look` into it."""
        cdef uint64_t number = self._root
        cdef Page* page
        depth[0] = 0
        if number == NO_PAGE:
            return 0
        while True:
            if depth[0] == MAX_DEPTH:
                raise DamagedPageError(f"a tree has more than {MAX_DEPTH} levels")
            page = &path[depth[0]]
            depth[0] += 1
            self._page(number, BRANCH | LEAF, page)
            if u16(page.at + 10) & LEAF:
                if look:
                    page.index = self._place(page, place, 0, False)
                return 0
            if page.nodes < 1:
                raise DamagedPageError(f"page {number} has no branches")
            page.index = self._place(page, place, 1, True) - 1  # the first node's key counts as below all
            self._narrow(page, place)
            number = self._child(page, page.index)

    cdef uint64_t _child(self, Page* page, int index) except? 0:
        cdef Py_ssize_t key_size = 0
        cdef const unsigned char* node = self._node(page, index, &key_size)
        return <uint64_t> u32(node) | <uint64_t> u16(node + 4) << 32

    cdef int _value(self, Page* page, const unsigned char* node, Py_ssize_t key_size, Row* row) except -1:
        """Where the value of a leaf's node lies."""
        cdef Page first
        cdef uint16_t flags = u16(node + 4)
        cdef const unsigned char* data = node + NODE_HEAD + key_size
        cdef uint64_t number, pages
        row.size = u32(node)
        if flags & NO_VALUE:
            raise DamagedPageError(f"page {u64(page.at)} has a node with the flags {flags:#x}")
        if flags & BIG:
            if <size_t> (data - page.at) + 8 > self._page_bytes:
                raise DamagedPageError(f"page {u64(page.at)} has a node that ends behind it")
            number = u64(data)
            self._page(number, OVERFLOW, &first)
            pages = u32(first.at + 12)
            if number + pages > self._last_page + 1 or PAGE_HEAD + <size_t> row.size > pages * self._page_bytes:
                raise DamagedPageError(f"page {number} begins a value of {row.size} bytes")
            row.data = first.at + PAGE_HEAD
        else:
            if <size_t> (data - page.at) + <size_t> row.size > self._page_bytes:
                raise DamagedPageError(f"page {u64(page.at)} has a node that ends behind it")
            row.data = data
        return 0

    cdef int _row_there(self, Walk* walk, Row* row) except -1:
        """The row of a key that has been walked to, without data where there is none."""
        walk.page.index = walk.place.low
        return self._row_at(&walk.page, &walk.place, row)

    cdef int _row_at(self, Page* leaf, Place* place, Row* row) except -1:
        """The row of a key in its leaf, at the first node that is not below it; without data where there is none."""
        cdef const unsigned char* node
        cdef Py_ssize_t key_size = 0
        row.data = NULL
        if leaf.index < leaf.nodes:
            node = self._node(leaf, leaf.index, &key_size)
            if compared(node + NODE_HEAD, key_size, place.key, place.size) == 0:
                self._value(leaf, node, key_size, row)
        return 0
