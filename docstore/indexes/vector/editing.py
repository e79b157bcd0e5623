"""Changes of the records of a vector index, within one write transaction.

An `Editor` is made for one update, told what comes and what goes, and saved; nothing of it is used afterwards. Vectors are
added to the last block of their list. One that goes is cut out of its block at once, so that no byte of it is left; a
block without vectors goes too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from docstore.errors import CorruptStoreError
from docstore.indexes.vector.centering import CENTERED_FROM, coder_in, middle_of
from docstore.indexes.vector.codes import Bits, Coder
from docstore.indexes.vector.lists import Layout, keep_layout, known_layout, packed_list
from docstore.indexes.vector.reading import Form
from docstore.indexes.vector.records import (
    MIDDLE_KEY,
    PLACE,
    ROTATION_KEY,
    block_capacity,
    block_key,
    block_length,
    blocks_of,
    centroid_key,
    extend_block,
    list_key,
    member_key,
    new_stamp,
    new_stamps,
    ordinal_key,
    pack_block,
    pack_list,
    pack_vector_record,
    read_head,
    unpack_block,
    unpack_list,
    unpack_places,
    vectors_at,
    write_head,
)
from docstore.indexes.vector.segments import SegmentEditor
from docstore.storage.engine import WriteTransaction


class Member(NamedTuple):
    """One vector that is to be put somewhere: its ordinal, its document's key, its packed form."""

    ordinal: int
    member: bytes
    row: bytes


