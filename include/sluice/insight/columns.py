"""All requests' lines side by side, as columns of numbers: any question over any choice of requests in milliseconds.

Instants are seconds since 1970, durations seconds; NaN stands for "not yet". What ticks is brought up to the time
that is asked about, so nothing here is older than the question.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from sluice.flow import Kind
from sluice.insight.packing import ASK_NUMBERS, STAGE_NUMBERS, WHOLE_NUMBERS, Counts, Floats, unpack
from sluice.insight.summary import Ticking
from sluice.ledger import Ledger, RequestState

Mask = npt.NDArray[np.bool_]
Objects = npt.NDArray[np.object_]
_STAGE_FIELD = {name: i for i, name in enumerate(STAGE_NUMBERS)}
_TICKS = {
    Ticking.QUEUE: Kind.QUEUE, Ticking.WORK: Kind.WORK, Ticking.APPROVER: Kind.APPROVER,
    Ticking.REQUESTER: Kind.REQUESTER, Ticking.SYSTEM: Kind.SYSTEM,
}  # fmt: skip


@dataclass(frozen=True)
class Parts:
    """Something of which a request has several: `of` is the request's key, `name` what it is, `numbers` its numbers."""

    of: Counts
    name: Objects
    numbers: Floats

    def where(self, which: npt.NDArray[Any]) -> Parts:
        """These parts alone."""
        return Parts(self.of[which], self.name[which], self.numbers[which])

    def without(self, keys: Counts) -> Parts:
        """Without the parts of these requests."""
        return self.where(~np.isin(self.of, keys))


@dataclass(frozen=True)
class Columns:
    """Requests in the order in which they were asked for; one entry per request but for `asks` and `causes`."""

    key: Counts
    """A number of this process's own for the request."""
    ids: Objects
    source: Objects
    use_case: Objects
    tier: Objects
    priority: Objects
    requester: Objects
    state: Objects
    simulated: Mask
    requested: Floats
    started: Floats
    ended: Floats
    as_of: Floats
    whole: Floats
    staged: Floats
    places: Objects
    asks: Parts
    """Questions to roles: numbers are ASK_NUMBERS."""
    causes: Parts
    """Causes of waiting: seconds."""

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, which: npt.NDArray[Any]) -> Columns:
        """These requests alone, by mask or by place."""
        keys = self.key[which]
        known = np.zeros(int(self.key.max(initial=0)) + 1, dtype=np.bool_)
        known[keys] = True
        own = {name: getattr(self, name)[which] for name in _PER_REQUEST}
        return Columns(
            **own, asks=self.asks.where(known[self.asks.of]), causes=self.causes.where(known[self.causes.of])
        )

    def stage(self, name: str) -> Floats:
        """One of STAGE_NUMBERS, for every request and stage."""
        return self.staged[:, :, _STAGE_FIELD[name]]

    def spent(self, kind: Kind) -> Floats:
        """Seconds of every request spent on this, what ran side by side once."""
        return self.whole[:, WHOLE_NUMBERS.index(kind.value)]

    def ask(self, name: str) -> Floats:
        """One of ASK_NUMBERS, for every ask."""
        return self.asks.numbers[:, ASK_NUMBERS.index(name)]

    @property
    def published(self) -> Mask:
        """Requests that were published, whether or not the lake still has them."""
        return np.isin(
            self.state, [RequestState.PUBLISHED.value, RequestState.LOST.value, RequestState.OFFBOARDED.value]
        )

    @property
    def open(self) -> Mask:
        found: Mask = self.state == RequestState.OPEN.value
        return found

    def lead(self, now: datetime) -> Floats:
        """Lead time; of open requests the age."""
        until = np.where(np.isnan(self.ended), now.timestamp(), self.ended)
        return np.maximum(until - self.requested, 0.0)

    def ticked(self, now: datetime) -> Columns:
        """The same requests with what is open brought up to `now`."""
        ticking, between = self.stage("ticking"), self.whole[:, WHOLE_NUMBERS.index("between")]
        since = np.maximum(now.timestamp() - self.as_of, 0.0)
        extra = since[:, None] * (ticking > 0)
        staged, whole = self.staged.copy(), self.whole.copy()
        staged[:, :, _STAGE_FIELD["elapsed"]] += extra
        for tick, kind in _TICKS.items():
            here = np.where(ticking == tick, extra, 0.0)
            staged[:, :, _STAGE_FIELD[kind.value]] += here
            whole[:, WHOLE_NUMBERS.index(kind.value)] += here.max(axis=1, initial=0.0) + np.where(
                between == tick, since, 0.0
            )
        if len(self):
            # The chain of last-finishing stages grows at its end: at the last stage that is open, or ended last.
            reached = np.where(ticking > 0, np.inf, np.nan_to_num(self.stage("ended"), nan=-np.inf))
            last = reached.shape[1] - 1 - np.argmax(reached[:, ::-1], axis=1)
            alive = (ticking > 0).any(axis=1) | (between > 0)
            staged[np.arange(len(self)), last, _STAGE_FIELD["critical"]] += np.where(alive, since, 0.0)
        return replace(self, staged=staged, whole=whole)


