"""All requests' lines side by side, as columns of numbers: any question over any choice of requests in milliseconds.

Instants are seconds since 1970, durations seconds; NaN stands for "not yet". What ticks is brought up to the time
that is asked about, so nothing here is older than the question.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import cached_property
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


class Words:
    """Names that come again and again, as numbers: what is compared a million times is compared as a number."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._lock = threading.Lock()

    def codes(self, names: Iterable[str]) -> Counts:
        """The names' numbers; new names get new ones."""
        with self._lock:
            return np.array([self._codes.setdefault(n, len(self._codes)) for n in names], dtype=np.int64)

    def names(self) -> list[str]:
        """Every name, in the order of the numbers."""
        return list(self._codes)


WORDS = Words()


@dataclass(frozen=True)
class Parts:
    """Something of which a request has several: `of` is the request's key, `code` what it is (see WORDS), `numbers`
    its numbers."""

    of: Counts
    code: Counts
    numbers: Floats

    def where(self, which: npt.NDArray[Any]) -> Parts:
        """These parts alone."""
        return Parts(self.of[which], self.code[which], self.numbers[which])

    def of_requests(self, keys: Counts) -> Parts:
        """The parts of these requests alone."""
        known = np.zeros(int(max(self.of.max(initial=0), keys.max(initial=0))) + 1, dtype=np.bool_)
        known[keys] = True
        return self.where(known[self.of])

    def by_name(self) -> list[tuple[str, int]]:
        """The names that occur, in their order, with their numbers."""
        names = WORDS.names()
        return sorted((names[code], int(code)) for code in np.flatnonzero(np.bincount(self.code)))


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
    every_ask: Parts
    every_cause: Parts
    """Also those of requests that are not among these: sorted out when somebody asks."""

    @cached_property
    def asks(self) -> Parts:
        """Questions to roles: numbers are ASK_NUMBERS."""
        return self.every_ask.of_requests(self.key)

    @cached_property
    def causes(self) -> Parts:
        """Causes of waiting: seconds."""
        return self.every_cause.of_requests(self.key)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, which: npt.NDArray[Any]) -> Columns:
        """These requests alone, by mask or by place."""
        own = {name: getattr(self, name)[which] for name in _PER_REQUEST}
        return Columns(**own, every_ask=self.every_ask, every_cause=self.every_cause)

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


_PER_REQUEST = tuple(f.name for f in fields(Columns) if f.name not in ("every_ask", "every_cause"))


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

    def codes(name: str) -> Counts:
        return WORDS.codes(n for r in ordered for n in r[name])

    return Columns(
        key=keys, ids=words("request_id"), source=words("source"), use_case=words("use_case"), tier=words("tier"),
        priority=words("priority"), requester=words("requester"), state=words("state"),
        simulated=np.array([r["simulated"] for r in ordered], dtype=np.bool_), requested=instants("requested"),
        started=instants("started"), ended=instants("ended"), as_of=instants("as_of"), whole=found.whole,
        staged=found.staged, places=_objects(r["places"] for r in ordered),
        every_ask=Parts(keys[found.ask_line], codes("asked"), found.asks),
        every_cause=Parts(keys[found.cause_line], codes("causes"), found.causes),
    )  # fmt: skip


def _objects(values: Iterable[Any]) -> Objects:
    listed = list(values)
    found = np.empty(len(listed), dtype=object)
    found[:] = listed
    return found


def joined(old: Columns, fresh: Columns) -> Columns:
    """`old` with the lines of `fresh` in place of their earlier ones, in the order of asking."""
    newer = set(fresh.ids)
    again = np.fromiter((i in newer for i in old.ids), dtype=np.bool_, count=len(old))
    gone = old.key[again]
    kept = {name: getattr(old, name)[~again] if len(gone) else getattr(old, name) for name in _PER_REQUEST}
    places = np.searchsorted(kept["requested"], fresh.requested, side="right")
    return Columns(
        **{name: np.insert(values, places, getattr(fresh, name), axis=0) for name, values in kept.items()},
        every_ask=_together(old.every_ask, fresh.every_ask, gone),
        every_cause=_together(old.every_cause, fresh.every_cause, gone),
    )


def _together(one: Parts, other: Parts, gone: Counts) -> Parts:
    """Both, without the parts of the requests that are gone."""
    if len(gone):
        dead = np.zeros(int(max(one.of.max(initial=0), gone.max())) + 1, dtype=np.bool_)
        dead[gone] = True
        one = one.where(~dead[one.of])
    return Parts(*(np.concatenate([getattr(one, f.name), getattr(other, f.name)]) for f in fields(Parts)))


class Lines:
    """A process's copy of all lines, renewed from the ledger in the order of writing. Safe for threads."""

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
                self._newest, self._keys = rows[-1]["written"], self._keys + len(rows)
            return self._columns


def instant(seconds: float) -> datetime:
    """Seconds since 1970 as an instant in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
