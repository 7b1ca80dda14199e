"""The last good data comes back first; then there is an incident, and nothing is published until its cause is known."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.lakes import dying
from command_line import strict
from shop import Shop
from sluice.crashing import POINTS
from sluice.errors import BadInputError, RefusedError, TerminalError
from sluice.running import incidents, refreshes
from sluice.running.history import versions
from sluice.running.refreshes import Asked
from sluice.stream.refreshing.run import run
from sluice.stream.restore import restore

PROJECT = Path(__file__).parents[2]
GOOD = [(1, "ann", "1.00"), (2, "bob", "2.00")]


@pytest.fixture
def shop(ledger_url: str, lake: str, tmp_path: Path) -> Shop:
    """Two publications: good data, then bad data."""
    shop = Shop(tmp_path, ledger_url, lake, f"shop_{secrets.token_hex(4)}")
    shop.deliver(GOOD, [(1, "tea")])
    shop.publish()
    shop.text = shop.text.replace("version: 1.0.0", "version: 1.0.1")
    shop.deliver([(1, "ann", "-100.00")], [(1, "poison")])
    shop.later(hours=1)
    shop.publish()
    shop.later(hours=2)
    return shop


def ids(shop: Shop, table: str = "orders") -> list[Any]:
    return [r[0] for r in shop.rows(table)]


def test_a_report_puts_the_version_before_back_and_then_opens_an_incident(shop: Shop) -> None:
    assert ids(shop) == [1]
    done = restore(shop.tools, shop.source, actor="ann", reason="prices are negative")
    assert ids(shop) == [1, 2] and shop.rows("items") == [(1, "tea")]
    assert set(done.moved) == {"orders", "items"}
    assert done.seconds < 10
    found = done.incident
    assert (found.severity, found.owner, found.consumers) == ("high", "olga", ("analyst",))
    assert set(found.use_cases) == {"pricing", "churn"}
    assert found.eta == found.detected_at + timedelta(hours=4), "the contract promises timeToRepair"
    measured = found.measured()
    assert measured["detect"]["seconds"] == pytest.approx(2 * 3600, abs=60), "since the bad data was published"
    assert measured["restore"]["promised"] == 60 and measured["restore"]["kept"] is True
    assert measured["repair"] == {"seconds": None, "promised": 4 * 3600.0, "kept": None}
    (message,) = shop.messages("incident.")
    assert message.payload["channels"][0]["channel"] == "shop-data"
    assert message.payload["incident"] == found.id


def test_nothing_is_published_while_it_is_open_and_it_closes_only_with_a_cause(shop: Shop) -> None:
    tools = shop.tools
    done = restore(tools, shop.source, actor="ann", reason="prices are negative")
    shop.text = shop.text.replace("version: 1.0.1", "version: 1.0.2")
    shop.deliver(GOOD)
    with pytest.raises(RefusedError, match="INCIDENT_OPEN"):
        shop.publish()
    assert ids(shop) == [1, 2]
    with tools.ledger.transaction() as tx, pytest.raises(BadInputError, match="CAUSE_NEEDED"):
        incidents.close(tx, done.incident.id, "olga", "  ", "", tools.now())
    shop.later(hours=1)
    with tools.ledger.transaction() as tx:
        closed = incidents.close(tx, shop.source, "olga", "a sign was lost", "mended at the source", tools.now())
    assert not closed.is_open and closed.measured()["repair"]["kept"] is True
    with tools.ledger.transaction() as tx:
        incidents.require_no_incident(tx, shop.source)
        with pytest.raises(RefusedError, match="INCIDENT_CLOSED"):
            incidents.close(tx, done.incident.id, "olga", "again", "", tools.now())


def test_what_was_taken_back_is_not_good_again(shop: Shop) -> None:
    tools = shop.tools
    restore(tools, shop.source, actor="ann", reason="bad")
    again = restore(tools, shop.source, actor="bob", reason="still bad")
    assert again.incident.id.endswith("-1"), "one incident at a time"
    assert again.version is None or ids(shop) == [1, 2]
    with tools.ledger.reading() as tx:
        assert [v.bad for v in versions(tx, shop.source)] == [False, True]
    assert any(r.kind == incidents.REPORTED for r in again.incident.timeline)


def test_any_snapshot_may_be_named_and_one_that_is_not_there_is_refused(shop: Shop) -> None:
    tools = shop.tools
    with tools.ledger.reading() as tx:
        first = versions(tx, shop.source)[0]
    done = restore(tools, shop.source, actor="ann", reason="bad", to=int(first.tables["items"]["snapshot_id"]))
    assert done.version is not None and done.version.run == first.run and ids(shop) == [1, 2]
    with pytest.raises(TerminalError, match="NO_SNAPSHOT"):
        restore(tools, shop.source, actor="ann", reason="bad", to=4711)
    with pytest.raises(TerminalError, match="NOT_PUBLISHED"):
        restore(tools, "nobody_knows_it", actor="ann", reason="bad")


def test_a_source_with_one_publication_stays_as_it_is_and_is_blocked(
    ledger_url: str, lake: str, tmp_path: Path
) -> None:
    shop = Shop(tmp_path, ledger_url, lake, f"shop_{secrets.token_hex(4)}")
    shop.deliver(GOOD)
    shop.publish()
    done = restore(shop.tools, shop.source, actor="ann", reason="bad")
    assert done.version is None and not done.moved and ids(shop) == [1, 2]
    with shop.tools.ledger.reading() as tx, pytest.raises(RefusedError, match="INCIDENT_OPEN"):
        incidents.require_no_incident(tx, shop.source)


def test_what_cannot_be_put_back_whole_is_not_put_back_by_half(shop: Shop) -> None:
    """A snapshot was expired by another tool: no table moves, people hear of it, and the incident can be closed."""
    from sluice.adapters.catalogs import snapshots

    tools = shop.tools
    with tools.ledger.reading() as tx:
        first = versions(tx, shop.source)[0]
    snapshots.expire(tools.tables(), f"{shop.source}.items", [int(first.tables["items"]["snapshot_id"])])
    with pytest.raises(TerminalError, match="NO_SNAPSHOT"):
        restore(tools, shop.source, actor="ann", reason="bad")
    assert ids(shop) == [1] and shop.rows("items") == [(1, "poison")], "orders were not moved without items"
    (message,) = shop.messages("incident.opened")
    assert "could not be put back" in message.payload["text"]
    with tools.ledger.transaction() as tx:
        assert not incidents.close(tx, shop.source, "olga", "a sign was lost", "loaded anew", tools.now()).is_open


def test_a_version_that_is_gone_is_passed_over_for_an_earlier_one(shop: Shop) -> None:
    from sluice.adapters.catalogs import snapshots

    shop.text = shop.text.replace("version: 1.0.1", "version: 1.0.2")
    shop.deliver([(9, "eve", "9.00")])
    shop.publish()
    tools = shop.tools
    with tools.ledger.reading() as tx:
        second = versions(tx, shop.source)[1]
    snapshots.expire(tools.tables(), f"{shop.source}.items", [int(second.tables["items"]["snapshot_id"])])
    done = restore(tools, shop.source, actor="ann", reason="bad")
    assert ids(shop) == [1, 2] and done.version is not None
    with tools.ledger.reading() as tx:
        assert [v.bad for v in versions(tx, shop.source)] == [False, True, True]


def test_a_table_that_somebody_dropped_ends_refreshes_in_words_and_can_be_made_anew(shop: Shop) -> None:
    tools = shop.tools
    tools.catalog.drop(f"{shop.source}.items")
    for _ in range(2):
        with pytest.raises(TerminalError, match="NOT_REGISTERED"):
            run(tools, shop.source, Asked(f"run-{secrets.token_hex(4)}", "olga"))
    with tools.ledger.reading() as tx:
        assert [r.state for r in refreshes.refreshes(tx, shop.source)] == ["failed", "failed"]
    assert len(shop.messages("notify.incident.refresh_failed")) == 1
    with pytest.raises(TerminalError, match="NOT_REGISTERED"):
        restore(tools, shop.source, actor="ann", reason="items are gone")
    assert ids(shop) == [1]
    with tools.ledger.transaction() as tx:
        incidents.close(tx, shop.source, "olga", "dropped by hand", "", tools.now())
    shop.text = shop.text.replace("version: 1.0.1", "version: 1.0.2")
    shop.deliver(GOOD, [(1, "tea")])
    shop.publish()
    assert ids(shop) == [1, 2] and shop.rows("items") == [(1, "tea")]


@pytest.mark.parametrize("way", ["publish", "refresh"])
def test_an_incident_that_opens_while_something_is_published_takes_it_back(
    shop: Shop, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report comes after the last look at the ledger, and finds no table to move: a delivery was refused elsewhere."""
    from sluice.adapters.catalogs import iceberg, snapshots

    before = (shop.rows(), shop.rows("items"))
    shop.deliver([(5, "eve", "5.00")], [(5, "jam")])

    def and_then_reported(real: Any) -> Any:
        def work(*given: Any, **named: Any) -> Any:
            with shop.tools.ledger.transaction() as tx:
                incidents.begin(tx, shop.source, "bad", incidents.CHECKS, "ann", "high", shop.now(), shop.now())
            return real(*given, **named)

        return work

    if way == "publish":
        shop.text = shop.text.replace("version: 1.0.1", "version: 1.0.2")
        request = shop.approved()
        monkeypatch.setattr(iceberg.IcebergCatalog, "commit", and_then_reported(iceberg.IcebergCatalog.commit))
        with pytest.raises(RefusedError, match="INCIDENT_OPEN"):
            shop.publish(request)
    else:
        monkeypatch.setattr(snapshots, "replace_files", and_then_reported(snapshots.replace_files))
        with pytest.raises(RefusedError, match="INCIDENT_OPEN"):
            run(shop.tools, shop.source, Asked("run-x", "olga"))
    assert (shop.rows(), shop.rows("items")) == before
    with shop.tools.ledger.reading() as tx:
        assert len(versions(tx, shop.source)) == 2


