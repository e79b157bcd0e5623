"""Lists kept at a good size: too long ones split, too short ones go into others.

A list of more than twice the target is cut into lists of about the target by k-means. Then the vectors of the lists
nearest to it, which may lie nearer to one of the new centroids, and its own, which may lie nearer to a list that was
there before, go where they belong: without that recall falls as the data drifts. A list of less than a quarter of the
target is given up, its vectors going to the nearest lists. And a list to which as many vectors have come as it had twice
over is made anew: its centroid goes to where its vectors are by now, and vectors nearer to another list go there.

Each is one bounded step of a few milliseconds that leaves an index in which everything is found. The lists to be mended
are noted in the head, and mended by the writers who come: each does a few, more where it has written more.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from docstore.indexes.vector.editing import Editor, Member
from docstore.indexes.vector.kmeans import k_means, nearest

NEIGHBOURS: Final = 6
"""Lists around one that was split whose vectors are looked at again."""

STEPS: Final = 1
"""Lists that a small write mends: each takes some milliseconds."""

_ROUNDS: Final = 6


def steps_for(vectors: int, target: int) -> int:
    """How many lists a write of so many vectors mends: more than it can have made too long."""
    return STEPS + 2 * vectors // target


def mend(editor: Editor, steps: int, seed: int) -> None:
    """Mend lists that need it, at most so many."""
    head = editor.head
    if editor.form.type == "bits":
        head.pending = []
    for _ in range(steps):
        if not head.pending:
            return
        number = head.pending.pop(0)
        if number not in editor.layout.place_of:
            continue
        need = editor.need_of(number)
        if need == "split":
            _split(editor, number, editor.size_of(number), seed)
        elif need == "give up":
            _give_up(editor, number)
        elif need == "renew":
            _renew(editor, number)


def _split(editor: Editor, number: int, size: int, seed: int) -> None:
    """Cut a list into several, and put them and their neighbours in order."""
    members = editor.members_of(number)
    rows = editor.form.for_lists(b"".join([one.row for one in members]))
    centroids = k_means(rows, max(2, round(size / editor.target)), seed + number, rounds=_ROUNDS)
    places = nearest(rows, centroids)
    used = np.unique(places)
    if len(used) < 2:
        return  # all are the same: it stays a long list
    centroids = centroids[used]
    numbers = [number, *editor.new_lists(len(used) - 1)]
    around = _around(editor, number, rows.mean(axis=0))
    editor.empty(number)
    editor.head.lists += len(used) - 1
    editor.set_centroids(dict(zip(numbers, centroids, strict=True)))
    _put_where_they_belong(editor, members, rows)
    for other in around:
        _move_nearer(editor, other, numbers)


def _around(editor: Editor, number: int, middle: object) -> list[int]:
    """The lists nearest to one, without it."""
    layout = editor.layout
    apart = np.square(layout.centroids - middle).sum(axis=1)
    order = np.argsort(apart)[: NEIGHBOURS + 1]
    return [layout.numbers[place] for place in order if layout.numbers[place] != number][:NEIGHBOURS]


def _put_where_they_belong(editor: Editor, members: list[Member], rows: object) -> None:
    layout = editor.layout
    editor.put(members, [layout.numbers[place] for place in layout.places(rows)])


def _move_nearer(editor: Editor, number: int, new: list[int]) -> None:
    """Move those vectors of a list that lie nearer to one of some new lists."""
    layout = editor.layout
    here = [layout.place_of[number], *[layout.place_of[one] for one in new]]
    found = editor.rows_of(number)
    if not found[0]:
        return
    rows = editor.form.for_lists(found[2])
    choice = np.argmax(rows @ layout.centroids[here].T - layout.halves[here], axis=1)
    moving = np.flatnonzero(choice)
    if len(moving):
        moved = editor.members_at(*found, moving.tolist())
        editor.take(number, {one.ordinal for one in moved})
        editor.put(moved, [new[choice[place] - 1] for place in moving])


def _renew(editor: Editor, number: int) -> None:
    """Put the centroid of a list in the middle of its vectors, and these into new blocks or other lists."""
    members = editor.members_of(number)
    rows = editor.form.for_lists(b"".join([one.row for one in members]))
    editor.empty(number)
    editor.set_centroids({number: rows.mean(axis=0)})
    _put_where_they_belong(editor, members, rows)


def _give_up(editor: Editor, number: int) -> None:
    """Put the vectors of a short list into others, and forget it."""
    members = editor.members_of(number)
    editor.empty(number)
    editor.set_centroids({}, gone=[number])
    editor.head.lists -= 1
    if members:
        _put_where_they_belong(editor, members, editor.form.for_lists(b"".join([one.row for one in members])))
