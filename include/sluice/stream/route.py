"""Which way a table's deliveries are read: whole, as fast as the machine is, or in segments, on little scratch space."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum

from sluice.contract.model import Contract, Table
from sluice.errors import SourceError, TerminalError
from sluice.lake import Layout
from sluice.limits import Limits
from sluice.settings import Settings
from sluice.stream.disk import Disk
from sluice.stream.source import Delivery

_SHARE = 8
"""A segment takes its own size on scratch; original bytes, rewritten text and staged files come on top."""
_LEAST = 1 << 20
_RATIO = 5
"""What a packed text file is assumed to unfold to, times its size."""


class Route(Enum):
    """How deliveries are read."""

    WHOLE = "whole"
    SEGMENTS = "segments"


class OtherRouteError(Exception):
    """The deliveries are to be read again, by `route`."""

    def __init__(self, route: Route) -> None:
        super().__init__(route.value)
        self.route = route


def segment_size(room: int, settings: Settings) -> int:
    """Bytes of a segment, with `room` on scratch."""
    return max(_LEAST, min(settings.segment_bytes, room // _SHARE))


def routes_of(
    contract: Contract, table: Table, found: Sequence[Delivery], room: int, settings: Settings, layout: Layout
) -> tuple[Route, ...]:
    """The ways there are, the better one first. Raises SourceError PARTITION.

    Segments are for text in files that need not be brought here for the landing copy; better they are when a file
    is larger than one, or when the files would take more than half of what there is on scratch.
    """
    from sluice.adapters.duck import Segments, looks_packed

    remote = [d for d in found if d.uri.startswith("s3://")]
    probe = layout.landing(contract.id, table.table_name, "", "") if remote else None
    if not Segments.possible(contract.format_of(table), table, [d.name for d in found]) or (
        probe is not None and not probe.startswith("s3://")
    ):
        return (Route.WHOLE,)
    unfolded = [d.size * _RATIO if looks_packed(d.name) else d.size for d in found]
    brought = sum(d.size for d in remote) + sum(u for u, d in zip(unfolded, found, strict=True) if looks_packed(d.name))
    if brought > room // 2 or max(unfolded, default=0) > settings.segment_bytes:
        return Route.SEGMENTS, Route.WHOLE
    return Route.WHOLE, Route.SEGMENTS


@contextmanager
def leaving(routes: Sequence[Route]) -> Iterator[None]:
    """Where there is another way than reading whole, take it when scratch turns out too small. Raises OtherRouteError."""
    try:
        yield
    except TerminalError as error:
        if error.code in ("DISK_LIMIT", "DISK_FULL") and Route.SEGMENTS in routes:
            raise OtherRouteError(Route.SEGMENTS) from error
        raise


@contextmanager
def capped_by(disk: Disk, limits: Limits) -> Iterator[Limits]:
    """Limits under which unpacking ends before scratch is full. Raises OtherRouteError then."""
    room = disk.room()
    try:
        yield replace(limits, unpacked_bytes=min(limits.unpacked_bytes, room))
    except SourceError as error:
        if error.code == "ARCHIVE_LIMIT" and room < limits.unpacked_bytes:
            raise OtherRouteError(Route.SEGMENTS) from error
        raise
