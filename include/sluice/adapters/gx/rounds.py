"""Computes many metrics in few queries: the scans of a round are one query, each grouping is one of its own."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from sluice.adapters.gx.fields import BadArgumentError, NotCompiledError
from sluice.adapters.gx.requests import Metric, Request, Rows, Scan
from sluice.errors import SluiceError

SCANS_PER_QUERY = 200
"""DuckDB plans more aggregates than that in quadratic time."""

_Key = TypeVar("_Key", bound=Hashable)
Failure = NotCompiledError | BadArgumentError | SluiceError


class Data(Protocol):
    """SQL over the staged tables (sluice.adapters.duck.Staged). A query that fails raises a SluiceError."""

    def rows(self, sql: str, *, limited: bool = False) -> list[tuple[Any, ...]]: ...
    def source(self, table: str) -> str: ...


def compute(metrics: Mapping[_Key, Metric], table: str, data: Data) -> dict[_Key, Any]:
    """The metrics' values by their keys, or the Failure that kept one from being computed."""
    rounds = _Rounds(table, data)
    done: dict[_Key, Any] = {}
    asked: dict[_Key, list[Request]] = {}
    for key, metric in metrics.items():
        _step(metric, key, None, asked, done)
    while asked:
        rounds.answer([request for requests in asked.values() for request in requests])
        waiting, asked = asked, {}
        for key, requests in waiting.items():
            _step(metrics[key], key, [rounds.answers[request] for request in requests], asked, done)
    return done


def _step(
    metric: Metric, key: Any, answers: list[Any] | None, asked: dict[Any, list[Request]], done: dict[Any, Any]
) -> None:
    failed = next((a for a in answers or [] if isinstance(a, SluiceError)), None)
    try:
        if failed:
            asked[key] = metric.throw(failed)
        else:
            asked[key] = next(metric) if answers is None else metric.send(answers)
    except StopIteration as stop:
        done[key] = stop.value
    except (NotCompiledError, BadArgumentError, SluiceError) as error:
        done[key] = error


class _Rounds:
    def __init__(self, table: str, data: Data) -> None:
        self.table, self.data = table, data
        self.answers: dict[Request, Any] = {}

    def answer(self, requests: Sequence[Request]) -> None:
        new = [request for request in dict.fromkeys(requests) if request not in self.answers]
        scans = [request for request in new if isinstance(request, Scan)]
        for start in range(0, len(scans), SCANS_PER_QUERY):
            self.scan(scans[start : start + SCANS_PER_QUERY])
        for request in new:
            if isinstance(request, Rows):
                try:
                    self.answers[request] = self.data.rows(request.sql, limited=request.user)
                except SluiceError as error:
                    self.answers[request] = error

    def scan(self, scans: Sequence[Scan]) -> None:
        """Answer all in one query; where that fails, halve it until the culprits stand alone."""
        chosen = ", ".join(f"{scan.sql} AS s{i}" for i, scan in enumerate(scans))
        try:
            (values,) = self.data.rows(f"SELECT {chosen} FROM {self.data.source(self.table)}")  # noqa: S608
        except SluiceError as error:
            if len(scans) == 1:
                self.answers[scans[0]] = error
                return
            self.scan(scans[: len(scans) // 2])
            self.scan(scans[len(scans) // 2 :])
        else:
            self.answers.update(zip(scans, values, strict=True))
