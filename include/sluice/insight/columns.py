"""All requests' lines side by side, as columns of numbers: any question over any choice of requests in milliseconds.

Instants are seconds since 1970, durations seconds; NaN stands for "not yet". What ticks is brought up to the time
that is asked about, so nothing here is older than the question.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sluice.flow import Kind
from sluice.insight.packing import ASK_NUMBERS, STAGE_NUMBERS, STAGES, WHOLE_NUMBERS, Counts, Floats
from sluice.insight.pools import MOMENTS, NAMED, WORDS, Objects, PartPool, Pool, Store
from sluice.insight.summary import Ticking
from sluice.ledger import Ledger, RequestState

Mask = npt.NDArray[np.bool_]
_TICKS = {
    Kind.QUEUE: Ticking.QUEUE, Kind.WORK: Ticking.WORK, Kind.APPROVER: Ticking.APPROVER,
    Kind.REQUESTER: Ticking.REQUESTER, Kind.SYSTEM: Ticking.SYSTEM,
}  # fmt: skip
_TICKING_STAGE = {kind.value: tick for kind, tick in _TICKS.items()}
_PUBLISHED = (RequestState.PUBLISHED, RequestState.LOST, RequestState.OFFBOARDED)
GARBAGE = 3
"""How many times as many lines as there are requests may be kept before the earlier ones are let go."""


class Parts:
    """Questions to roles, or causes of waiting, of some requests: `of` is the request's key, `code` what it is (see
    WORDS)."""

    def __init__(self, pool: PartPool, keys: Counts) -> None:
        self._numbers, owner = pool.numbers, pool.heads.all(0)
        known = np.zeros(int(max(owner.max(initial=0), keys.max(initial=0))) + 1, dtype=np.bool_)
        known[keys] = True
        mine = known[owner]
        self.rows: Counts = np.flatnonzero(mine)
        self.of: Counts = owner[self.rows]
        self.code: Counts = pool.heads.of(1, self.rows)

    def number(self, field: int) -> Floats:
        """One of its numbers, of every one."""
        found: Floats = self._numbers.of(field, self.rows)
        return found

    def by_name(self) -> list[tuple[str, int]]:
        """The names that occur, in their order, with their numbers."""
        names = WORDS.names()
        return sorted((str(names[code]), int(code)) for code in np.flatnonzero(np.bincount(self.code)))


@dataclass(frozen=True)
class Columns:
    """Requests in the order in which they were asked for; `key` is each one's line in the store.

    Choosing some of them copies their keys and nothing else; a column is looked up when somebody asks for it. With
    `now` what is open counts up to then.
    """

    store: Store
    key: Counts
    now: datetime | None = None

    def __len__(self) -> int:
        return len(self.key)

    def take(self, which: npt.NDArray[Any]) -> Columns:
        """These requests alone, by mask or by place."""
        return Columns(self.store, self.key[which], self.now)

    def ticked(self, now: datetime) -> Columns:
        """The same requests with what is open brought up to `now`."""
        return Columns(self.store, self.key, now)

    def renewed(self, rows: Sequence[Mapping[str, Any]]) -> Columns:
        """With these lines in place of their requests' earlier ones, in the order of asking."""
        if not rows:
            return self
        keys, gone = self.store.add(_in_order(rows))
        dead = np.zeros(self.store.rows, dtype=np.bool_)
        dead[gone] = True
        kept = self.take(~dead[self.key])
        fresh = self.store.moments.of(MOMENTS.index("requested"), keys)
        places = np.searchsorted(kept.requested, fresh, side="right")
        return Columns(self.store, np.insert(kept.key, places, keys), self.now)

    @cached_property
    def ids(self) -> Objects:
        return self.store.things.of(0, self.key)

    @cached_property
    def places(self) -> Objects:
        """Where each stands, as `place_data` keeps it; nothing of what has ended."""
        return self.store.things.of(1, self.key)

    @cached_property
    def source(self) -> Objects:
        return self._named("source")

    @cached_property
    def use_case(self) -> Objects:
        return self._named("use_case")

    @cached_property
    def tier(self) -> Objects:
        return self._named("tier")

    @cached_property
    def priority(self) -> Objects:
        return self._named("priority")

    @cached_property
    def requester(self) -> Objects:
        return self._named("requester")

    @cached_property
    def state(self) -> Objects:
        return self._named("state")

    @cached_property
    def simulated(self) -> Mask:
        found: Mask = self.store.simulated.of(0, self.key)
        return found

    @cached_property
    def requested(self) -> Floats:
        return self._moment("requested")

    @cached_property
    def started(self) -> Floats:
        return self._moment("started")

    @cached_property
    def ended(self) -> Floats:
        return self._moment("ended")

    @cached_property
    def as_of(self) -> Floats:
        return self._moment("as_of")

    def codes(self, name: str) -> Counts:
        """One of NAMED, as numbers of WORDS."""
        found: Counts = self.store.words.of(NAMED.index(name), self.key)
        return found

    def named(self, name: str, value: str) -> Mask:
        """Whether one of NAMED is this."""
        found: Mask = self.codes(name) == WORDS.code(value)
        return found

    def distinct(self, name: str) -> list[str]:
        """What occurs of one of NAMED, in order."""
        return sorted(str(n) for n in WORDS.names()[np.flatnonzero(np.bincount(self.codes(name)))])

    def _named(self, name: str) -> Objects:
        found: Objects = WORDS.names()[self.codes(name)]
        return found

    def _moment(self, name: str) -> Floats:
        found: Floats = self.store.moments.of(MOMENTS.index(name), self.key)
        return found

    @cached_property
    def published(self) -> Mask:
        """Requests that were published, whether or not the lake still has them."""
        found: Mask = np.isin(self.codes("state"), [WORDS.code(s.value) for s in _PUBLISHED])
        return found

    @cached_property
    def open(self) -> Mask:
        return self.named("state", RequestState.OPEN.value)

    def lead(self, now: datetime) -> Floats:
        """Lead time; of open requests the age."""
        until = np.where(np.isnan(self.ended), now.timestamp(), self.ended)
        return np.maximum(until - self.requested, 0.0)

    @cached_property
    def asks(self) -> Parts:
        """Questions to roles: numbers are ASK_NUMBERS."""
        return Parts(self.store.asks, self.key)

    @cached_property
    def causes(self) -> Parts:
        """Causes of waiting: their one number is seconds."""
        return Parts(self.store.causes, self.key)

    def ask(self, name: str) -> Floats:
        """One of ASK_NUMBERS, for every ask."""
        return self.asks.number(ASK_NUMBERS.index(name))

    def stage(self, name: str) -> Floats:
        """One of STAGE_NUMBERS, for every request and stage."""
        found = _block(self.store.staged, STAGE_NUMBERS.index(name), self.key)
        if (ticks := self._ticks) is not None:
            if name == "elapsed":
                found[:, ticks.rows] += ticks.extra
            elif name in _TICKING_STAGE:
                found[:, ticks.rows] += ticks.here(_TICKING_STAGE[name])
            elif name == "critical":
                found[ticks.last, ticks.rows] += ticks.since
        return found.T

    def spent(self, kind: Kind) -> Floats:
        """Seconds of every request spent on this, what ran side by side once."""
        found: Floats = self.store.whole.of(WHOLE_NUMBERS.index(kind.value), self.key)
        if (ticks := self._ticks) is not None and kind in _TICKS:
            found[ticks.rows] += ticks.whole(_TICKS[kind])
        return found

    @cached_property
    def _ticks(self) -> _Ticks | None:
        rows = np.flatnonzero(self.open)
        return _Ticks(self.store, self.key, rows, self.now) if self.now is not None and len(rows) else None


