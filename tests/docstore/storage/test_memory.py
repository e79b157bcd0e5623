"""What only the engine in memory does: it forgets versions that nobody can see."""

from __future__ import annotations

from docstore.storage.memory import MemoryEngine, open_memory


def versions_of(engine: MemoryEngine, space: int, key: bytes) -> int:
    """How many versions of a key are kept."""
    version, count = engine.state.maps[space].versions.get(key), 0
    while version is not None:
        version, count = version[2], count + 1
    return count


def put(engine: MemoryEngine, value: bytes) -> None:
    with engine.begin_write() as writer:
        writer.put(17, b"k", value)


def test_without_readers_one_version_is_kept() -> None:
    engine = open_memory()
    for number in range(10):
        put(engine, b"%d" % number)
    assert versions_of(engine, 17, b"k") == 1


def test_versions_go_when_the_last_reader_of_them_ends() -> None:
    engine = open_memory()
    put(engine, b"0")
    first = engine.begin_read()
    put(engine, b"1")
    second = engine.begin_read()
    put(engine, b"2")
    assert versions_of(engine, 17, b"k") == 3
    first.abort()
    assert versions_of(engine, 17, b"k") == 2
    assert second.get(17, b"k") == b"1"
    second.abort()
    assert versions_of(engine, 17, b"k") == 1


def test_what_a_lost_reader_kept_goes_with_the_next_write() -> None:
    engine = open_memory()
    put(engine, b"0")
    reader = engine.begin_read()
    put(engine, b"1")
    del reader
    put(engine, b"2")
    assert versions_of(engine, 17, b"k") == 1


def test_what_a_lost_writer_wrote_is_undone() -> None:
    engine = open_memory()
    put(engine, b"0")
    engine.begin_write().put(17, b"k", b"lost")
    with engine.begin_read() as reader:
        assert reader.get(17, b"k") == b"0"
    with engine.begin_write(timeout_seconds=0) as writer:
        assert writer.get(17, b"k") == b"0"
    assert versions_of(engine, 17, b"k") == 1


def test_deleted_keys_leave_nothing_behind() -> None:
    engine = open_memory()
    put(engine, b"0")
    reader = engine.begin_read()
    with engine.begin_write() as writer:
        writer.delete(17, b"k")
        writer.add(18, b"k", b"member")
        writer.remove(18, b"k", b"member")
    with engine.begin_write() as writer:
        writer.put(17, b"k", b"1")
        reader.abort()
        writer.abort()
    assert all(len(table) == 0 for table in engine.state.tables())
