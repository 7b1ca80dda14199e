"""The files in zip and tar archives, none of which may be anything but a file below the archive.

Members are read, never extracted by name: a name from outside does not become a path.
"""

from __future__ import annotations

import errno
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import PurePosixPath
from typing import IO

from sluice.errors import SourceError
from sluice.limits import Limits

_TAR_BLOCK = 512


@dataclass(frozen=True)
class Member:
    """A file in an archive: its path there, and how to read it."""

    name: str
    open: Callable[[], IO[bytes]]


Opener = Callable[[], IO[bytes]]
"""Opens a file to be read from its beginning."""


def archive_kind(opener: Opener) -> str | None:
    """zip or tar, told by content. Office documents are zip archives too, but not to us."""
    with opener() as file:
        head = file.read(_TAR_BLOCK)
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return None if _is_document(opener) else "zip"
    if len(head) == _TAR_BLOCK and head.strip(b"\0"):
        try:
            tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            return None
        return "tar"  # the header's checksum is right
    return None


def _is_document(opener: Opener) -> bool:
    try:
        with opener() as file, zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
            if "[Content_Types].xml" in names:
                return True
            return "mimetype" in names and archive.read("mimetype")[:40].startswith(b"application/vnd.oasis.")
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError, RuntimeError, EOFError):
        return False


@contextmanager
def members(opener: Opener, kind: str, name: str, limits: Limits) -> Iterator[list[Member]]:
    """The archive's files in the order of their names; folders and what macOS adds left out.

    Raises SourceError BAD_ARCHIVE (broken, cut off, encrypted, a name twice), ARCHIVE_LIMIT (entries), ARCHIVE_PATH
    (a link, a device, a path that leads out), also while members are read inside the block.
    """
    with reading(kind, name), _zip(opener, name, limits) if kind == "zip" else _tar(opener, name, limits) as found:
        kept = sorted((m for m in found if not _is_litter(m.name)), key=lambda m: m.name)
        if twice := [one.name for one, other in pairwise(kept) if one.name == other.name]:
            raise _bad(name, kind, f"it holds {twice[0]!r} twice")
        yield kept


@contextmanager
def reading(kind: str, name: str) -> Iterator[None]:
    """Makes SourceError BAD_ARCHIVE of what the archive's reader raises in the block."""
    try:
        yield
    except (
        zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError,
        OverflowError,
    ) as e:  # fmt: skip
        raise _bad(name, kind, str(e)) from e
    except OSError as e:
        if e.errno not in (None, errno.EINVAL):  # an offset that cannot be
            raise
        raise _bad(name, kind, str(e)) from e


def _bad(name: str, kind: str, why: str) -> SourceError:
    return SourceError(
        "BAD_ARCHIVE",
        f"the {kind} archive is broken, encrypted or cut off: {why}",
        where=name,
        mend="Deliver it again.",
    )


@contextmanager
def _zip(opener: Opener, name: str, limits: Limits) -> Iterator[list[Member]]:
    with opener() as file, zipfile.ZipFile(file) as archive:
        found = []
        infos = archive.infolist()
        _check_count(len(infos), name, limits)
        for info in infos:
            mode = info.external_attr >> 16
            _check(info.filename, name, odd=bool(stat.S_IFMT(mode)) and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)))
            if not info.is_dir():
                found.append(Member(info.filename, partial(archive.open, info)))
        yield found


@contextmanager
def _tar(opener: Opener, name: str, limits: Limits) -> Iterator[list[Member]]:
    with opener() as file, tarfile.open(fileobj=file, mode="r:") as archive:
        found = []
        for count, info in enumerate(archive, 1):
            _check_count(count, name, limits)
            _check(info.name, name, odd=not (info.isreg() or info.isdir()))
            if info.isreg():
                found.append(Member(info.name.removeprefix("./"), partial(_extract, archive, info)))
        _check_end(opener, archive.offset)
        yield found


def _extract(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(info)
    if file is None:
        raise tarfile.ReadError(f"{info.name!r} cannot be read")
    return file


def _check_end(opener: Opener, offset: int) -> None:
    """tarfile takes anything it cannot read for the end; the real end is zeros, and zeros only."""
    with opener() as file:
        file.seek(offset)
        block = file.read(_TAR_BLOCK)
        if len(block) < _TAR_BLOCK:
            raise tarfile.ReadError("it ends without an end mark")
        while block:
            if block.strip(b"\0"):
                raise tarfile.ReadError(f"what stands at byte {file.tell() - len(block)} is no entry")
            block = file.read(1 << 20)


def _check_count(count: int, name: str, limits: Limits) -> None:
    if count > limits.archive_entries:
        raise SourceError(
            "ARCHIVE_LIMIT", f"has more than {limits.archive_entries} entries", where=name,
            mend="Split the delivery, or raise SLUICE_MAX_ARCHIVE_ENTRIES.",
        )  # fmt: skip


def _check(member: str, name: str, *, odd: bool) -> None:
    path = PurePosixPath(member.replace("\\", "/"))
    leads_out = path.is_absolute() or ".." in path.parts or any(":" in part for part in path.parts[:1])
    if odd or leads_out or "\0" in member:
        what = "is a link or a device" if odd else "points outside the archive"
        raise SourceError(
            "ARCHIVE_PATH", f"member {member!r} {what}", where=name,
            mend="Refuse this delivery and ask its sender how it was made.",
        )  # fmt: skip


def _is_litter(filename: str) -> bool:
    """What macOS adds to archives: not data, and nobody's rows."""
    path = PurePosixPath(filename)
    return path.parts[:1] == ("__MACOSX",) or path.name == ".DS_Store" or path.name.startswith("._")
