"""The event log read and loaded whole, and frozen baselines, on a real PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from sluice.adapters.ledger import PostgresLedger
from sluice.errors import ConflictError
from sluice.histories import Baseline, Obtained, PastCase
from sluice.ledger import Request, RequestState
from sluice.stages import Event, Stage, StageEvent

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def past(name: str, origin: str = "simulated") -> Request:
    return Request(
        id=name, source="shop", contract_digest=name.ljust(64, "0"), contract_version="1.0.0", contract_text="…", contract_file="f",
        base="", attempt=1, run_id=name, requester="remy", use_case="u", priority="standard", comment='a "quote"\tand tab',
        tables=("a", "b"), tier="low", tier_reasons=("why",), signatures={"admission": ["business"]}, policy_digest="p",
        requested_at=NOW, state=RequestState.PUBLISHED, closed_at=NOW + timedelta(days=7), origin=origin,
    )  # fmt: skip


def lines(name: str) -> list[StageEvent]:
    return [
        StageEvent(1, name, Stage.REQUEST, 1, Event.REQUESTED, NOW, actor="remy"),
        StageEvent(2, name, Stage.LAND, 1, Event.PAUSED, NOW, table="a", reason="\\N of course", reason_code="outage"),
        StageEvent(3, name, Stage.PUBLISH, 1, Event.COMPLETED, NOW + timedelta(days=7)),
    ]


def test_a_loaded_history_reads_back_the_same_and_leaves_no_gap(ledger_url: str) -> None:
    ledger = PostgresLedger(ledger_url)
    with ledger.transaction() as tx:
        assert tx.load_history([past("one")], lines("one")) == 3
    with ledger.transaction() as tx:
        assert tx.load_history([past("two"), past("three")], [*lines("two"), *lines("three")]) == 6
        tx.append("two", Stage.LAND, 1, Event.RESUMED, NOW, reason_code="outage")
    with ledger.reading() as tx:
        assert tx.request("one") == past("one")
        assert tx.requests() == []  # nobody is reminded of, decides on or restores a simulated one
        assert [r.origin for r in tx.requests(origin="simulated")] == ["simulated"] * 3
        everything = list(tx.all_events())
        assert [e.seq for e in everything] == list(range(1, 11))
        assert tx.events("one") == lines("one")
        assert [e.seq for e in tx.all_events(since=3, until=5)] == [4, 5]
        assert everything[-1].reason_code == "outage"
        both = tx.events_of(["two", "one", "nobody"])
        assert [e.seq for e in both["two"]] == [4, 5, 6, 10]
        assert both["one"] == lines("one")
        assert both["nobody"] == []


def test_a_baseline_is_frozen(ledger_url: str) -> None:
    ledger = PostgresLedger(ledger_url)
    case = PastCase("T-1", "published", "high", "u", NOW, NOW + timedelta(days=21), 21 * 86400.0, 2 * 86400.0)
    frozen = Baseline(
        "before",
        Obtained.MEASURED,
        "Jira export",
        1,
        NOW,
        NOW + timedelta(days=21),
        "d" * 64,
        "csv",
        NOW,
        "dan",
        (case,),
    )
    with ledger.transaction() as tx:
        tx.add_baseline(frozen)
    with ledger.transaction() as tx, pytest.raises(ConflictError, match="frozen"):
        tx.add_baseline(frozen)
    with ledger.reading() as tx:
        assert tx.baseline("before") == frozen
        assert [b.name for b in tx.baselines()] == ["before"]
        assert tx.baseline("other") is None
    engine = sa.create_engine(ledger_url)
    with pytest.raises(sa.exc.ProgrammingError, match="append-only"), engine.begin() as connection:
        connection.execute(sa.text("UPDATE sluice.baseline SET obtained = 'claimed'"))
    engine.dispose()
