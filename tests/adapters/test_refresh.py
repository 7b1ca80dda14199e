"""Refreshes: only what is new, in full, appended or merged; checked as readers would see it; published without people."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from shop import FULL, Shop
from sluice.crashing import POINTS
from sluice.errors import ChecksFailedError, RefusedError, SourceError, TerminalError
from sluice.running import incidents, refreshes
from sluice.running.history import versions
from sluice.running.holdings import Window
from sluice.running.refreshes import Asked, Refresh
from sluice.stream.refreshing.run import run
from sluice.stream.restore import restore

PROJECT = Path(__file__).parents[2]
APPEND = "{property: refresh, value: append}, {property: location, value: 'orders/*.csv'}"
MERGE = (
    "{property: refresh, value: {mode: merge, operation: op, order: at}}, {property: location, value: 'orders/*.csv'}"
)


def made(tmp_path: Path, ledger_url: str, lake: str, **terms: str) -> Shop:
    return Shop(tmp_path, ledger_url, lake, f"shop_{secrets.token_hex(4)}", **terms)


def day(shop: Shop, name: str, *rows: tuple[Any, ...], header: str = "id,buyer,paid") -> Path:
    return shop.write(f"orders/{name}.csv", [header, *(",".join(map(str, r)) for r in rows)])


def refreshed(shop: Shop, **asked: Any) -> Refresh:
    return run(shop.tools, shop.source, Asked(f"run-{secrets.token_hex(4)}", "olga", **asked))


def ids(shop: Shop) -> list[Any]:
    return [r[0] for r in shop.rows()]


@pytest.fixture
def full(ledger_url: str, lake: str, tmp_path: Path) -> Shop:
    shop = made(tmp_path, ledger_url, lake)
    shop.deliver([(1, "ann", "1.00"), (2, "bob", "2.00")])
    shop.publish()
    return shop


@pytest.fixture
def append(ledger_url: str, lake: str, tmp_path: Path) -> Shop:
    shop = made(tmp_path, ledger_url, lake, orders=APPEND)
    day(shop, "2026-03-01", (1, "ann", "1.00"))
    shop.write("items.csv", ["order_id,article", "1,tea"])
    shop.publish()
    return shop


def test_full_replaces_the_content_and_only_when_something_changed(full: Shop) -> None:
    nothing = refreshed(full)
    assert (nothing.state, nothing.reason) == ("unchanged", "nothing new at the source")
    full.deliver([(2, "bob", "2.00"), (3, "cid", "3.00")])
    done = refreshed(full)
    assert done.state == "published", done.reason
    assert ids(full) == [2, 3]
    os.utime(full.folder / "orders.csv")
    assert refreshed(full).state == "unchanged", "touched is not changed"
    with full.tools.ledger.reading() as tx:
        known = versions(tx, full.source)
        records = tx.records(run=done.id)
    assert [v.run for v in known][-1] == done.id
    assert (
        known[0].tables["items"]["snapshot_id"] != known[1].tables["items"]["snapshot_id"]
        or known[1].tables["items"]["rows"] == 1
    )
    assert {r.kind for r in records} >= {"refresh.opened", "refresh.landed", "refresh.checked", "refresh.published"}
    (published,) = [r for r in records if r.kind == "refresh.published"]
    assert full.tools.store.head(published.content["evidence"]) is not None


def test_append_lands_new_files_only_and_takes_the_place_of_changed_ones(append: Shop) -> None:
    day(append, "2026-03-02", (2, "bob", "2.00"))
    done = refreshed(append)
    assert done.state == "published" and ids(append) == [1, 2]
    with append.tools.ledger.reading() as tx:
        (landed,) = [r.content for r in tx.records(run=done.id, kinds=("refresh.landed",)) if r.table == "orders"]
    assert [u["files"] for u in landed["units"]] == [["orders/2026-03-02.csv"]] and landed["rows_read"] == 1
    day(append, "2026-03-02", (2, "bob", "2.50"), (3, "cid", "3.00"))
    refreshed(append)
    assert [(r[0], str(r[2])) for r in append.rows()] == [(1, "1.00"), (2, "2.50"), (3, "3.00")]
    (append.folder / "orders" / "2026-03-01.csv").unlink()
    assert refreshed(append).state == "unchanged", "what is no longer delivered stays"
    assert ids(append) == [1, 2, 3]


def test_a_backfill_loads_the_files_of_its_dates_again(append: Shop) -> None:
    day(append, "2026-03-02", (2, "bob", "2.00"))
    day(append, "2026-03-03", (3, "cid", "3.00"))
    refreshed(append)
    done = refreshed(append, window=Window(date(2026, 3, 2), date(2026, 3, 2)))
    assert done.state == "published" and ids(append) == [1, 2, 3], "each row once"
    with append.tools.ledger.reading() as tx:
        (landed,) = [r.content for r in tx.records(run=done.id, kinds=("refresh.landed",)) if r.table == "orders"]
    assert [u["files"] for u in landed["units"]] == [["orders/2026-03-02.csv"]] and len(landed["drop"]) == 1
    assert done.window == Window(date(2026, 3, 2), date(2026, 3, 2))


def test_changes_are_merged_by_key_the_newest_wins_and_deletes_remove(
    ledger_url: str, lake: str, tmp_path: Path
) -> None:
    shop = made(tmp_path, ledger_url, lake, orders=MERGE)
    more = "      - {name: op, logicalType: string, classification: public}\n      - {name: at, logicalType: integer, classification: public}\n"
    shop.text = shop.text.replace("  - name: items\n", more + "  - name: items\n")
    head = "id,buyer,paid,op,at"
    day(shop, "1", (1, "ann", "1.00", "I", 1), (2, "bob", "2.00", "I", 1), (3, "cid", "3.00", "I", 1), header=head)
    shop.write("items.csv", ["order_id,article", "1,tea"])
    shop.publish()
    day(
        shop,
        "2",
        (2, "bob", "2.50", "U", 3),
        (2, "bob", "2.20", "U", 2),
        (3, "cid", "3.00", "D", 2),
        (4, "dan", "4.00", "I", 2),
        header=head,
    )
    done = refreshed(shop)
    assert done.state == "published", done.reason
    assert [(r[0], str(r[2])) for r in shop.rows()] == [(1, "1.00"), (2, "2.50"), (4, "4.00")]
    with shop.tools.ledger.reading() as tx:
        (checked,) = [r.content for r in tx.records(run=done.id, kinds=("refresh.checked",)) if r.table == "orders"]
    assert checked["merged"] == {"inserted": 1, "updated": 1, "deleted": 1} and checked["rows"] == 3
    assert refreshed(shop).state == "unchanged"
    day(shop, "3", (5, "eve", "5.00", "I", 7), (5, "eva", "5.00", "I", 7), header=head)
    with pytest.raises(SourceError, match="AMBIGUOUS_CHANGES"):
        refreshed(shop)
    with shop.tools.ledger.reading() as tx:
        assert incidents.open_incident_of(tx, shop.source) is not None


def test_bad_data_stays_invisible_and_opens_an_incident(full: Shop) -> None:
    full.deliver([(1, "ann", "1.00"), (1, "bob", "2.00")])
    with pytest.raises(ChecksFailedError, match="CHECKS_FAILED"):
        refreshed(full)
    assert ids(full) == [1, 2]
    tools = full.tools
    with tools.ledger.reading() as tx:
        found = incidents.open_incident_of(tx, full.source)
        assert refreshes.refreshes(tx, full.source)[-1].state == "failed"
    assert found is not None and found.why == "checks" and found.severity == "medium"
    full.deliver([(1, "ann", "1.00")])
    with pytest.raises(RefusedError, match="INCIDENT_OPEN"):
        refreshed(full)
    with tools.ledger.transaction() as tx:
        incidents.close(tx, full.source, "olga", "a key came twice", "", tools.now())
    assert refreshed(full).state == "published" and ids(full) == [1]


def test_what_an_incident_took_back_does_not_come_back_by_itself(full: Shop) -> None:
    tools = full.tools
    full.deliver([(1, "ann", "-5.00")])
    refreshed(full)
    done = restore(tools, full.source, actor="ann", reason="negative")
    assert ids(full) == [1, 2]
    with tools.ledger.transaction() as tx:
        incidents.close(tx, done.incident.id, "olga", "a sign was lost", "", tools.now())
    with pytest.raises(SourceError, match="TAKEN_BACK"):
        refreshed(full)
    assert ids(full) == [1, 2]
    with tools.ledger.reading() as tx:
        assert incidents.open_incident_of(tx, full.source) is None
    assert refreshed(full, again=True).state == "published" and ids(full) == [1]


def test_late_empty_and_shrinking_deliveries_are_noticed_and_told(full: Shop) -> None:
    full.deliver([(1, "ann", "1.00"), *((i, "bob", "2.00") for i in range(2, 100))])
    refreshed(full)
    full.deliver([(1, "ann", "1.00")])
    done = refreshed(full)
    assert [n["what"] for n in done.noticed] == ["shrinking"] and ids(full) == [1]
    full.deliver([])
    with pytest.raises(SourceError, match="EMPTY_TABLE"):
        refreshed(full)
    assert ids(full) == [1]
    with full.tools.ledger.reading() as tx:
        assert incidents.open_incident_of(tx, full.source) is None, "told, and the next delivery may come"
    full.deliver([(1, "ann", "1.00")])
    full.later(days=3)
    assert [n["what"] for n in refreshed(full).noticed] == ["late"]
    told = {m.kind for m in full.messages()}
    assert told >= {"notify.incident.shrinking", "notify.incident.empty", "notify.incident.late"}


def test_a_table_that_moved_on_is_looked_at_again(append: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from sluice.adapters.catalogs import snapshots

    day(append, "2026-03-02", (2, "bob", "2.00"))
    real, overtaken = snapshots.replace_files, []

    def other_first(catalog: Any, identifier: str, base: int | None, **change: Any) -> int:
        if not overtaken:
            overtaken.append(identifier)
            table = catalog.load_table(identifier)
            table.overwrite(table.scan().to_arrow())  # somebody else's commit
        return real(catalog, identifier, base, **change)

    monkeypatch.setattr(snapshots, "replace_files", other_first)
    done = refreshed(append)
    assert done.state == "published" and overtaken and ids(append) == [1, 2]


def test_the_sources_that_are_not_published_cannot_be_refreshed(full: Shop) -> None:
    with pytest.raises(TerminalError, match="NOT_PUBLISHED"):
        run(full.tools, "never_heard_of", Asked("run-x", "olga"))
    assert FULL in full.text


@pytest.mark.parametrize("point", [*(p for p in POINTS if p.startswith("refresh.")), "refresh.committed:2"])
def test_killed_at_any_step_readers_see_the_old_or_the_new_and_the_next_refresh_goes_on(full: Shop, point: str) -> None:
    full.deliver([(2, "bob", "2.00"), (3, "cid", "3.00")], [(2, "milk"), (3, "tea")])
    environment = os.environ | full.environment | {
        "PYTHONPATH": f"{PROJECT / 'include'}:{PROJECT / 'plugins'}", "SLUICE_CRASH_AT": point, "SLUICE_USER": "olga",
    }  # fmt: skip
    program = ["-c", "from sluice.cli import main; main()", "refresh", full.source]
    killed = subprocess.run([sys.executable, *program], env=environment, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert ids(full) in ([1, 2], [2, 3]), "the whole old or the whole new snapshot"
    done = refreshed(full)
    assert done.state == "published" and ids(full) == [2, 3] and len(full.rows("items")) == 2
    with full.tools.ledger.reading() as tx:
        known = refreshes.refreshes(tx, full.source)
        assert [r.state for r in known] == ["failed", "published"] and len(versions(tx, full.source)) == 2
    assert list(full.tools.store.uploads(f"{full.tools.layout.root}/")) == []


def test_objects_at_the_source_are_known_again_by_their_etag(ledger_url: str, lake: str, tmp_path: Path) -> None:
    shop = made(tmp_path, ledger_url, lake, orders=APPEND)
    origin = f"{lake}/origin"
    shop.text = shop.text.replace("type: local, path: .", f"type: s3, location: {origin}")
    store = shop.tools.store

    def put(name: str, *lines: str) -> None:
        store.write(f"{origin}/{name}", ("\n".join(lines) + "\n").encode(), content_type="text/csv")

    put("orders/2026-03-01.csv", "id,buyer,paid", "1,ann,1.00")
    put("items.csv", "order_id,article", "1,tea")
    shop.publish()
    assert refreshed(shop).state == "unchanged"
    with shop.tools.ledger.reading() as tx:
        assert not tx.records(source=shop.source, kinds=("refresh.landed",)), (
            "nothing is read to know that nothing changed"
        )
    put("orders/2026-03-02.csv", "id,buyer,paid", "2,bob,2.00")
    assert refreshed(shop).state == "published" and ids(shop) == [1, 2]
