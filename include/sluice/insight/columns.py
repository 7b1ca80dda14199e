"""All requests' lines side by side, as columns of numbers: any question over any choice of requests in milliseconds.

Instants are seconds since 1970, durations seconds; NaN stands for "not yet". What ticks is brought up to the time
that is asked about, so nothing here is older than the question.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from sluice.insight.packing import NUMBERS, STAGES
from sluice.insight.summary import Ticking
from sluice.ledger import Ledger, RequestState

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_FIELD = {name: i for i, name in enumerate(NUMBERS)}
ROLE_NUMBERS = ("asked", "signed", "returned", "wall", "business")


@dataclass(frozen=True)
class Columns:
    """Requests in the order in which they were asked for. All sequences have one entry per request."""

    ids: npt.NDArray[np.object_]
    source: npt.NDArray[np.object_]
    use_case: npt.NDArray[np.object_]
    tier: npt.NDArray[np.object_]
    priority: npt.NDArray[np.object_]
    requester: npt.NDArray[np.object_]
    state: npt.NDArray[np.object_]
    simulated: Mask
    requested: Floats
    started: Floats
    ended: Floats
    as_of: Floats
    work: Floats
    off_hours: Floats
    numbers: Floats
    """Shape (requests, stages, NUMBERS)."""
    roles: npt.NDArray[np.object_]
    causes: npt.NDArray[np.object_]
    places: npt.NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, which: Mask | npt.NDArray[np.int64]) -> Columns:
        """These requests alone."""
        return Columns(**{name: getattr(self, name)[which] for name in self.__dataclass_fields__})

    def stage(self, name: str) -> Floats:
        """One of NUMBERS for every request and stage."""
        return self.numbers[:, :, _FIELD[name]]

    @property
    def published(self) -> Mask:
        """Requests that were published, whether or not the lake still has them."""
        return np.isin(self.state, [RequestState.PUBLISHED.value, RequestState.LOST.value])

    @property
    def open(self) -> Mask:
        found: Mask = self.state == RequestState.OPEN.value
        return found

    def lead(self, now: datetime) -> Floats:
        """Lead time; of open requests the age."""
        until = np.where(np.isnan(self.ended), now.timestamp(), self.ended)
        return np.maximum(until - self.requested, 0.0)

    def ticked(self, now: datetime) -> Columns:
        """The same requests with open stages brought up to `now`."""
        ticking = self.stage("ticking")
        extra = np.maximum(now.timestamp() - self.as_of, 0.0)[:, None] * (ticking > 0)
        numbers = self.numbers.copy()
        numbers[:, :, _FIELD["elapsed"]] += extra
        for kind, names in _TICKS.items():
            for name in names:
                numbers[:, :, _FIELD[name]] += np.where(ticking == kind, extra, 0.0)
        return replace(self, numbers=numbers)


_TICKS = {Ticking.QUEUE: ("queue",), Ticking.WORK: ("work",), Ticking.WAIT: ("people",)}


def columns_of(rows: Sequence[Mapping[str, Any]]) -> Columns:
    """The columns of lines as the store gives them, in the order of asking."""
    ordered = sorted(rows, key=lambda r: (r["requested"], r["request_id"]))
    packed = np.frombuffer(b"".join(bytes(r["stages"]) for r in ordered), dtype="<f8")

    def objects(values: Iterable[Any]) -> npt.NDArray[np.object_]:
        found = np.empty(len(ordered), dtype=object)
        found[:] = list(values)
        return found

    def words(name: str) -> npt.NDArray[np.object_]:
        return objects(r[name] for r in ordered)

    def instants(name: str) -> Floats:
        return np.array([float("nan") if r[name] is None else r[name].timestamp() for r in ordered], dtype=np.float64)

    def numbers(name: str) -> Floats:
        return np.array([r[name] for r in ordered], dtype=np.float64)

    return Columns(
        ids=words("request_id"), source=words("source"), use_case=words("use_case"), tier=words("tier"),
        priority=words("priority"), requester=words("requester"), state=words("state"),
        simulated=np.array([r["simulated"] for r in ordered], dtype=np.bool_), requested=instants("requested"),
        started=instants("started"), ended=instants("ended"), as_of=instants("as_of"), work=numbers("work"),
        off_hours=numbers("off_hours"), numbers=packed.reshape(len(ordered), len(STAGES), len(NUMBERS)),
        roles=words("roles"), causes=words("causes"), places=words("places"),
    )  # fmt: skip


def joined(old: Columns, fresh: Columns) -> Columns:
    """`old` with the lines of `fresh` in place of their earlier ones, in the order of asking."""
    kept = old.take(~np.isin(old.ids, fresh.ids)) if len(old) else old
    both = Columns(
        **{name: np.concatenate([getattr(kept, name), getattr(fresh, name)]) for name in Columns.__dataclass_fields__}
    )
    return both.take(np.argsort(both.requested, kind="stable"))


class Lines:
    """A process's copy of all lines, renewed from the ledger by sequence number. Safe for threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._newest = 0
        self._columns = columns_of(())

    def read(self) -> Columns:
        """All lines as they are kept now."""
        with self._lock:
            with self._ledger.reading() as tx:
                rows = tx.summary_rows(self._newest)
            if rows:
                fresh = columns_of(rows)
                self._columns = joined(self._columns, fresh) if self._newest else fresh
                self._newest = rows[-1]["seq"]
            return self._columns


def instant(seconds: float) -> datetime:
    """Seconds since 1970 as an instant in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
