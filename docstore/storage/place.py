"""Whether a path can be a store, found out before anything is opened for writing: a foreign file is never touched.

What LMDB's data file starts with (a meta page): at byte 16 the number 0xBEEFC0DE and at byte 20 the version of LMDB's
format, both u32 in the byte order of the machine. This library reads version 1, of LMDB 0.9.

A store that was cut off would kill the process that reads it (SIGBUS, from the memory map). What can be told quickly is
told: whether the pages are there that the last commit begins with. The file as a whole may rightly be shorter than its
last page, which may be free and was then never written.

Memory maps and locks of network file systems are not those of one machine, so stores on them would be corrupted by the
second machine that opens them: they are refused where the system tells (Linux does, in `/proc/self/mounts`).
"""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path
from typing import Final

from docstore.errors import CorruptStoreError, NotAStoreError, StoreError

_MAGIC: Final = 0xBEEFC0DE
_LMDB_FORMAT: Final = 1
_META: Final = struct.Struct("@16xII 16x I 36x Q 40x Q Q Q")
"""Magic, version; page size; root page of the free list; root page of the main database, last page, commit."""
_NO_PAGE: Final = 2**64 - 1
_SQLITE: Final = b"SQLite format 3\0"

NETWORK_FILE_SYSTEMS: Final = frozenset(
    """
    9p afp afs beegfs ceph cifs coda davfs glusterfs gpfs lustre ncpfs nfs nfs4 orangefs smb2 smb3 smbfs
    fuse.ceph fuse.glusterfs fuse.rclone fuse.s3fs fuse.smbnetfs fuse.sshfs
    """.split()  # noqa: SIM905 - one word a line would be 24 lines
)


def check_place(path: str, *, create: bool) -> None:
    """NotAStoreError where a path holds no store, and cannot be made one or shall not be."""
    try:
        found = os.stat(path)  # noqa: PTH116 - the path stays the string that LMDB gets
    except FileNotFoundError:
        _check_new(path, create)
        return
    except OSError as error:
        raise StoreError(f"{path} cannot be looked at: {error.strerror}.") from error
    if not stat.S_ISREG(found.st_mode):
        kind = "a directory" if stat.S_ISDIR(found.st_mode) else "no regular file"
        raise NotAStoreError(f"A store is one file, and {path} is {kind}.")
    _check_file_system(path)
    if found.st_size:
        _check_header(path)
    elif not create:
        raise NotAStoreError(f"{path} is an empty file, and no store is to be made in it.")


def check_new_place(path: str) -> None:
    """StoreError where a path is taken, or no file can be made there."""
    if os.path.lexists(path):
        raise StoreError(f"{path} exists already.")
    _check_new(path, create=True)


def _check_new(path: str, create: bool) -> None:
    if not create:
        raise NotAStoreError(f"There is no store at {path}, and none is to be made (create=False or read_only=True).")
    folder = Path(path).parent
    if not folder.is_dir():
        raise NotAStoreError(f"{path} cannot be made: there is no folder {folder}.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise NotAStoreError(f"{path} cannot be made: this user may not write in the folder {folder}.")
    _check_file_system(str(folder))


def _check_header(path: str) -> None:
    try:
        with Path(path).open("rb") as file:
            start = file.read(_META.size)
            if len(start) < _META.size or _META.unpack(start)[:2] != (_MAGIC, _LMDB_FORMAT):
                raise _foreign(path, start)
            page_bytes = _META.unpack(start)[2]
            file.seek(page_bytes)
            second = file.read(_META.size)
            size_bytes = file.seek(0, os.SEEK_END)
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}.") from error
    metas = [_META.unpack(meta) for meta in (start, second) if len(meta) == _META.size]
    *_, free_root, main_root, _, _ = max(metas, key=lambda meta: meta[-1])
    needed = (1 + max(root for root in (1, free_root, main_root) if root != _NO_PAGE)) * page_bytes
    if size_bytes < needed:
        raise CorruptStoreError(f"{path} is cut off: its last commit needs {needed} bytes, and it has {size_bytes}.")


def _foreign(path: str, start: bytes) -> NotAStoreError:
    if len(start) < _META.size:
        return NotAStoreError(f"{path} is no store: it has only {len(start)} bytes.")
    magic, version, *_ = _META.unpack(start)
    if magic == _MAGIC:
        return NotAStoreError(f"{path} is no store: expected LMDB's format {_LMDB_FORMAT}, found format {version}.")
    what = "an SQLite database" if start.startswith(_SQLITE) else f"a file that starts {start[:16]!r}"
    return NotAStoreError(f"{path} is no store: expected an LMDB file, found {what}.")


def _check_file_system(path: str) -> None:
    try:
        mounts = Path("/proc/self/mounts").read_text(errors="surrogateescape")
    except OSError:
        return
    kind = file_system(os.path.realpath(path), mounts)
    if kind in NETWORK_FILE_SYSTEMS:
        raise NotAStoreError(
            f"{path} is on a network file system ({kind}), where a store cannot be: its locks and memory maps work "
            "within one machine only."
        )


def file_system(real_path: str, mounts: str) -> str | None:
    """The kind of file system of a path without links, from the text of `/proc/mounts`."""
    best, kind = -1, None
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = (
            fields[1].encode("utf-8", "surrogateescape").decode("unicode_escape") if "\\" in fields[1] else fields[1]
        )
        inside = real_path == point or real_path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:  # a later mount hides an earlier one
            best, kind = len(point), fields[2]
    return kind
