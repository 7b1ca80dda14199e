"""How far a long piece of work has come, on a terminal's stderr; silent anywhere else."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sluice.contract.model import Table
from sluice.stages import Stage

_PATIENCE = 0.7
"""Seconds before anything is shown: most work is done by then."""
_INTERVAL = 0.2


class Progress:
    """Watches the stages of a trial. `total` contracts are expected."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        self._shown = not quiet and sys.stderr.isatty()
        self._total, self._number = total, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is KeyboardInterrupt and self._total > 1:
            print(
                f"Stopped in contract {self._number} of {self._total}; those before it are complete.", file=sys.stderr
            )

    def next(self, path: Path) -> None:
        """The next contract begins."""
        self._number += 1

    @contextmanager
    def watch(self, table: Table, stage: Stage, size: int, scratch: Path) -> Iterator[None]:
        """A stage of a table runs in the block; `size` is the bytes of its sources, 0 when they do not matter."""
        if not self._shown:
            yield
            return
        done = threading.Event()
        number = f"[{self._number}/{self._total}] " if self._total > 1 else ""
        watcher = threading.Thread(
            target=_show, args=(done, f"{number}{table.name}: {stage}", size, scratch), daemon=True
        )
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()


def _show(done: threading.Event, what: str, size: int, scratch: Path) -> None:
    if done.wait(_PATIENCE):
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = [TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), *_speed(size),
               TimeElapsedColumn(), TextColumn("ETA"), TimeRemainingColumn()]  # fmt: skip
    # What is printed meanwhile goes where it was going: stdout may be a pipe.
    with Bars(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
    ) as bars:
        bar = bars.add_task(escape(what), total=None)
        phase = ""
        while not done.wait(_INTERVAL):
            now, share = _share(size, scratch)
            if now != phase:
                bars.reset(bar, description=escape(f"{what}{now}"), total=None)
                phase = now
            if share is not None:
                bars.update(bar, total=size or 100, completed=share * (size or 100))


def _speed(size: int) -> list[Any]:
    from rich.progress import DownloadColumn, TransferSpeedColumn

    return [DownloadColumn(), TransferSpeedColumn()] if size else []


def _share(size: int, scratch: Path) -> tuple[str, float | None]:
    """What goes on, and how much of it is done: sources in S3 are copied first, then DuckDB is at work."""
    from sluice.adapters.duck import share_done

    copied = sum(f.stat().st_size for f in scratch.glob("attempt-*/source-*/*")) if size else 0
    if 0 < copied < size:
        return " (copying)", copied / size
    return "", share_done()
