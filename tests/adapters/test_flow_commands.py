"""`sluice flow` and `sluice forecast` on a real ledger, as a delivery manager uses them."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sluice.adapters.ledger import PostgresLedger
from sluice.cli import cli
from sluice.cli.history import add_history
from sluice.errors import BadInputError, ConflictError, UsageError
from sluice.flow.log import read_log
from sluice.flow.reading import exported
from sluice.ledger import RequestState
from sluice.policy import load_policy

POLICY = Path(__file__).parents[2] / "include" / "policy.yaml"


@pytest.fixture
def sluice(ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("SLUICE_LEDGER_URL", ledger_url)
    return lambda *arguments: CliRunner().invoke(cli, [str(a) for a in arguments], catch_exceptions=False)


@pytest.fixture
def past(ledger_url: str) -> PostgresLedger:
    ledger = PostgresLedger(ledger_url)
    add_history(ledger, load_policy(POLICY), datetime.now(UTC), requests=120)
    return ledger


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_an_empty_ledger_says_so(sluice: Any) -> None:
    assert "No requests in this choice yet" in sluice("flow").output
    assert told(sluice("flow", "--json"))["requests"] == 0
    assert "Nothing is under way" in sluice("forecast").output
    assert "No baseline yet" in sluice("flow", "baseline").output


def test_a_simulated_history_is_labelled_and_never_mixed_with_real_requests(sluice: Any, past: PostgresLedger) -> None:
    shown = sluice("flow").output
    assert shown.startswith("Simulated requests: made up")
    assert "Bottleneck: " in shown
    document = told(sluice("flow", "--json"))
    assert document["simulated"] is True
    assert document["requests"] == 120
    assert "simulated requests are there already" in add_history(past, load_policy(POLICY), datetime.now(UTC))
    with past.reading() as tx:
        assert tx.requests() == []  # nobody is reminded of, decides on or restores one
        assert len(tx.requests(origin="simulated")) == 120


def test_stage_parts_sum_to_the_lead_time(sluice: Any, past: PostgresLedger) -> None:
    document = told(sluice("flow", "--json"))
    with past.reading() as tx:
        requests = tx.requests(origin="simulated")
    now = datetime.fromisoformat(document["as_of"])
    total = sum(((r.closed_at or now) - r.requested_at).total_seconds() for r in requests)
    assert document["work_seconds"] + sum(document["wait_seconds"].values()) == pytest.approx(total, rel=1e-6)
    assert sum(s["critical_share"] for s in document["stages"]) == pytest.approx(1)
    assert sum(document["outcomes"].values()) == 120
    later = told(sluice("flow", "--json", "--since", "30d"))
    since = now - timedelta(days=30)
    assert later["requests"] == sum(r.closed_at is None or r.closed_at >= since for r in requests)
    low = told(sluice("flow", "--json", "--tier", "low"))
    assert low["requests"] == sum(r.tier == "low" for r in requests)


@pytest.mark.parametrize(("form", "name"), [("csv", "log.csv"), ("xes", "log.xes"), ("ocel", "log.json")])
def test_what_is_exported_is_what_is_in_the_ledger(
    sluice: Any, past: PostgresLedger, tmp_path: Path, form: str, name: str
) -> None:
    file = tmp_path / name
    result = sluice("flow", "export", "--format", form, "-o", file, "--simulated", "--with-people")
    assert result.exit_code == 0
    with past.reading() as tx:
        assert read_log(file, form) == list(exported(tx, tx.request_ids()))
    frozen = told(sluice("flow", "import", file, "--as", "claimed", "--name", f"again {form}", "--json"))
    measured = told(sluice("flow", "--json"))
    ended = sum(n for state, n in measured["outcomes"].items() if state != "open")
    assert (frozen["n"], frozen["left_open"], frozen["obtained"]) == (ended, 120 - ended, "claimed")


def test_an_export_names_nobody_unless_asked(sluice: Any, past: PostgresLedger, tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    sluice("flow", "export", "--format", "csv", "-o", file, "--simulated")
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {(r["actor"], r["reason"]) for r in rows} == {("", "")}
    assert {r["role"] for r in rows} > {"security"}
    assert {r["origin"] for r in rows} == {"simulated"}
    with pytest.raises(BadInputError, match="cannot be written"):
        sluice("flow", "export", "--format", "csv", "-o", tmp_path / "nowhere" / "log.csv")


def test_a_baseline_is_frozen_listed_and_compared(sluice: Any, past: PostgresLedger, tmp_path: Path) -> None:
    tickets = tmp_path / "tickets.csv"
    begin = datetime(2026, 1, 5, 9, tzinfo=UTC)
    lines = [f"DL-{i},{begin + timedelta(days=i)},{begin + timedelta(days=i + 18 + i % 9)},Done" for i in range(40)]
    tickets.write_text("\n".join(["Issue key,Created,Resolved,Resolution", *lines, f"DL-99,{begin},,"]), "utf-8")
    said = sluice("flow", "import", tickets, "--as", "measured", "--name", "jira", "--statement", "Jira, project DL")
    assert "measured" in said.output
    assert "1 was still open" in said.output
    with pytest.raises(ConflictError, match="frozen"):
        sluice("flow", "import", tickets, "--as", "measured", "--name", "jira")
    (found,) = told(sluice("flow", "--json"))["comparison"]
    assert (found["baseline"], found["measured"]) == ("jira", True)
    assert found["proven"] is False  # our side is simulated: a picture, and no result
    assert found["said"].startswith("Simulated, which proves nothing")
    assert found["before"]["p50"] == pytest.approx(22 * 86400, abs=86400)
    assert found["low"] < found["saved_seconds"] < found["high"]
    claim = told(
        sluice("flow", "baseline", "claim", "three weeks", "--name", "claim", "--statement", "the team says", "--json")
    )
    assert (claim["obtained"], claim["n"], claim["claimed_seconds"]) == ("claimed", 0, 21 * 86400)
    against = told(sluice("flow", "--json", "--baseline", "claim"))["comparison"][0]
    assert (against["measured"], against["proven"]) == (False, False)
    listed = sluice("flow", "baseline").output
    assert "unknown" in listed
    assert "jira" in listed
    with pytest.raises(BadInputError, match="no baseline"):
        sluice("flow", "--baseline", "other")


def test_what_cannot_be_or_was_understood_by_halves_is_said(sluice: Any, tmp_path: Path) -> None:
    late = tmp_path / "late.csv"
    late.write_text("Key,At,To\nA,2026-01-01T00:00Z,Open\nA,2126-02-01T00:00Z,Live\n", "utf-8")
    with pytest.raises(BadInputError, match="has not come yet"):
        sluice("flow", "import", late, "--as", "measured", "--name", "late")
    late.write_text(late.read_text("utf-8").replace("2126", "2026"), "utf-8")
    noted = sluice("flow", "import", late, "--as", "measured", "--name", "late", "--map", "status:Opne=queue").output
    assert "no ticket was ever in status 'opne'" in noted and "what kind of time 'open' is" in noted
    with pytest.raises(UsageError, match="no number of days"):
        sluice("flow", "--expect-days", "nan")


def test_forecasts_have_dates_a_roadmap_and_a_test_on_the_past(sluice: Any, past: PostgresLedger) -> None:
    document = told(sluice("forecast", "--json"))
    now = datetime.fromisoformat(document["as_of"])
    with past.reading() as tx:
        under_way = {r.id for r in tx.requests(state=RequestState.OPEN, origin="simulated")}
    assert {r["request"] for r in document["requests"]} == under_way
    for one in document["requests"]:
        assert now < datetime.fromisoformat(one["p50"]) <= datetime.fromisoformat(one["p85"])
        assert one["samples"] >= 20
        assert one["assumptions"]
    assert datetime.fromisoformat(document["roadmap"]["p85"]) >= max(
        datetime.fromisoformat(r["p50"]) for r in document["requests"]
    )
    assert document["calibration"]["n"] >= 20
    more = told(sluice("forecast", "--json", "--not-asked", "30"))["roadmap"]
    assert more["p50"] > document["roadmap"]["p50"]
    one = next(iter(under_way))
    assert "half of such cases by" in sluice("forecast", one).output
    with pytest.raises(BadInputError, match="there is no request"):
        sluice("forecast", "onb-nobody")
    with pytest.raises(BadInputError, match="no request is for"):
        sluice("forecast", "--use-case", "nobody's")


def test_what_if_is_said_to_be_a_simulation(sluice: Any, past: PostgresLedger) -> None:
    shown = sluice("flow", "simulate", "--requests", "100").output
    assert shown.startswith("A simulation, not a measurement.")
    assert "fitted" in shown
    document = told(
        sluice(
            "flow",
            "simulate",
            "--fitted",
            "--requests",
            "100",
            "--faster",
            "security",
            "--pre-approve",
            "low",
            "--wip",
            "3",
            "--json",
        )
    )
    names = [o["name"] for o in document["outcomes"]]
    assert names[0] == "as measured"
    assert len(names) == 6
    assert document["simulation"] is True
    with pytest.raises(UsageError, match="nobody signs as"):
        sluice("flow", "simulate", "--faster", "cleaner")
    with pytest.raises(UsageError, match="no request of tier"):
        sluice("flow", "simulate", "--pre-approve", "cosmic")


def test_wrong_use_is_told(sluice: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no point in time"):
        sluice("flow", "--since", "yesterday")
    with pytest.raises(BadInputError, match="does not say what"):
        sluice("flow", "import", tmp_path / "log.bin", "--as", "measured", "--name", "x")
    file = tmp_path / "a.csv"
    file.write_text("Key,Created,Resolved\na,2026-01-01T00:00Z,2026-01-02T00:00Z\n", "utf-8")
    with pytest.raises(BadInputError, match="cannot be a baseline's name"):
        sluice("flow", "import", file, "--as", "measured", "--name", "../x")
    with pytest.raises(BadInputError, match="has no calendar"):
        sluice("flow", "import", file, "--as", "measured", "--name", "x", "--calendar", "moon")
    with pytest.raises(BadInputError, match="is not a length"):
        sluice("flow", "baseline", "claim", "ages", "--name", "x")
