"""The lines of a process as numbers that only grow, so that reading needs no lock and a new event copies nothing.

A line gets the next key and is never changed again: a renewed line is a new one, and the earlier is only not looked
at any more. A hundred thousand lines are a hundred megabytes; field by field they lie side by side, so that a sum
over one field reads that field alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sluice.insight.packing import ASK_NUMBERS, STAGE_NUMBERS, STAGES, WHOLE_NUMBERS, Counts, unpack

Objects = npt.NDArray[np.object_]
NAMED = ("source", "use_case", "tier", "priority", "requester", "state")
"""Words of a line, kept as their numbers."""
MOMENTS = ("requested", "started", "ended", "as_of")


class Words:
    """Names that come again and again, as numbers: what is compared a million times is compared as a number."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._names: Objects = np.empty(0, dtype=object)
        self._lock = threading.Lock()

    def codes(self, names: Iterable[str]) -> Counts:
        """The names' numbers; new names get new ones."""
        with self._lock:
            return np.array([self._codes.setdefault(n, len(self._codes)) for n in names], dtype=np.int64)

    def code(self, name: str) -> int:
        """The name's number; -1 for a name that never occurred."""
        return self._codes.get(name, -1)

    def names(self) -> Objects:
        """Every name, in the order of the numbers."""
        if len(self._names) < len(self._codes):
            with self._lock:
                self._names = objects(self._codes)
        return self._names


WORDS = Words()


def objects(values: Iterable[Any]) -> Objects:
    """These values as an array, whatever they are."""
    listed = list(values)
    found = np.empty(len(listed), dtype=object)
    found[:] = listed
    return found


class Pool:
    """Values of one type, (fields, rows). Rows are added at the end and never change."""

    def __init__(self, fields: int, dtype: Any) -> None:
        self._values: npt.NDArray[Any] = np.empty((fields, 0), dtype=dtype)
        self.rows = 0

    def add(self, more: npt.NDArray[Any]) -> None:
        """Rows at the end; whoever holds values of earlier ones keeps them."""
        end = self.rows + more.shape[1]
        if end > self._values.shape[1]:
            wider = np.empty((len(self._values), end + end // 4 + 64), dtype=self._values.dtype)
            wider[:, : self.rows] = self._values[:, : self.rows]
            self._values = wider
        self._values[:, self.rows : end] = more
        self.rows = end

    def of(self, field: int, rows: Counts) -> npt.NDArray[Any]:
        """One field of these rows."""
        found: npt.NDArray[Any] = self._values[field][rows]
        return found

    def block(self, first: int, count: int, rows: Counts) -> npt.NDArray[Any]:
        """`count` fields from the first on, of these rows: (count, rows)."""
        return np.take(self._values[first : first + count], rows, axis=1)

    def all(self, field: int) -> npt.NDArray[Any]:
        """One field of every row there is now."""
        return self._values[field, : self.rows]


@dataclass(frozen=True)
class PartPool:
    """Something of which a line has several: to which key each belongs, what it is (see WORDS), and its numbers."""

    heads: Pool
    numbers: Pool

    def add(self, of: Counts, code: Counts, numbers: npt.NDArray[Any]) -> None:
        """`numbers` is (numbers, parts)."""
        self.numbers.add(numbers)
        self.heads.add(np.stack([of, code]))  # last: whoever sees a part finds its numbers


class Store:
    """Every line that was read, by key. One writer at a time, any number of readers."""

    def __init__(self) -> None:
        self.words = Pool(len(NAMED), np.int32)
        self.moments = Pool(len(MOMENTS), np.float64)
        self.simulated = Pool(1, np.bool_)
        self.things = Pool(2, object)
        """Ids and places."""
        self.staged = Pool(len(STAGE_NUMBERS) * len(STAGES), np.float64)
        """Of each number every stage's."""
        self.whole = Pool(len(WHOLE_NUMBERS), np.float64)
        self.asks = PartPool(Pool(2, np.int64), Pool(len(ASK_NUMBERS), np.float64))
        self.causes = PartPool(Pool(2, np.int64), Pool(1, np.float64))
        self._key_of: dict[str, int] = {}

    @property
    def rows(self) -> int:
        """How many keys there are."""
        return self.simulated.rows

    def add(self, rows: Sequence[Mapping[str, Any]]) -> tuple[Counts, Counts]:
        """Take up lines as the store gives them; their keys, and the keys of earlier lines of the same requests."""
        first = self.rows
        keys = np.arange(first, first + len(rows), dtype=np.int64)
        found = unpack(
            [bytes(r["numbers"]) for r in rows], (len(r["asked"]) for r in rows), (len(r["causes"]) for r in rows)
        )
        self.words.add(np.stack([WORDS.codes(r[name] for r in rows) for name in NAMED]))
        self.moments.add(np.array([[_seconds(r[name]) for r in rows] for name in MOMENTS]))
        self.things.add(np.stack([objects(r["request_id"] for r in rows), objects(r["places"] for r in rows)]))
        self.staged.add(found.staged.transpose(2, 1, 0).reshape(-1, len(rows)))
        self.whole.add(found.whole.T)
        self.asks.add(keys[found.ask_line], WORDS.codes(n for r in rows for n in r["asked"]), found.asks.T)
        self.causes.add(
            keys[found.cause_line], WORDS.codes(n for r in rows for n in r["causes"]), found.causes[None, :]
        )
        self.simulated.add(np.array([[r["simulated"] for r in rows]], dtype=np.bool_))
        gone = [self._key_of[r["request_id"]] for r in rows if r["request_id"] in self._key_of]
        self._key_of.update(zip((r["request_id"] for r in rows), keys.tolist(), strict=True))
        return keys, np.array(gone, dtype=np.int64)


def _seconds(value: Any) -> float:
    return float("nan") if value is None else value.timestamp()
