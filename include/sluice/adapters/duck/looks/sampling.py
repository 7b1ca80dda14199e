"""A sample of large text files: pieces from all over them, cut where records begin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sluice.draft.look import Look

_PIECES = 32


def sample(
    files: Sequence[tuple[str, Path]], look: Look, size: int, folder: Path
) -> tuple[list[tuple[str, Path]], int]:
    """Files of about `size` bytes together, written to `folder`, and the bytes that were taken.

    Each begins as its file does (with header and all), then come pieces at even distances. A piece begins after a
    line end, so in texts with line ends inside quotes it may begin with half a record, which is then quarantined.
    """
    folder.mkdir(parents=True, exist_ok=True)
    total = sum(path.stat().st_size for _, path in files)
    found, taken = [], 0
    for number, (display, path) in enumerate(files):
        length = path.stat().st_size
        share = max(1 << 16, size * length // total)
        target = folder / f"sample-{number}"
        with path.open("rb") as source, target.open("wb") as out:
            piece = max(1 << 16, share // _PIECES)
            for start in range(0, length, max(piece, length // _PIECES)):
                source.seek(start)
                if start:
                    source.readline()
                block = source.read(piece)
                out.write(block + source.readline())
            taken += out.tell()
        found.append((display, target))
    return found, taken
