"""The morning digest, the weekly report and warnings of slips, on a made-up history, by real mail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from made_up import NOW, histories, load
from sluice.cli import cli
from sluice.histories import Origin
from sluice.outbox import MessageState
from sluice.settings import Settings
from sluice.stream.digesting import digest_now, write_due_letters
from sluice.stream.slips import warn_of_slips
from statements import statements
from told import World, a_world

LETTERS = """
service_levels:
  calendar: office
  request: {standard: 5 business days}
  stages: {admission: 2 business days, publication: 2 business days}
"""
FRIDAY = NOW.replace(hour=8, minute=0)  # 20 November 2026, 09:00 in Brussels


@pytest.fixture
def world(services: Settings, ledger_url: str, tmp_path: Path) -> Iterator[World]:
    with a_world(services, ledger_url, tmp_path, LETTERS) as made:
        text = made.policy_file.read_text()
        made.policy_file.write_text(text.replace(
            "  subscribers: {events: all}\n",
            '  subscribers: {events: all}\n  digest: {at: "09:00", tell: [owners]}\n  report: {at: "09:00", day: mon, tell: [owners, governance]}\n',
        ))  # fmt: skip
        made.now = FRIDAY
        yield made


def busy(world: World, count: int = 60) -> None:
    load(world.tools.ledger, list(histories(count, now=FRIDAY, seed=5)))


def sections(digest: Any) -> dict[str, Any]:
    return {s.heading.split(" since")[0]: s for s in digest.sections}


def test_the_morning_says_what_moved_what_is_stuck_and_on_whom_and_what_is_due(world: World) -> None:
    busy(world)
    found = sections(digest_now(world.tools))
    assert set(found) == {"Moved", "Stuck, and on whom", "Due"}
    with world.tools.ledger.reading() as tx:
        open_ = {r.source: r for r in tx.requests() if r.state == "open"}
    stuck = found["Stuck, and on whom"].rows
    assert stuck and {row[0] for row in stuck} <= set(open_)
    assert any("security (sara)" in row[2] or "sara" in row[2] for row in stuck), "a role, and who holds it"
    assert found["Due"].rows, "some are late"
    assert all("late by" in row[3] or "left" in row[3] for row in found["Due"].rows)


def test_it_is_mailed_once_on_working_days_from_its_hour_on(world: World) -> None:
    busy(world, 20)
    world.now = FRIDAY - timedelta(minutes=1)
    assert write_due_letters(world.tools) == []
    world.now = FRIDAY + timedelta(minutes=3)
    assert write_due_letters(world.tools) == ["digest/2026-11-20"]
    assert write_due_letters(world.tools) == []
    world.tell()
    (letter,) = [m for m in world.box.letters if str(m["subject"]).startswith("Sluice on Fri")]
    html = letter.get_body(("html",)).get_content()
    assert "Stuck, and on whom" in html and "<table" in html
    assert "https://sluice.example.org/sluice/pages/board" in html
    world.now = FRIDAY + timedelta(days=1)
    assert write_due_letters(world.tools) == [], "nobody works on Saturday"
    world.now = FRIDAY + timedelta(days=3)
    assert write_due_letters(world.tools) == ["digest/2026-11-23", "report/2026-48"]


def test_the_weekly_report_can_be_forwarded(world: World, tmp_path: Path) -> None:
    busy(world, 120)
    found = digest_now(world.tools, weekly=True)
    text = " ".join(found.sentences)
    assert "published in the last seven days" in text
    assert "No baseline is frozen yet" in text
    assert [s.heading for s in found.sections] == [
        "Week by week",
        "Where the time goes",
        "Who is waited for",
        "Oldest under way",
    ]
    weeks = found.sections[0].rows
    with world.tools.ledger.reading() as tx:
        ended = [r.closed_at for r in tx.requests() if r.state == "published" and r.closed_at]
    since = FRIDAY - timedelta(weeks=8)
    assert sum(int(row[1]) for row in weeks) == sum(since < at <= FRIDAY for at in ended)


def test_simulated_history_is_reported_nowhere(world: World) -> None:
    load(world.tools.ledger, list(histories(30, now=FRIDAY, seed=5, origin=Origin.SIMULATED)))
    found = digest_now(world.tools)
    assert all(not s.rows for s in found.sections)
    assert found.sentences == ("Nothing is under way.",)
    assert "Nothing was published" in " ".join(digest_now(world.tools, weekly=True).sentences)


def test_the_command_shows_and_writes_it(
    world: World, ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_LEDGER_URL", ledger_url)
    page = tmp_path / "report.html"
    shown = CliRunner().invoke(cli, ["digest", "--weekly", "--html", str(page)], catch_exceptions=False)
    assert shown.exit_code == 0
    assert "Week by week" in shown.output
    assert "<!doctype html>" in page.read_text() and "Nobody is waited for." in page.read_text()


def test_a_promise_that_slips_is_told_once_a_day_of_slip_with_its_cause(world: World) -> None:
    busy(world, 150)
    assert warn_of_slips(world.tools) == [], "the first forecast is the promise"
    world.now = FRIDAY.replace(minute=0) + timedelta(days=12)
    told = warn_of_slips(world.tools)
    assert told
    assert warn_of_slips(world.tools) == []
    world.tell()
    with world.tools.ledger.reading() as tx:
        facts = [m for m in tx.messages(limit=1000) if m.kind == "notify.slipped"]
    assert len(facts) == len(told)
    assert all(m.payload["cause"] for m in facts)
    assert all(m.state is MessageState.DELIVERED for m in facts), [
        m.note for m in facts if m.state is not MessageState.DELIVERED
    ]
    assert any("will probably be late" in str(m["subject"]) for m in world.box.letters)


def test_a_round_asks_the_ledger_little_about_each_open_request(world: World) -> None:
    from sluice.stream.keeping import Keeper, keep
    from sluice.stream.rounds import STEPS

    load(world.tools.ledger, list(histories(60, now=FRIDAY, days=20, seed=9)))
    steps = [s for s in STEPS if s.name not in ("rework", "anchor")]
    keeper = Keeper(world.tools, world.secrets.get, lambda: pytest.fail("no Airflow here"))
    keep(keeper, steps)
    with statements() as sent:
        outcomes = keep(keeper, steps)
    assert not any(o.error for o in outcomes)
    with world.tools.ledger.reading() as tx:
        waiting = sum(r.state == "open" for r in tx.requests())
    assert waiting > 10
    assert len(sent) < 50 + 5 * waiting
