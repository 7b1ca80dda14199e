"""All requests' lines side by side, as columns of numbers: any question over any choice of requests in milliseconds.

Instants are seconds since 1970, durations seconds; NaN stands for "not yet". What ticks is brought up to the time
that is asked about, so nothing here is older than the question.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sluice.flow import Kind
from sluice.flow.timeline import CalendarOf, always
from sluice.insight.packing import ASK_NUMBERS, WHOLE_NUMBERS, Counts, Floats
from sluice.insight.pools import MOMENTS, NAMED, WORDS, Objects, PartPool, Store
from sluice.insight.ticking import Ticks, stages_block
from sluice.ledger import Ledger, RequestState

Mask = npt.NDArray[np.bool_]
_PUBLISHED = (RequestState.PUBLISHED, RequestState.LOST, RequestState.OFFBOARDED)
KINDS = frozenset(kind.value for kind in Kind)
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
    `now` what is open counts up to then, `calendar_of` parting what waits for people into their opening hours and the
    others.
    """

    store: Store
    key: Counts
    now: datetime | None = None
    calendar_of: CalendarOf = always

    def __len__(self) -> int:
        return len(self.key)

    def take(self, which: npt.NDArray[Any]) -> Columns:
        """These requests alone, by mask or by place."""
        return replace(self, key=self.key[which])

    def ticked(self, now: datetime, calendar_of: CalendarOf = always) -> Columns:
        """The same requests with what is open brought up to `now`."""
        return Columns(self.store, self.key, now, calendar_of)

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
        return replace(self, key=np.insert(kept.key, places, keys))

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

    def waited(self) -> tuple[Objects, Floats, Counts]:
        """Names of causes, and by their numbers the seconds waited for each and how many requests did."""
        parts = self.causes
        more = list(self.ticks.causes()) if self.ticks is not None else []
        codes = WORDS.codes(cause for _, cause, _ in more)
        keys = self.key[[row for row, _, _ in more]] if more else self.key[:0]
        size = len(WORDS.names())
        sums = np.bincount(parts.code, weights=parts.number(0), minlength=size).astype(float)
        sums += np.bincount(codes, weights=[seconds for _, _, seconds in more], minlength=size)
        ticking = np.isin(parts.of, keys)
        known = set(zip(parts.of[ticking].tolist(), parts.code[ticking].tolist(), strict=True))
        fresh = [code for key, code in zip(keys.tolist(), codes.tolist(), strict=True) if (key, code) not in known]
        counts = np.bincount(parts.code, minlength=size) + np.bincount(np.array(fresh, dtype=np.int64), minlength=size)
        return WORDS.names(), sums, counts.astype(np.int64)

    def ask(self, name: str) -> Floats:
        """One of ASK_NUMBERS, for every ask."""
        return self.asks.number(ASK_NUMBERS.index(name))

    def stage(self, name: str) -> Floats:
        """One of STAGE_NUMBERS, for every request and stage."""
        found = stages_block(self.store.staged, name, self.key)
        if (ticks := self.ticks) is not None:
            if name == "elapsed":
                found[:, ticks.rows] += ticks.extra
            elif name in KINDS:
                found[:, ticks.rows] += ticks.here(Kind(name))
            elif name == "critical":
                found[ticks.last, ticks.rows] += ticks.since
        return found.T

    def spent(self, kind: Kind) -> Floats:
        """Seconds of every request spent on this, what ran side by side once."""
        found: Floats = self.store.whole.of(WHOLE_NUMBERS.index(kind.value), self.key)
        if (ticks := self.ticks) is not None:
            found[ticks.rows] += ticks.whole(kind)
        return found

    @cached_property
    def ticks(self) -> Ticks | None:
        """What is added to what was kept of the open ones; None without `now`."""
        rows = np.flatnonzero(self.open)
        if self.now is None or not len(rows):
            return None
        return Ticks(self.store, self.key, rows, self.now, self.calendar_of)


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
