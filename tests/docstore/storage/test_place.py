"""Paths that hold no store, or cannot be made one: refused in clear words, and left as they were."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import lmdb
import pytest

from docstore.errors import CorruptStoreError, NotAStoreError, ReadOnlyError
from docstore.storage.lmdb import open_lmdb
from docstore.storage.place import NETWORK_FILE_SYSTEMS, file_system

needs_permissions = pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")


def refused(path: Path, **options: bool) -> str:
    """The message with which a path is refused; the file must be what it was."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(NotAStoreError) as caught:
        open_lmdb(path, **options)  # type: ignore[arg-type]
    assert (path.read_bytes() if path.is_file() else None) == before
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_missing_store_is_made(store_path: Path) -> None:
    open_lmdb(store_path).close()
    assert store_path.is_file()
    open_lmdb(store_path, create=False).close()


def test_a_missing_store_is_not_made_when_it_shall_not_be(store_path: Path) -> None:
    assert "create=False" in refused(store_path, create=False)
    assert refused(store_path, read_only=True)
    assert list(store_path.parent.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "none") in refused(tmp_path / "none" / "store")


def test_a_directory_is_no_store(tmp_path: Path) -> None:
    assert "directory" in refused(tmp_path)


def test_a_device_is_no_store() -> None:
    assert "no regular file" in refused(Path("/dev/null"))


@pytest.mark.parametrize("content", [b"x", b"garbage" * 1000, b"\0" * 8192])
def test_a_foreign_file_is_no_store(store_path: Path, content: bytes) -> None:
    store_path.write_bytes(content)
    refused(store_path)
    assert list(store_path.parent.iterdir()) == [store_path]


def test_an_sqlite_database_is_called_by_its_name(store_path: Path) -> None:
    with sqlite3.connect(store_path) as database:
        database.execute("create table t (x)")
    database.close()
    assert "SQLite" in refused(store_path)


def test_an_lmdb_file_of_another_program_is_no_store(store_path: Path) -> None:
    environment = lmdb.open(str(store_path), subdir=False, lib_version=0)
    with environment.begin(write=True) as writer:
        writer.put(b"theirs", b"1")
    environment.close()
    assert "another program" in refused(store_path)
    assert "another program" in refused(store_path, read_only=True)


def test_a_later_format_of_lmdb_is_no_store(store_path: Path) -> None:
    open_lmdb(store_path).close()
    content = bytearray(store_path.read_bytes())
    content[20] = 3
    store_path.write_bytes(content)
    assert "found format 3" in refused(store_path)


def test_an_empty_file_becomes_a_store(store_path: Path) -> None:
    store_path.touch()
    assert "empty" in refused(store_path, create=False)
    open_lmdb(store_path).close()


def test_an_lmdb_file_without_content_becomes_a_store(store_path: Path) -> None:
    lmdb.open(str(store_path), subdir=False, lib_version=0).close()
    assert "without any content" in refused(store_path, read_only=True)
    open_lmdb(store_path).close()
    open_lmdb(store_path, create=False).close()


@pytest.mark.parametrize("size_bytes", [152, 5000, 8192])
def test_a_store_that_was_cut_off_is_an_error_and_no_crash(store_path: Path, size_bytes: int) -> None:
    open_lmdb(store_path).close()
    store_path.write_bytes(store_path.read_bytes()[:size_bytes])
    with pytest.raises(CorruptStoreError, match=str(size_bytes)):
        open_lmdb(store_path)


def test_a_store_opened_for_reading_cannot_be_written(store_path: Path) -> None:
    open_lmdb(store_path).close()
    engine = open_lmdb(store_path, read_only=True)
    with pytest.raises(ReadOnlyError):
        engine.begin_write()
    with engine.begin_read() as reader:
        assert reader.get(0, b"a") is None
    engine.close()


@needs_permissions
def test_a_file_that_may_not_be_written_can_be_read(store_path: Path) -> None:
    open_lmdb(store_path).close()
    store_path.chmod(0o444)
    engine = open_lmdb(store_path)
    with pytest.raises(ReadOnlyError, match="may not write"):
        engine.begin_write()
    engine.close()


@needs_permissions
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        assert "may not write" in refused(tmp_path / "store")
    finally:
        tmp_path.chmod(0o755)


MOUNTS = """\
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/vdb /home/ann/disk xfs rw 0 0
host:/data /mnt/my\\040data fuse.sshfs rw 0 0
tmpfs /home/tmp tmpfs rw 0 0
overlay /home/tmp overlay rw 0 0
"""


@pytest.mark.parametrize(
    "path, kind",
    [
        ("/", "ext4"),
        ("/srv/store", "ext4"),
        ("/home/ann/store", "nfs4"),
        ("/homes/store", "ext4"),
        ("/home/ann/disk/store", "xfs"),
        ("/mnt/my data/store", "fuse.sshfs"),
        ("/home/tmp/store", "overlay"),
    ],
)
def test_the_file_system_of_a_path_is_the_last_mount_around_it(path: str, kind: str) -> None:
    assert file_system(path, MOUNTS) == kind


def test_network_file_systems_are_known() -> None:
    assert {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"} <= NETWORK_FILE_SYSTEMS
    assert not {"ext4", "xfs", "btrfs", "zfs", "overlay", "tmpfs", "fuse.fuseblk"} & NETWORK_FILE_SYSTEMS