def test_people_hear_of_it_again_and_again_until_it_is_over(shop: Shop) -> None:
    tools = shop.tools
    done = restore(tools, shop.source, actor="ann", reason="bad")
    terms = tools.policy().running.incidents

    def tell() -> list[str]:
        with tools.ledger.transaction() as tx:
            return incidents.tell_what_is_due(tx, terms, tools.now())

    assert tell() == []
    shop.later(hours=2)
    assert tell() == [done.incident.id] and tell() == []
    with tools.ledger.transaction() as tx:
        told = incidents.update(tx, shop.source, "olga", terms, tools.now(), comment="a new file is on its way",
                                eta=tools.now() + timedelta(hours=1), severity="critical")  # fmt: skip
    assert told.severity == "critical"
    shop.later(minutes=40)
    assert tell() == [done.incident.id], "critical: every half hour"
    assert "a new file is on its way" in shop.messages("incident.updated")[0].payload["text"]
    with tools.ledger.transaction() as tx:
        incidents.close(tx, shop.source, "olga", "a sign was lost", "", tools.now())
    shop.later(days=3)
    assert tell() == []
    assert len(shop.messages("incident.")) == 5


def cli(shop: Shop, *arguments: object, crash: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | shop.environment | {
        "PYTHONPATH": f"{PROJECT / 'include'}:{PROJECT / 'plugins'}", "SLUICE_CRASH_AT": crash, "SLUICE_USER": "ann",
    }  # fmt: skip
    program = "from sluice.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize("point", [p for p in POINTS if p.startswith("restore.")])
def test_killed_at_any_step_it_goes_on(shop: Shop, point: str) -> None:
    def restored(crash: str = "") -> str:
        said = {"actor": "ann", "reason": "bad"}
        return dying.run("sluice.stream.restore:restore", shop.source, **said, environment=shop.whole(), crash=crash)[0]

    assert restored(point) == "died"
    with shop.tools.ledger.reading() as tx, pytest.raises(RefusedError, match="INCIDENT_OPEN"):
        incidents.require_no_incident(tx, shop.source)
    assert restored() == "done"
    assert ids(shop) == [1, 2] and shop.rows("items") == [(1, "tea")]
    with shop.tools.ledger.reading() as tx:
        (found,) = incidents.incidents(tx, shop.source)
        assert [v.bad for v in versions(tx, shop.source)] == [False, True]
    assert found.opened and found.restored_at


def test_the_command_line_tells_the_whole_story(shop: Shop) -> None:
    listed = cli(shop, "restore", shop.source, "--list")
    assert listed.returncode == 0 and shop.source not in listed.stderr and "orders" in listed.stdout
    reported = cli(shop, "incident", "report", shop.source, "prices are negative", "--severity", "critical")
    assert reported.returncode == 0, reported.stderr
    assert "prices are negative" in reported.stdout and "time to restore" in reported.stdout
    assert "critical" in cli(shop, "incident", "list").stdout
    refused = cli(shop, "incident", "close", shop.source)
    assert refused.returncode == 2 and "CAUSE_NEEDED" in refused.stderr
    assert cli(shop, "incident", "update", shop.source, "--comment", "we look into it").returncode == 0
    closed = cli(shop, "incident", "close", shop.source, "--cause", "a sign was lost", "--json")
    assert closed.returncode == 0 and strict(closed.stdout)["cause"] == "a sign was lost"
    assert cli(shop, "incident", "list").stdout.strip() == "No open incidents."
    assert "No open" not in cli(shop, "incident", "list", "--all").stdout
    assert cli(shop, "incident", "show", "nothing_there").returncode == 2