class _Ticks:
    """What is added to the `rows` of open requests since their newest event."""

    def __init__(self, store: Store, key: Counts, rows: Counts, now: datetime) -> None:
        self.rows = rows
        mine = key[rows]
        self.ticking = _block(store.staged, STAGE_NUMBERS.index("ticking"), mine)
        self.between: Floats = store.whole.of(WHOLE_NUMBERS.index("between"), mine)
        as_of = store.moments.of(MOMENTS.index("as_of"), mine)
        seconds = np.maximum(now.timestamp() - as_of, 0.0)
        self.extra: Floats = seconds * (self.ticking > 0)
        alive = (self.ticking > 0).any(axis=0) | (self.between > 0)
        self.since: Floats = np.where(alive, seconds, 0.0)
        # The chain of last-finishing stages grows at its end: at the last stage that is open, or ended last.
        ended = np.nan_to_num(_block(store.staged, STAGE_NUMBERS.index("ended"), mine), nan=-np.inf)
        reached = np.where(self.ticking > 0, np.inf, ended)
        self.last: Counts = len(STAGES) - 1 - np.argmax(reached[::-1], axis=0)
        self._seconds = seconds

    def here(self, tick: Ticking) -> Floats:
        """By stage and request."""
        return np.where(self.ticking == tick, self.extra, 0.0)

    def whole(self, tick: Ticking) -> Floats:
        """By request, what ticks side by side once."""
        found: Floats = self.here(tick).max(axis=0, initial=0.0) + np.where(self.between == tick, self._seconds, 0.0)
        return found


def _block(pool: Pool, number: int, keys: Counts) -> Floats:
    """A number of every stage: (stages, keys)."""
    found: Floats = pool.block(number * len(STAGES), len(STAGES), keys)
    return found


def _in_order(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(rows, key=lambda r: (r["requested"], r["request_id"]))


def columns_of(rows: Sequence[Mapping[str, Any]]) -> Columns:
    """The columns of lines as the store gives them, in the order of asking."""
    return Columns(Store(), np.array([], dtype=np.int64)).renewed(rows)


class Lines:
    """A process's copy of all lines, renewed from the ledger in the order of writing. Safe for threads."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._newest = 0
        self._columns = columns_of(())

    def read(self, written: int | None = None) -> Columns:
        """All lines as they are kept now. With `written`, the newest line's number: nothing is asked if it is known."""
        with self._lock:
            if written == self._newest:
                return self._columns
            if self._emptied(written) or self._columns.store.rows > GARBAGE * (len(self._columns) + 1000):
                self._columns, self._newest = columns_of(()), 0
            with self._ledger.reading() as tx:
                rows = tx.summary_rows(self._newest)
            if rows:
                self._columns, self._newest = self._columns.renewed(rows), rows[-1]["written"]
            return self._columns

    def _emptied(self, written: int | None) -> bool:
        """Whether the lines were removed since; a number that is only older than what others have read says nothing."""
        if written is None or written >= self._newest:
            return False
        with self._ledger.reading() as tx:
            return tx.lines_state("")[2] < self._newest


def instant(seconds: float) -> datetime:
    """Seconds since 1970 as an instant in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