class Editor:
    """Changes of one index in one transaction."""

    def __init__(self, engine: WriteTransaction, space: int, form: Form, coder: Coder, target: int) -> None:
        self.engine = engine
        self.space = space
        self.form = form
        self.head = read_head(engine, space, coder.bits)
        self._coder = coder
        self.coder = coder_in(engine, space, coder, self.head)
        self.target = target
        """Vectors of a list at best."""
        self._layout: Layout | None = None
        self._layout_stamp = b""
        self._capacity = block_capacity(coder.code_bytes)

    # The layout

    @property
    def layout(self) -> Layout:
        """The lists and their centroids, as they are now."""
        if self._layout is None or self._layout_stamp != self.head.layout:
            self._layout = known_layout(self.engine, self.space, self.form.dimensions, self.head.layout)
            self._layout_stamp = self.head.layout
        return self._layout

    def set_centroids(self, centroids: dict[int, Any], gone: Iterable[int] = ()) -> None:
        """Give lists, new ones too, their centroids, and forget those that are gone."""
        gone = set(gone)
        layout = self.layout if self.head.layout else None
        for number in gone:
            self.engine.delete(self.space, centroid_key(number))
            self.engine.delete(self.space, list_key(number))
        items = [(centroid_key(number), row.astype("<f4").tobytes()) for number, row in sorted(centroids.items())]
        self.engine.put_many(self.space, items)
        self.head.layout = new_stamp()
        if layout is not None:
            self._layout, self._layout_stamp = layout.changed(centroids, gone), self.head.layout
            keep_layout(self.head.layout, self._layout)

    def new_lists(self, count: int) -> list[int]:
        """Numbers for so many new lists."""
        first = self.head.next_list
        self.head.next_list += count
        return list(range(first, first + count))

    # Whole documents

    def remove(self, members: Sequence[bytes]) -> int:
        """Take out all vectors of documents; how many they were."""
        gone: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
        engine, space = self.engine, self.space
        ordinals: list[int] = []
        for member in members:
            key = member_key(member)
            data = engine.get(space, key)
            if data is None:
                continue
            for ordinal, number, block in unpack_places(data):
                gone[number, block].add(ordinal)
                engine.delete(space, ordinal_key(ordinal))
                ordinals.append(ordinal)
            engine.delete(space, key)
        self._cut(gone)
        if ordinals and isinstance(self.coder, Bits):
            SegmentEditor(engine, space, self.head, self.coder).remove(ordinals)
        self.head.vectors -= len(ordinals)
        return len(ordinals)

    def _cut(self, gone: dict[tuple[int, int], set[int]]) -> None:
        """Cut vectors out of their blocks."""
        counts: defaultdict[int, int] = defaultdict(int)
        for (number, block), ordinals in sorted(gone.items()):
            key = block_key(number, block)
            data = self.engine.get(self.space, key)
            if data is None:
                raise CorruptStoreError(f"The block {block} of the list {number} of a vector index is not there.")
            found = [
                (ordinal, row)
                for ordinal, row in zip(*unpack_block(data, self.coder.code_bytes), strict=True)
                if ordinal not in ordinals
            ]
            if found:
                self.engine.put(self.space, key, pack_block([one for one, _ in found], [row for _, row in found]))
            else:
                self.engine.delete(self.space, key)
            counts[number] += len(ordinals)
        for number, count in counts.items():
            self._recount(number, -count)

    def _recount(self, number: int, more: int) -> None:
        _, vectors, block = unpack_list(self.engine.get(self.space, list_key(number)))
        self._note_lists([(number, vectors + more, block)], grow=False)

    def _note_lists(self, lists: Sequence[tuple[int, int, int]], *, grow: bool) -> None:
        """Write what there is to say of lists, in ascending order: their vectors and their next blocks.

        Note which are to be mended: one that grows is not too short.
        """
        stamps = new_stamps(len(lists))
        self.engine.put_many(
            self.space,
            [
                (list_key(number), pack_list(stamp, vectors, block))
                for stamp, (number, vectors, block) in zip(stamps, lists, strict=True)
            ],
        )
        for number, vectors, block in lists:
            need = self._need(vectors, block)
            if need is not None and not (grow and need == "give up") and number not in self.head.pending:
                self.head.pending.append(number)

    def need_of(self, number: int) -> str | None:
        """What a list needs: to be split, to be given up, to be made anew since most of it has come since it was made."""
        _, vectors, next_block = unpack_list(self.engine.get(self.space, list_key(number)))
        return self._need(vectors, next_block)

    def _need(self, vectors: int, next_block: int) -> str | None:
        if vectors > 2 * self.target:
            return "split"
        if self.head.lists == 1:
            return None
        if vectors < self.target // 4:
            return "give up"
        return "renew" if (next_block - 1) * self._capacity > 2 * max(vectors, self.target) else None

    def begin(self, centroids: Any) -> None:
        """Give an index that has nothing yet its lists."""
        if self.head.vectors or self.head.layout:
            return
        numbers = [0, *self.new_lists(len(centroids) - 1)]
        self.head.lists = len(numbers)
        self.set_centroids(dict(zip(numbers, centroids, strict=True)))
        if isinstance(self.coder, Bits):
            self.set_middle(middle_of(centroids))

    def set_middle(self, middle: Any) -> None:
        """Have codes be taken from another middle; there must be none yet, or all must be made anew."""
        self.engine.put(self.space, MIDDLE_KEY, middle.tobytes())
        self.head.middle = new_stamp()
        self.coder = coder_in(self.engine, self.space, self._coder, self.head)

    def add(self, rows: Sequence[tuple[bytes, bytes]]) -> None:
        """Put in new vectors, each (document's key, packed), those of one document side by side."""
        first = self.head.next_ordinal
        self.head.next_ordinal += len(rows)
        self.head.vectors += len(rows)
        members = [Member(ordinal, member, row) for ordinal, (member, row) in enumerate(rows, first)]
        self.engine.put_many(
            self.space,
            [(ordinal_key(one.ordinal), pack_vector_record(one.member, one.row)) for one in members],
        )
        packed = b"".join([one.row for one in members])
        if isinstance(self.coder, Bits) and not self.head.middle and self.head.vectors >= CENTERED_FROM:
            self._center(packed)
        codes = self.coder.encode(packed)
        if isinstance(self.coder, Bits):
            SegmentEditor(self.engine, self.space, self.head, self.coder).add(first, b"".join(codes))
        self.put(members, self.places([one.row for one in members]), codes, are_new=True)

    def _center(self, fresh: bytes) -> None:
        """Have all codes be taken from the middle of what is there and of packed vectors that come: once in an index's life."""
        lists = [(number, self.members_of(number)) for number in self.layout.numbers if self.size_of(number)]
        members = [one for _, some in lists for one in some]
        self.set_middle(middle_of(self.form.for_lists(b"".join([one.row for one in members]) + fresh)))
        coder = self.coder
        assert isinstance(coder, Bits)
        for number, _ in lists:
            self.empty(number)
        codes = coder.encode(b"".join([one.row for one in members]))
        self.put(members, [number for number, some in lists for _ in some], codes)
        ordered = sorted(zip([one.ordinal for one in members], codes, strict=True))
        SegmentEditor(self.engine, self.space, self.head, coder).renew(
            *zip(*ordered, strict=True) if ordered else ((), ())
        )

    def places(self, rows: Sequence[bytes]) -> list[int]:
        """The list that each packed vector belongs into."""
        numbers = self.layout.numbers
        if len(numbers) == 1:
            return numbers * len(rows)
        matrix = self.form.for_lists(b"".join(rows))
        return [numbers[place] for place in self.layout.places(matrix)]

    # Vectors in lists

    def put(
        self,
        members: Sequence[Member],
        numbers: Sequence[int],
        found: list[bytes] | None = None,
        *,
        are_new: bool = False,
    ) -> None:
        """Add vectors, with these codes, to lists, and note where they are by their documents; they must be in no list.

        `are_new` says that these are all vectors of their documents, and that nothing is noted of them.
        """
        if found is None:
            found = self.coder.encode(b"".join([one.row for one in members]))
        codes = {one.ordinal: code for one, code in zip(members, found, strict=True)}
        by_list: defaultdict[int, list[Member]] = defaultdict(list)
        for one, number in zip(members, numbers, strict=True):
            by_list[number].append(one)
        places: defaultdict[bytes, list[tuple[int, int, int]]] = defaultdict(list)
        for one, number, block in self._append(by_list, codes):
            places[one.member].append((one.ordinal, number, block))
        self._note_places(places, are_new=are_new)

    def _append(self, by_list: dict[int, list[Member]], codes: dict[int, bytes]) -> list[tuple[Member, int, int]]:
        """Add vectors to the last blocks of lists and to new ones; each with its list and its block.

        In a build most vectors are the only ones of a step for their list, so what is done for each list counts.
        """
        engine, space, capacity = self.engine, self.space, self._capacity
        numbers = sorted(by_list)
        records = [unpack_list(data) for data in engine.get_many(space, [list_key(number) for number in numbers])]
        # A list without blocks has none of this number either.
        last_keys = [block_key(number, max(record[2], 1) - 1) for number, record in zip(numbers, records, strict=True)]
        blocks: list[tuple[bytes, bytes]] = []
        notes: list[tuple[int, int, int]] = []
        placed: list[tuple[Member, int, int]] = []
        last_blocks = engine.get_many(space, last_keys)
        for number, (_, vectors, block), key, last in zip(numbers, records, last_keys, last_blocks, strict=True):
            members = by_list[number]
            start = 0
            if last is not None:
                start = min(len(members), max(0, capacity - block_length(last)))
                if start:
                    fresh = members[:start]
                    more = [one.ordinal for one in fresh], [codes[one.ordinal] for one in fresh]
                    blocks.append((key, extend_block(last, *more)))
                    placed += [(one, number, block - 1) for one in fresh]
            while start < len(members):
                fresh = members[start : start + capacity]
                data = pack_block([one.ordinal for one in fresh], [codes[one.ordinal] for one in fresh])
                blocks.append((block_key(number, block), data))
                placed += [(one, number, block) for one in fresh]
                start += capacity
                block += 1
            notes.append((number, vectors + len(members), block))
        engine.put_many(space, blocks)
        self._note_lists(notes, grow=True)
        return placed

    def _note_places(self, places: dict[bytes, list[tuple[int, int, int]]], *, are_new: bool) -> None:
        """Write where the vectors of documents are, keeping what is known of their other vectors."""
        items = []
        for member, found in places.items():
            key = member_key(member)
            if are_new:
                items.append((key, b"".join([PLACE.pack(*place) for place in sorted(found)])))
                continue
            moved = {one[0]: one for one in found}
            before = self.engine.get(self.space, key)
            if before is not None:
                moved = {one[0]: one for one in unpack_places(before)} | moved
            items.append((key, b"".join([PLACE.pack(*moved[ordinal]) for ordinal in sorted(moved)])))
        self.engine.put_many(self.space, sorted(items))

    def members_of(self, number: int) -> list[Member]:
        """The vectors of a list."""
        return self.members_at(*self.rows_of(number))

    def rows_of(self, number: int) -> tuple[list[int], list[bytes], bytes]:
        """The ordinals of a list's vectors, their documents' keys, and the vectors, one after the other."""
        packed, _ = packed_list(self.engine, self.space, self.coder, number)
        ordinals = np.frombuffer(packed, "<u8")
        members, rows = vectors_at(self.engine, self.space, ordinals)
        if len(members) < len(ordinals):
            raise CorruptStoreError(f"A vector of the list {number} of a vector index is not there.")
        return ordinals.tolist(), members, rows

    def members_at(
        self, ordinals: list[int], members: list[bytes], rows: bytes, places: Iterable[int] | None = None
    ) -> list[Member]:
        """Those at some places of what `rows_of` gave, or all."""
        size = self.form.row_bytes
        return [
            Member(ordinals[place], members[place], rows[place * size : (place + 1) * size])
            for place in (range(len(ordinals)) if places is None else places)
        ]

    def empty(self, number: int) -> None:
        """Take all blocks of a list away; its vectors are to be put elsewhere."""
        keys = [key for key, _ in self.engine.scan(self.space, *blocks_of(number))]
        for key in keys:
            self.engine.delete(self.space, key)
        self.engine.put(self.space, list_key(number), pack_list(new_stamp(), 0, 0))

    def take(self, number: int, ordinals: set[int]) -> None:
        """Cut some vectors out of a list; they are to be put elsewhere."""
        gone: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
        for key, data in list(self.engine.scan(self.space, *blocks_of(number))):
            found = ordinals.intersection(unpack_block(data, self.coder.code_bytes)[0])
            if found:
                gone[number, int.from_bytes(key[5:], "big")] = found
        self._cut(gone)

    def size_of(self, number: int) -> int:
        """How many vectors a list has."""
        return unpack_list(self.engine.get(self.space, list_key(number)))[1]

    def save(self) -> None:
        """Write the head; of a new index what never changes, too."""
        if not self.head.stamp and isinstance(self.coder, Bits):
            self.engine.put(self.space, ROTATION_KEY, self.coder.rotation.moves)
        self.head.stamp = new_stamp()
        write_head(self.engine, self.space, self.head)
