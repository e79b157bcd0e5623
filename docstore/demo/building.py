"""Chapters: indexes are built, and replaced, while others write and read."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from typing import Self

from docstore.connection import Connection
from docstore.demo.queries import archive
from docstore.demo.stage import Stage, timed
from docstore.progress import wait_with_bars
from query import r
from query.errors import ReqlError

CREATE = """\
archive.index_create("section").run(db)                          # simple: one field
archive.index_create("section_size", [r.row["section"], r.row["installed_size"]]).run(db)
archive.index_create("tags", multi=True).run(db)                 # multi: an entry for each tag
archive.index_create("dependencies", lambda package: package["depends"].count()).run(db)
archive.index_wait().run(db)"""

RECIPE = """\
function = archive.index_status("section").nth(0)["function"].run(db)
archive.index_create("section_new", function).run(db)
archive.index_wait("section_new").run(db)
archive.index_rename("section_new", "section", overwrite=True).run(db)"""

INDEXES = ("section", "section_size", "tags", "dependencies")


class Traffic(ABC):
    """A thread that uses the store all the while; a context manager."""

    def __init__(self, db: Connection) -> None:
        self.db = db
        self.done = 0
        self.slowest_seconds = 0.0
        self.error: str | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @abstractmethod
    def act(self, number: int) -> None:
        """One use of the store."""

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                started = time.perf_counter()
                self.act(self.done)
                self.slowest_seconds = max(self.slowest_seconds, time.perf_counter() - started)
                self.done += 1
        except ReqlError as error:
            self.error = str(error)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


class Writer(Traffic):
    """Inserts documents, and moves every other one to another section."""

    def act(self, number: int) -> None:
        """Insert one, and update it if its number is odd."""
        document = {
            "id": f"new#{number}",
            "section": "arrivals",
            "installed_size": number,
            "tags": ["new"],
            "depends": [],
        }
        archive.insert(document).run(self.db)
        if number % 2:
            archive.get(f"new#{number}").update({"section": "moved", "tags": ["new", "moved"]}).run(self.db)


class Reader(Traffic):
    """Counts through the index, and notes every answer."""

    def __init__(self, db: Connection) -> None:
        super().__init__(db)
        self.answers: set[int] = set()

    def act(self, number: int) -> None:
        """Count once."""
        self.answers.add(archive.get_all("games", index="section").count().run(self.db))


def build_online(stage: Stage) -> None:
    """Build an index of each kind while a second thread writes."""
    stage.chapter(
        "Indexes are built online",
        "index_create returns at once. The index is built in short steps, and between two of them others write; "
        "here a second thread, which inserts and updates documents of the same table all the while.",
    )
    db = stage.db
    stage.code(CREATE)
    with Writer(db) as writer:
        _, seconds = timed(lambda: _create_and_wait(stage))
    written = f"{writer.done:,} documents were written, the slowest in {writer.slowest_seconds * 1000:.0f} ms"
    stage.claim(writer.done > 0 and writer.error is None, f"four indexes built in {seconds:.2f} s; meanwhile {written}")
    moved = writer.done // 2
    answers = {
        "arrivals": archive.get_all("arrivals", index="section").count().run(db),
        "moved": archive.between(["moved", r.minval], ["moved", r.maxval], index="section_size").count().run(db),
        "new": archive.get_all("new", index="tags").count().run(db),
    }
    wanted = {"arrivals": writer.done - moved, "moved": moved, "new": writer.done}
    stage.claim(answers == wanted, "what was written meanwhile is in the new indexes: not one missing, not one twice")
    stage.check()


def _create_and_wait(stage: Stage) -> None:
    db = stage.db
    archive.index_create("section").run(db)
    archive.index_create("section_size", [r.row["section"], r.row["installed_size"]]).run(db)
    archive.index_create("tags", multi=True).run(db)
    archive.index_create("dependencies", lambda package: package["depends"].count()).run(db)
    wait_with_bars(stage.console, db, [(name, archive, name) for name in INDEXES])


def replace_without_a_gap(stage: Stage) -> None:
    """Rebuild an index from its own function and put it in the old one's place, while a thread reads through it."""
    stage.chapter(
        "An index is replaced without a gap",
        "The recipe for an index that a newer version would build otherwise: make it again from its own stored "
        "function, wait, and rename it over the old one. A reader uses the index by its name all the while.",
    )
    db = stage.db
    wanted = archive.get_all("games", index="section").count().run(db)
    stage.code(RECIPE)
    with Reader(db) as reader:
        function = archive.index_status("section").nth(0)["function"].run(db)
        archive.index_create("section_new", function).run(db)
        wait_with_bars(stage.console, db, [("section_new", archive, "section_new")])
        before = reader.done
        archive.index_rename("section_new", "section", overwrite=True).run(db)
        _wait_for_more(reader, before + 100)
    names = archive.index_list().run(db)
    stage.claim(names == sorted(INDEXES), f"the new index has taken the old one's place: {', '.join(names)}")
    stage.claim(
        reader.error is None and reader.answers == {wanted},
        f"{reader.done:,} reads through it meanwhile: never missing, always the same answer, {wanted:,}"
        + (f" ({reader.error or reader.answers})" if reader.error or reader.answers != {wanted} else ""),
    )


def _wait_for_more(reader: Reader, reads: int, most_seconds: float = 5.0) -> None:
    deadline = time.perf_counter() + most_seconds
    while reader.done < reads and reader.error is None and time.perf_counter() < deadline:
        time.sleep(0.001)
