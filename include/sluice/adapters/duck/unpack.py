"""Makes plain files of a landed file: as it is, out of gzip or bzip2, or every member of a zip archive.

Everything streams, and everything has a cap: an archive is input from outside, and may be a bomb.
"""

from __future__ import annotations

import bz2
import gzip
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from sluice.errors import SourceError

_BLOCK = 1 << 20
_RATIO_GRACE = 10 << 20
"""Tiny files reach large ratios honestly; the ratio counts beyond this many bytes."""


@dataclass(frozen=True)
class Caps:
    """How far a file may unfold: bytes in all, bytes per packed byte, members of an archive."""

    size: int = 64 << 30
    ratio: float = 200.0
    entries: int = 10_000


def unpack(
    source: Path, scratch: Path, *, name: str | None = None, caps: Caps = Caps(), allow_empty: bool = False
) -> list[tuple[str, Path]]:
    """(display name, plain local file) of everything in `source`, an archive's members in order of their names.

    The kind is told by content (magic numbers), not by name. A plain file is not copied. `name` is what people
    know the source by (default: its file name); members are displayed as `name!member`.

    Raises SourceError: EMPTY_FILE, BAD_ARCHIVE (broken, truncated, encrypted), ARCHIVE_LIMIT, ARCHIVE_PATH.
    """
    name = name or source.name
    scratch.mkdir(parents=True, exist_ok=True)
    size = source.stat().st_size
    with source.open("rb") as file:
        magic = file.read(4)
    if not magic:
        if allow_empty:
            return [(name, source)]
        raise SourceError("EMPTY_FILE", "the file has no bytes", where=name, mend="Deliver the file again.")
    if magic[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _unzip(source, scratch, name, caps, allow_empty)
    budget = _Budget(caps, size, name)
    target = scratch / f"{_plain_name(source)}"
    try:
        if magic[:2] == b"\x1f\x8b":
            with gzip.open(source, "rb") as packed:
                _pour(packed, target, budget)
        elif magic[:3] == b"BZh":
            with bz2.open(source, "rb") as packed:
                _pour(packed, target, budget)
        elif source.suffix in (".gz", ".bz2", ".zip"):
            raise SourceError(
                "BAD_ARCHIVE", f"the name ends in {source.suffix}, the content is something else", where=name,
                mend="Deliver the file again, or name it for what it is.",
            )  # fmt: skip
        else:
            return [(name, source)]
    except (EOFError, gzip.BadGzipFile, zlib.error, OSError, ValueError) as e:
        if isinstance(e, OSError) and e.errno is not None:
            raise
        raise SourceError(
            "BAD_ARCHIVE", f"the compressed file is broken or cut off: {e}", where=name, mend="Deliver it again."
        ) from e
    if not budget.used and not allow_empty:
        raise SourceError("EMPTY_FILE", "the compressed file holds no bytes", where=name, mend="Deliver it again.")
    return [(name, target)]


def _plain_name(source: Path) -> str:
    return f"unpacked-{source.stem if source.suffix in ('.gz', '.bz2') else source.name}"


class _Budget:
    """Counts what comes out of one archive and refuses what is beyond the caps."""

    def __init__(self, caps: Caps, packed: int, where: str) -> None:
        self.caps = caps
        self.packed = max(packed, 1)
        self.where = where
        self.used = 0

    def spend(self, count: int) -> None:
        self.used += count
        if self.used > self.caps.size:
            raise SourceError(
                "ARCHIVE_LIMIT", f"unfolds to more than {self.caps.size} bytes", where=self.where,
                mend="Split the delivery, or raise the cap.",
            )  # fmt: skip
        if self.used > _RATIO_GRACE and self.used > self.caps.ratio * self.packed:
            raise SourceError(
                "ARCHIVE_LIMIT", f"unfolds to more than {self.caps.ratio:g} times its size", where=self.where,
                mend="Deliver it uncompressed, or raise the cap, if it is not a bomb.",
            )  # fmt: skip


def _pour(packed: IO[bytes] | gzip.GzipFile, target: Path, budget: _Budget) -> None:
    try:
        with target.open("wb") as plain:
            while block := packed.read(_BLOCK):
                budget.spend(len(block))
                plain.write(block)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _unzip(source: Path, scratch: Path, name: str, caps: Caps, allow_empty: bool) -> list[tuple[str, Path]]:
    try:
        with zipfile.ZipFile(source) as archive:
            return _members(archive, source, scratch, name, caps, allow_empty)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as e:
        raise SourceError(
            "BAD_ARCHIVE", f"the zip archive is broken, encrypted or cut off: {e}", where=name, mend="Deliver it again."
        ) from e


def _members(
    archive: zipfile.ZipFile, source: Path, scratch: Path, name: str, caps: Caps, allow_empty: bool
) -> list[tuple[str, Path]]:
    infos = sorted((i for i in archive.infolist() if not i.is_dir()), key=lambda i: i.filename)
    if len(infos) > caps.entries:
        raise SourceError(
            "ARCHIVE_LIMIT", f"has {len(infos)} members, {caps.entries} are allowed", where=name,
            mend="Split the delivery, or raise the cap.",
        )  # fmt: skip
    for info in infos:
        _check_member(info, name)
    infos = [i for i in infos if not _is_litter(i.filename)]
    if not infos:
        raise SourceError("EMPTY_FILE", "the zip archive has no members", where=name, mend="Deliver it again.")
    budget = _Budget(caps, source.stat().st_size, name)
    plain = []
    for number, info in enumerate(infos):
        member = f"{name}!{info.filename}" if len(infos) > 1 else name
        # The member's name never becomes a path: that is what makes the next line safe.
        target = scratch / f"unpacked-{source.stem}-{number}"
        before = budget.used
        with archive.open(info) as packed:
            _pour(packed, target, budget)
        if budget.used == before and not allow_empty:
            raise SourceError("EMPTY_FILE", "the member has no bytes", where=member, mend="Deliver it again.")
        plain.append((member, target))
    return plain


def _check_member(info: zipfile.ZipInfo, name: str) -> None:
    path = PurePosixPath(info.filename.replace("\\", "/"))
    link = stat.S_ISLNK(info.external_attr >> 16)
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or link:
        raise SourceError(
            "ARCHIVE_PATH", f"member {info.filename!r} points outside the archive", where=name,
            mend="Refuse this delivery and ask its sender how it was made.",
        )  # fmt: skip


def _is_litter(filename: str) -> bool:
    """What macOS adds to archives: not data, and nobody's rows."""
    path = PurePosixPath(filename)
    return path.parts[0] == "__MACOSX" or path.name == ".DS_Store"
