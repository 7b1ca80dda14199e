"""A file as it is written inside: `.gz` is unpacked beside, to a bounded size, and gone again afterwards."""

from __future__ import annotations

import gzip
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sluice.errors import BadInputError
from sluice.flow.log.model import MAX_BYTES

_PIECE = 1 << 20


def inner_name(path: Path) -> str:
    """The file's name without `.gz`."""
    return path.stem if path.suffix.lower() == ".gz" else path.name


@contextmanager
def plain(path: Path) -> Iterator[Path]:
    """The file itself, or what is packed in it. Raises BadInputError: FLOW_GZIP (cut off, no gzip), FLOW_TOO_LARGE."""
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    if not packed:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="sluice-flow-") as folder:
        inner = Path(folder) / (inner_name(path) or "log")
        _unpack(path, inner)
        try:
            yield inner
        except BadInputError as error:
            error.where = error.where.replace(str(inner), str(path))
            raise


def _unpack(path: Path, inner: Path) -> None:
    size = 0
    try:
        with gzip.open(path, "rb") as packed, inner.open("wb") as out:
            while piece := packed.read(_PIECE):
                size += len(piece)
                if size > MAX_BYTES:
                    raise BadInputError("FLOW_TOO_LARGE", f"unpacks to more than {MAX_BYTES:,} bytes", where=str(path),
                                        mend="Export fewer columns or a shorter period.")  # fmt: skip
                out.write(piece)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadInputError(
            "FLOW_GZIP", f"cannot be unpacked: {error}", where=str(path), mend="It may be cut off: copy it again."
        ) from error
