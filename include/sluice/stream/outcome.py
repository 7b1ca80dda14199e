"""A folder of results that is replaced all at once: whoever looks finds the old results or the new, never a mix."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sluice.errors import UsageError

FOLDERS = ("staged", "quarantine", "failed_rows", "manifests", "data_docs")
FILES = ("report.html", "evidence.json")
_WORK = ".trial-"
_ABANDONED_SECONDS = 24 * 3600


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """A work folder whose FOLDERS and FILES take the place of those in `folder` when the block ends well.

    evidence.json goes first and comes last: where it is, everything else is complete and belongs to it. A block
    that raises leaves the earlier results. Raises UsageError (OUT_NOT_WRITABLE, OUT_NOT_OURS) before the block.
    """
    existed = folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_foreign(folder)
        work = Path(tempfile.mkdtemp(prefix=_WORK, dir=folder))
    except OSError as error:
        raise UsageError(
            "OUT_NOT_WRITABLE", f"the results cannot be written: {error.strerror}", where=str(folder),
            mend="Give a folder that you may write to as --out.",
        ) from error  # fmt: skip
    sweep_abandoned(folder, _WORK, keep=work)
    try:
        yield work
        _swap(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        if not existed:
            with suppress(OSError):  # not empty: the results are there
                folder.rmdir()


def _swap(work: Path, folder: Path) -> None:
    old = work / "old"
    old.mkdir()
    (folder / "evidence.json").unlink(missing_ok=True)
    for name in FOLDERS:
        if (folder / name).exists():
            (folder / name).rename(old / name)
        if (work / name).exists():
            (work / name).rename(folder / name)
    for name in FILES:
        (work / name).replace(folder / name)


def _refuse_foreign(folder: Path) -> None:
    """Only Parquet files are ours to replace, manifests, and Data Docs."""
    for name in FOLDERS:
        ours = {"manifests": (".json", ".yaml"), "data_docs": (".json", ".html")}.get(name, (".parquet",))
        for path in (folder / name).rglob("*"):
            if path.is_file() and path.suffix not in ours:
                raise UsageError(
                    "OUT_NOT_OURS", f"the folder {name!r} holds files that no trial has written", where=str(path),
                    mend="Give another folder as --out, or move the files.",
                )  # fmt: skip


def sweep_abandoned(folder: Path, prefix: str, *, keep: Path) -> None:
    """Remove the folders of that prefix which a killed process has left a day ago or longer."""
    for path in folder.glob(f"{prefix}*"):
        with suppress(OSError):
            if path != keep and time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