_PER_REQUEST = tuple(f.name for f in fields(Columns) if f.name not in ("asks", "causes"))


def columns_of(rows: Sequence[Mapping[str, Any]], first_key: int = 0) -> Columns:
    """The columns of lines as the store gives them, in the order of asking; keys count from `first_key`."""
    ordered = sorted(rows, key=lambda r: (r["requested"], r["request_id"]))
    keys = np.arange(first_key, first_key + len(ordered), dtype=np.int64)
    found = unpack(
        [bytes(r["numbers"]) for r in ordered],
        (len(r["asked"]) for r in ordered), (len(r["causes"]) for r in ordered),
    )  # fmt: skip
    known: dict[str, str] = {}

    def words(name: str) -> Objects:
        return _objects(known.setdefault(r[name], r[name]) for r in ordered)

    def instants(name: str) -> Floats:
        return np.array([float("nan") if r[name] is None else r[name].timestamp() for r in ordered], dtype=np.float64)

    def names(name: str) -> Objects:
        return _objects(known.setdefault(n, n) for r in ordered for n in r[name])

    return Columns(
        key=keys, ids=words("request_id"), source=words("source"), use_case=words("use_case"), tier=words("tier"),
        priority=words("priority"), requester=words("requester"), state=words("state"),
        simulated=np.array([r["simulated"] for r in ordered], dtype=np.bool_), requested=instants("requested"),
        started=instants("started"), ended=instants("ended"), as_of=instants("as_of"), whole=found.whole,
        staged=found.staged, places=_objects(r["places"] for r in ordered),
        asks=Parts(keys[found.ask_line], names("asked"), found.asks),
        causes=Parts(keys[found.cause_line], names("causes"), found.causes),
    )  # fmt: skip


def _objects(values: Iterable[Any]) -> Objects:
    listed = list(values)
    found = np.empty(len(listed), dtype=object)
    found[:] = listed
    return found


def joined(old: Columns, fresh: Columns) -> Columns:
    """`old` with the lines of `fresh` in place of their earlier ones, in the order of asking."""
    again = np.isin(old.ids, fresh.ids)
    kept = old.take(~again) if again.any() else old
    both = {name: np.concatenate([getattr(kept, name), getattr(fresh, name)]) for name in _PER_REQUEST}
    order = np.argsort(both["requested"], kind="stable")
    return Columns(
        **{name: values[order] for name, values in both.items()},
        asks=_together(kept.asks, fresh.asks),
        causes=_together(kept.causes, fresh.causes),
    )


def _together(one: Parts, other: Parts) -> Parts:
    return Parts(*(np.concatenate([getattr(one, f.name), getattr(other, f.name)]) for f in fields(Parts)))


class Lines:
    """A process's copy of all lines, renewed from the ledger by sequence number. Safe for threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._newest = self._keys = 0
        self._columns = columns_of(())

    def read(self) -> Columns:
        """All lines as they are kept now."""
        with self._lock:
            with self._ledger.reading() as tx:
                rows = tx.summary_rows(self._newest)
            if rows:
                fresh = columns_of(rows, self._keys)
                self._columns = joined(self._columns, fresh)
                self._newest, self._keys = rows[-1]["seq"], self._keys + len(rows)
            return self._columns


def instant(seconds: float) -> datetime:
    """Seconds since 1970 as an instant in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
