# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, binding=False
"""Ways through LMDB's trees: over the rows of a map, and over the entries of a multimap to the rows that they lead to.

What `pages` says of transactions and of damage goes for these as well. A position in a tree is the path of pages to it, each
with the index of the node by which it goes on.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from docstore.native.pages cimport BRANCH, KEY_ROOM, LEAF, MAX_DEPTH, NODE_HEAD, PAGE_HEAD, SEVERAL, TREE, Page, Snapshot, Walk
from docstore.native.places cimport ROW_KEY, Place, compared, look_for, u16, u32, u64
from docstore.native.rows cimport Row, Rows

from docstore.native.pages import DamagedPageError

cdef extern from *:
    """
    #define prefetch(p) __builtin_prefetch(p)
    """
    void prefetch(const void* at) nogil

cdef enum:
    AHEAD = 6  # nodes that are fetched before they are looked at: enough for the memory to answer
    PREFIX_BYTES = 4
    LONG_KEY = 511  # bytes of the longest key there can be, with its prefix
    TREE_RECORD = 48
    ROOT = 40  # where it stands in the record of a tree
    SMALL_PAGE = 0x40  # flags of pages
    FIXED = 0x20  # one member stands behind the other
    DIRTY = 0x10  # may be left of the time when it was written
    MEMBER = ROW_KEY - PREFIX_BYTES


cdef int _turn(Snapshot tree, Page* path, int* depth, int way) except -1:
    """Go to the next leaf, or with -1 to the one before, at its first or last node; the depth is 0 where there is none."""
    cdef int level = depth[0] - 2
    cdef uint64_t number
    cdef Page* page
    while level >= 0 and not 0 <= path[level].index + way < path[level].nodes:
        level -= 1
    if level < 0:
        depth[0] = 0
        return 0
    path[level].index += way
    while level < depth[0] - 1:
        number = tree._child(&path[level], path[level].index)
        level += 1
        page = &path[level]
        tree._page(number, LEAF if level == depth[0] - 1 else BRANCH, page)
        if way < 0:
            if page.nodes < 1:
                raise DamagedPageError(f"page {number} has no nodes")
            page.index = page.nodes - 1
    if level and 0 <= path[level - 1].index + way < path[level - 1].nodes:
        number = tree._child(&path[level - 1], path[level - 1].index + way)
        if number <= tree._last_page:
            prefetch(tree._base + number * tree._page_bytes)
    return 0


cdef int _nodes_below(Snapshot tree, Page* leaf, bytes key, bint last_first) except -1:
    """How many nodes of a leaf have smaller keys than one.

    Mostly it is all, or, where the first is looked at and not the last, none.
    """
    cdef Py_ssize_t key_size = 0
    cdef const unsigned char* node
    cdef Place place
    if not leaf.nodes:
        return 0
    look_for(&place, <const unsigned char*> PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
    node = tree._node(leaf, leaf.nodes - 1 if last_first else 0, &key_size)
    if last_first == (compared(node + NODE_HEAD, key_size, place.key, place.size) < 0):
        return leaf.nodes if last_first else 0
    return tree._place(leaf, &place, 0, False)


cdef const unsigned char* _member(Page* page, int index) except NULL:
    """One of the members in a page of these, which all have one size."""
    cdef const unsigned char* found = page.at + PAGE_HEAD + index * MEMBER
    if not u16(page.at + 10) & FIXED or u16(page.at + 8) != MEMBER or <size_t> (found + MEMBER - page.at) > page.size:
        raise DamagedPageError(
            f"page {u64(page.at)} has no {index + 1} members of {MEMBER} bytes (its flags are {u16(page.at + 10):#x})"
        )
    return found


cdef int _members_below(Page* page, Place* place, bint behind) except -1:
    """How many members of a page are below one, or, `behind` it, not above."""
    cdef int low = 0, high = page.nodes, middle
    while low < high:
        middle = (low + high) >> 1
        if compared(_member(page, middle), MEMBER, place.key, place.size) < <int> behind:
            low = middle + 1
        else:
            high = middle
    return low


cdef class Scan:
    """Where a scan is: at the first row that it has not given yet."""

    cdef Snapshot _snapshot
    cdef object _owner
    cdef bytes _high
    cdef Page _path[MAX_DEPTH]
    cdef int _depth
    cdef int _end  # of the leaf's nodes that belong to the scan

    def __init__(self, Snapshot snapshot not None, owner, bytes low not None, bytes high not None):
        """The rows with low <= key < high."""
        cdef Place place
        self._snapshot, self._owner, self._high = snapshot, owner, high
        look_for(&place, <const unsigned char*> PyBytes_AS_STRING(low), PyBytes_GET_SIZE(low))
        snapshot._descend(self._path, &self._depth, &place, True)
        self._enter_leaf()

    def next_rows(self, int most):
        """The next rows, at most so many; none at the end."""
        cdef Rows found = Rows.of(self._owner, most)
        cdef Page* leaf
        cdef const unsigned char* node
        cdef Py_ssize_t key_size = 0
        if self._owner.closed:
            self._owner.check_open()
        while found.count < most and self._depth:
            leaf = &self._path[self._depth - 1]
            while leaf.index < self._end and found.count < most:
                self._snapshot._fetch_node(leaf, leaf.index + AHEAD)
                node = self._snapshot._node(leaf, leaf.index, &key_size)
                self._snapshot._value(leaf, node, key_size, &found.rows[found.count])
                found.add_key(node + NODE_HEAD, key_size)
                found.count += 1
                leaf.index += 1
            if leaf.index < self._end:
                break
            if self._end < leaf.nodes:
                self._depth = 0
            else:
                _turn(self._snapshot, self._path, &self._depth, 1)
                self._enter_leaf()
        return found

    cdef int _enter_leaf(self) except -1:
        """See how much of the leaf belongs to the scan."""
        if self._depth:
            self._end = _nodes_below(self._snapshot, &self._path[self._depth - 1], self._high, True)
        return 0


cdef class Entries:
    """See `docstore.storage.entries.EntryRows`."""

    cdef Snapshot _tree  # of the multimaps
    cdef Snapshot _maps
    cdef object _owner
    cdef bytes _prefix  # of the keys of rows
    cdef bytes _low
    cdef bytes _high
    cdef int _way
    cdef Page _path[MAX_DEPTH]
    cdef int _depth
    cdef int _limit  # the leaf's nodes before this one, or on the way back from it on, belong to the scan
    cdef const unsigned char* _key  # where it is; NULL between two keys
    cdef Py_ssize_t _key_size
    cdef const unsigned char* _only  # the one member of the key, until it was given
    cdef Page _small  # the page of its members, where these are few
    cdef Snapshot _below  # the tree of its members, where these are many
    cdef Page _members[MAX_DEPTH]
    cdef int _members_depth
    cdef bint _is_small
    cdef bint _is_long
    cdef readonly bytes long
    cdef unsigned char _last[KEY_ROOM + ROW_KEY]  # the last entry given: its key, its member
    cdef Py_ssize_t _last_key_size  # 0 before there is one

    def __init__(
        self, Snapshot tree not None, Snapshot maps not None, owner, bytes prefix not None, bytes low not None,
        bytes high not None, bint reverse, bytes after_key, bytes after_member,
    ):
        """The entries with low <= key < high, or those of them that follow (`after_key`, `after_member`)."""
        cdef Place place
        self._tree, self._maps, self._owner, self._prefix = tree, maps, owner, prefix
        self._low, self._high, self._way = low, high, -1 if reverse else 1
        self.long = b""
        if after_key is not None:
            if after_key < low if reverse else after_key >= high:
                return
            if after_key >= high if reverse else after_key < low:
                after_key = None
        wanted = after_key if after_key is not None else high if reverse else low
        look_for(&place, <const unsigned char*> PyBytes_AS_STRING(wanted), PyBytes_GET_SIZE(wanted))
        tree._descend(self._path, &self._depth, &place, True)
        if not self._depth:
            return
        if after_key is not None and self._begins_with(&place):
            self._enter_leaf()
            self._enter_key()
            self._seek(after_member)
        elif reverse:
            self._back_from()
            self._enter_leaf()
        else:
            self._enter_leaf()

    cdef bint _begins_with(self, Place* place) except -1:
        """Whether the node where the path leads has this key; the path may lead behind the last node of a leaf."""
        cdef Page* leaf = &self._path[self._depth - 1]
        cdef Py_ssize_t key_size = 0
        cdef const unsigned char* node
        if leaf.index == leaf.nodes:
            return False
        node = self._tree._node(leaf, leaf.index, &key_size)
        return compared(node + NODE_HEAD, key_size, place.key, place.size) == 0

    cdef int _back_from(self) except -1:
        """From the first node that is not below a key to the one before."""
        if self._path[self._depth - 1].index:
            self._path[self._depth - 1].index -= 1
        else:
            _turn(self._tree, self._path, &self._depth, -1)
        return 0

    cdef int _enter_leaf(self) except -1:
        """See how much of the leaf belongs to the scan."""
        if self._depth:
            self._limit = _nodes_below(
                self._tree, &self._path[self._depth - 1], self._high if self._way > 0 else self._low, self._way > 0
            )
        return 0

    cdef bint _find_key(self) except -1:
        """Go to the next key, if there is one."""
        cdef Page* leaf
        while self._depth:
            leaf = &self._path[self._depth - 1]
            if leaf.index < self._limit if self._way > 0 else leaf.index >= self._limit:
                self._enter_key()
                return True
            if self._limit < leaf.nodes if self._way > 0 else self._limit > 0:
                self._depth = 0
            else:
                _turn(self._tree, self._path, &self._depth, self._way)
                self._enter_leaf()
        return False

    cdef int _enter_key(self) except -1:
        """Be at the first member of the key where the path leads, or, on the way back, at the last."""
        cdef Page* leaf = &self._path[self._depth - 1]
        cdef const unsigned char* node = self._tree._node(leaf, leaf.index, &self._key_size)
        cdef const unsigned char* value = node + NODE_HEAD + self._key_size
        cdef size_t size = u32(node), lower
        cdef int flags = u16(node + 4)
        if not PREFIX_BYTES <= self._key_size <= LONG_KEY:
            raise DamagedPageError(
                f"page {u64(leaf.at)} has a key of {self._key_size} bytes, and keys have {PREFIX_BYTES} to {LONG_KEY}"
            )
        self._key = node + NODE_HEAD
        if <size_t> (value - leaf.at) + size > leaf.size or flags & ~(SEVERAL | TREE):
            raise DamagedPageError(f"page {u64(leaf.at)} has a node of {size} bytes with the flags {flags:#x}")
        self._only, self._is_small, self._below = NULL, False, None
        if not flags:
            if size != MEMBER:
                raise DamagedPageError(f"an entry leads to a row id of {size} bytes, not {MEMBER}")
            self._only = value
        elif flags == SEVERAL:
            lower = u16(value + 12) if size >= PAGE_HEAD else 0
            if not PAGE_HEAD <= lower <= size or u16(value + 10) & ~DIRTY != (LEAF | FIXED | SMALL_PAGE):
                raise DamagedPageError(f"page {u64(leaf.at)} has a node with {size} bytes of members")
            self._small.at, self._small.size, self._small.nodes = value, size, (lower - PAGE_HEAD) >> 1
            self._small.index = 0 if self._way > 0 else self._small.nodes - 1
            self._is_small = True
        elif size == TREE_RECORD and flags == SEVERAL | TREE:
            self._below = self._tree.below(u64(value + ROOT))
            self._seek(None)
        else:
            raise DamagedPageError(f"page {u64(leaf.at)} has a node of {size} bytes with the flags {flags:#x}")
        return 0

    cdef int _leave_key(self) except -1:
        self._key = NULL
        self._path[self._depth - 1].index += self._way
        return 0

    cdef int _seek(self, bytes after) except -1:
        """Go behind a member of the key, or, on the way back, before it; with None to the first or the last."""
        cdef Place place
        cdef Page* leaf
        cdef int order
        if after is None:
            after = b"" if self._way > 0 else b"\xff" * KEY_ROOM
        look_for(&place, <const unsigned char*> PyBytes_AS_STRING(after), PyBytes_GET_SIZE(after))
        if self._only != NULL:
            order = compared(self._only, MEMBER, place.key, place.size)
            if order * self._way <= 0:
                self._only = NULL
            return 0
        if self._is_small:
            self._small.index = _members_below(&self._small, &place, self._way > 0) - (self._way < 0)
            return 0
        self._below._descend(self._members, &self._members_depth, &place, False)
        if not self._members_depth:
            return 0
        leaf = &self._members[self._members_depth - 1]
        leaf.index = _members_below(leaf, &place, self._way > 0)
        if self._way < 0:
            if leaf.index:
                leaf.index -= 1
            else:
                _turn(self._below, self._members, &self._members_depth, -1)
        return 0

    cdef const unsigned char* _next_member(self) except? NULL:
        """The next member of the key; NULL behind the last."""
        cdef Page* leaf
        cdef const unsigned char* found = self._only
        if found != NULL:
            self._only = NULL
            return found
        if self._is_small:
            if not 0 <= self._small.index < self._small.nodes:
                return NULL
            found = _member(&self._small, self._small.index)
            self._small.index += self._way
            return found
        if self._below is None:
            return NULL
        while self._members_depth:
            leaf = &self._members[self._members_depth - 1]
            if 0 <= leaf.index < leaf.nodes:
                found = _member(leaf, leaf.index)
                leaf.index += self._way
                return found
            _turn(self._below, self._members, &self._members_depth, self._way)
        return NULL

    @property
    def last(self):
        """See `EntryRows`."""
        if not self._last_key_size:
            return None
        return (
            PyBytes_FromStringAndSize(<const char*> self._last + PREFIX_BYTES, self._last_key_size - PREFIX_BYTES),
            PyBytes_FromStringAndSize(<const char*> self._last + self._last_key_size, MEMBER),
        )

    def next_rows(self, int most):
        """See `EntryRows`."""
        try:
            return self._next_rows(most)
        except DamagedPageError as error:
            raise self._owner.damaged(error) from error

    cdef Rows _next_rows(self, int most):
        cdef Rows found = Rows.of(self._owner, most)
        cdef Walk* walks
        cdef unsigned char* at
        cdef const unsigned char* key = NULL
        cdef const unsigned char* member
        cdef Py_ssize_t key_size = 0, count = 0, place
        if self._owner.closed:
            self._owner.check_open()
        walks = <Walk*> malloc(max(most, 1) * (sizeof(Walk) + ROW_KEY))
        if walks == NULL:
            raise MemoryError
        at = <unsigned char*> (walks + most)
        try:
            while count < most and not self._is_long and (self._key != NULL or self._find_key()):
                member = self._next_member()
                if member == NULL:
                    self._leave_key()
                    continue
                if self._key_size == LONG_KEY:
                    self._is_long = True
                    self.long = PyBytes_FromStringAndSize(<const char*> self._key + PREFIX_BYTES, LONG_KEY - PREFIX_BYTES)
                    break
                memcpy(at, PyBytes_AS_STRING(self._prefix), PREFIX_BYTES)
                memcpy(at + PREFIX_BYTES, member, MEMBER)
                look_for(&walks[count].place, at, ROW_KEY)
                at += ROW_KEY
                count += 1
                key, key_size = self._key, self._key_size
            if count:
                memcpy(self._last, key, key_size)
                memcpy(self._last + key_size, at - MEMBER, MEMBER)
                self._last_key_size = key_size
            self._maps._walk(walks, count)
            for place in range(count):
                self._maps._row_there(&walks[place], &found.rows[place])
        finally:
            free(walks)
        found.count = count
        return found
