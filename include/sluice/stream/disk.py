"""The scratch space one landing may use: asked before it is taken, in numbers."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from sluice.errors import TerminalError

_INTERVAL = 0.1
"""Seconds between two looks at the disk."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Disk:
    """The folder of a landing's files on their way, and how many bytes may lie there (None: what the disk has)."""

    folder: Path
    limit: int | None

    def used(self) -> int:
        """Bytes that lie in the folder now; links to files elsewhere do not count."""
        total = 0
        for folder, _, names in os.walk(self.folder):  # which passes over folders that are removed meanwhile
            for name in names:
                with suppress(FileNotFoundError):
                    stat = Path(folder, name).lstat()
                    total += stat.st_size if S_ISREG(stat.st_mode) else 0
        return total

    def room(self) -> int:
        """Bytes that may still be taken."""
        free = shutil.disk_usage(self.folder).free
        return free if self.limit is None else max(0, min(free, self.limit - self.used()))

    def require(self, size: int, what: str) -> None:
        """Raises TerminalError DISK_LIMIT or DISK_FULL, with the numbers, when `size` more bytes have no place."""
        free = shutil.disk_usage(self.folder).free
        if size > free:
            raise TerminalError("DISK_FULL", f"{what} needs {size:,} bytes of scratch space; {free:,} are free",
                                where=str(self.folder), mend="Free space, or set SLUICE_HOME to a larger disk.")  # fmt: skip
        if self.limit is None:
            return
        used = self.used()
        if used + size > self.limit:
            raise self._beyond(f"{what} needs {size:,} bytes of scratch space; {used:,}")

    def _beyond(self, said: str) -> TerminalError:
        return TerminalError(
            "DISK_LIMIT", f"{said} of the {self.limit:,} bytes that are allowed are in use", where=str(self.folder),
            mend="Raise SLUICE_DISK_LIMIT, or deliver smaller files.",
        )  # fmt: skip

    @contextmanager
    def watched(self, stop: Callable[[], None]) -> Iterator[None]:
        """Looks on while the block works, and calls `stop` once more lies there than is allowed.

        Raises TerminalError DISK_LIMIT then, whatever became of the work.
        """
        limit = self.limit
        if limit is None:
            yield
            return
        done, most = threading.Event(), 0

        def look() -> None:
            nonlocal most
            while not done.wait(_INTERVAL):
                most = max(most, self.used())
                if most > limit:
                    stop()

        watcher = threading.Thread(target=look, daemon=True)
        watcher.start()
        try:
            yield
        except Exception as error:
            if most > limit:
                raise self._beyond(f"the conversion was stopped: {most:,}") from error
            raise
        finally:
            done.set()
            watcher.join()
        if most > limit:
            raise self._beyond(f"the conversion took {most:,}")

    @contextmanager
    def filling(self) -> Iterator[None]:
        """Turns "no space left", "file too large" and "quota exceeded" into TerminalError DISK_FULL."""
        try:
            yield
        except OSError as error:
            if error.errno not in _FULL:
                raise
            free = shutil.disk_usage(self.folder).free
            raise TerminalError(
                "DISK_FULL", f"a file could not be written: {error.strerror}; {self.used():,} bytes are in use, {free:,} free",
                where=str(self.folder), mend="Free space, or set SLUICE_HOME to a larger disk.",
            ) from error  # fmt: skip
