"""What sources cost: estimated with assumptions, charged run by run, measured, exported as FOCUS; and kept low by upkeep."""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from adapters.lakes import dying
from command_line import strict
from shop import Shop
from sluice import cost
from sluice.adapters.catalogs.snapshots import state
from sluice.errors import BadInputError
from sluice.prices import CLASSES, FOLDER, prices_of
from sluice.running import incidents
from sluice.running.focus import COLUMNS, MANDATORY, as_csv, rows
from sluice.running.history import versions
from sluice.running.records import Record
from sluice.running.refreshes import Asked
from sluice.stages import Stage
from sluice.stream.costing import measure_storage, record_reads, summary, warn
from sluice.stream.refreshing.run import run
from sluice.stream.restore import restore
from sluice.stream.upkeep import maintain

PROJECT = Path(__file__).parents[2]
APPEND = "{property: refresh, value: append}, {property: location, value: 'orders/*.csv'}"
CARE = """
prices: {region: eu-central-1}
running: {upkeep: {keep: 1d, at_least: 1, small_files: 3, grace: 1s}, unused_after: 2d}
budgets: {total: 1000000, "cost_centre:CC-42": {monthly_usd: 0.0000001}}
"""


@pytest.fixture
def shop(ledger_url: str, lake: str, tmp_path: Path) -> Shop:
    shop = Shop(tmp_path, ledger_url, lake, f"shop_{secrets.token_hex(4)}", orders=APPEND)
    text = (PROJECT / "include" / "policy.yaml").read_text().split("# Published sources")[0]
    (tmp_path / "policy.yaml").write_text(text + CARE)
    shop.environment["SLUICE_POLICY"] = str(tmp_path / "policy.yaml")
    day(shop, 1)
    shop.write("items.csv", ["order_id,article", "1,tea"])
    shop.publish()
    return shop


def day(shop: Shop, number: int) -> None:
    shop.write(f"orders/2026-03-{number:02}.csv", ["id,buyer,paid", f"{number},ann,1.00"])


def refreshed(shop: Shop, *days: int) -> None:
    for number in days:
        day(shop, number)
        done = run(shop.tools, shop.source, Asked(f"run-{secrets.token_hex(4)}", "olga"))
        assert done.state == "published", done.reason


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yaml")), ids=lambda f: f.stem)
def test_every_price_table_is_whole_and_says_when_and_whence(file: Path) -> None:
    found = prices_of(file.stem)
    assert found.region == file.stem and found.date and found.source and set(found.storage) == set(CLASSES)
    assert found.storage["standard"] >= found.storage["infrequent"] >= found.storage["archive"]


def test_a_region_without_prices_is_named_with_those_that_have_some() -> None:
    with pytest.raises(BadInputError, match="eu-west-1"):
        prices_of("eu-west-9")


def test_an_estimate_is_the_sum_of_its_lines_and_grows_with_frequency_retention_and_region(shop: Shop) -> None:
    contract = shop.contract
    daily = cost.estimate(contract, 10**10, 2 * 10**9, 2, 10)
    assert set(daily) == {"monthly_usd", "assumptions"}
    from sluice.contract.reading import read_contract

    hourly = read_contract(
        contract.text.replace("property: frequency, value: 1, unit: d", "property: frequency, value: 1, unit: h")
    )
    brief = read_contract(
        contract.text.replace("slaProperties:", "slaProperties:\n  - {property: retention, value: 7, unit: d}")
    )
    assert cost.estimate(hourly, 10**10, 2 * 10**9, 2, 10)["monthly_usd"] > daily["monthly_usd"]
    assert cost.estimate(brief, 10**10, 2 * 10**9, 2, 10)["monthly_usd"] < daily["monthly_usd"]
    assert cost.estimate(contract, 10**10, 2 * 10**9, 2, 10, "eu-central-1")["monthly_usd"] > daily["monthly_usd"]
    assert cost.estimate(contract, 10**10, 2 * 10**9, 2, 10, "local")["monthly_usd"] == 0
    said = " ".join(daily["assumptions"])
    assert "eu-west-1, 2025-06" in said and "refreshes a month" in said and "archive" in said


def test_a_month_of_storage_scans_and_requests_by_hand() -> None:
    """One table of 1 GB that is never refreshed: landing for a year is one copy, one version, one reader a day."""
    found = cost.estimate(None, 10**9, 10**9, 1, 2, "us-east-1")
    requests = 10 * 0.005 / 1000 + 20 * 0.0004 / 1000
    by_hand = 0.023 + 0.023 + 30 * 0.001 * 5.0 + requests + 1.0 / 100_000
    assert found["monthly_usd"] == pytest.approx(by_hand, abs=1e-6)


def test_runs_are_charged_tagged_and_set_against_the_estimate(shop: Shop) -> None:
    refreshed(shop, 2)
    measure_storage(shop.tools, shop.source)
    (found,) = summary(shop.tools)
    assert found.count == 2 and found.compute_seconds > 0 and found.landed_bytes > 0 and found.scanned_bytes > 0
    assert (found.cost_centre, set(found.use_cases), found.owner) == ("CC-42", {"pricing", "churn"}, "olga")
    assert found.stored["warehouse"] > 0 and found.stored["landing"] > 0
    assert found.estimated is not None and found.variance == pytest.approx(
        (found.monthly - found.estimated) / found.estimated
    )
    with shop.tools.ledger.reading() as tx:
        request = next(r for r in tx.requests(source=shop.source))
        pack = next(a.content for a in tx.artifacts(request.id) if a.stage is Stage.PUBLICATION)
    assert pack["cost"]["monthly_usd"] == found.estimated and "eu-central-1" in pack["cost"]["assumptions"][0]


def test_focus_rows_have_every_mandatory_column_and_sum_to_what_is_on_record(shop: Shop) -> None:
    refreshed(shop, 2)
    measure_storage(shop.tools, shop.source)
    with shop.tools.ledger.reading() as tx:
        records = tx.records(source=shop.source, kinds=("cost",))
    text = as_csv(rows(records, account="123", account_name="=cmd()", now=shop.now()))
    found = list(csv.DictReader(io.StringIO(text)))
    assert found and tuple(found[0]) == COLUMNS
    nullable = {"ChargeClass"}
    assert all(row[c] for row in found for c in MANDATORY if c not in nullable)
    runs = sum(r.content["usd"] for r in records if r.kind != "cost.storage")
    assert sum(float(r["BilledCost"]) for r in found if r["x_Run"]) == pytest.approx(runs)
    assert {r["ChargeFrequency"] for r in found} == {"Usage-Based"}
    assert all(
        r["BillingPeriodStart"] <= r["ChargePeriodEnd"] and r["ChargePeriodStart"] < r["ChargePeriodEnd"] for r in found
    )
    assert json.loads(found[0]["Tags"])["cost_centre"] == "CC-42"
    assert found[0]["BillingAccountName"] == "'=cmd()"
    assert {r["ServiceCategory"] for r in found} == {"Storage", "Compute", "Analytics"} or {
        r["ServiceCategory"] for r in found
    } >= {"Storage", "Compute"}


def test_what_is_stored_is_charged_by_the_hour_however_often_it_is_measured() -> None:
    """Source: FOCUS 1.0, ChargePeriod; S3 bills byte-hours as GB-months."""
    line = {"sku": "storage warehouse", "quantity": 10.0, "unit": "GB-Month", "price": 0.023, "usd": 0.23}
    tagged = {"use_cases": ["churn"], "cost_centre": "CC-42", "owner": "olga", "domain": "", "source": "shop"}
    content = {"lines": [line], "usd": 0.23, "tags": tagged, "region": "eu-west-1", "prices_date": "2025-06"}
    begun = datetime(2026, 1, 16, 2, 30, tzinfo=UTC)
    nightly = [
        Record(i, "shop", "", "cost.storage", begun + timedelta(days=i), content=content | {"begun": "2026-01-16T02:30:00+00:00"})
        for i in range(30)
    ]  # fmt: skip
    found = list(rows(nightly, account="1", account_name="1", now=datetime(2026, 2, 14, 23, 30, tzinfo=UTC)))
    by_month = {
        m: sum(r["BilledCost"] for r in found if r["BillingPeriodStart"][:7] == m) for m in ("2026-01", "2026-02")
    }
    assert by_month["2026-01"] == pytest.approx(0.23 * (15 * 24 + 22) / (31 * 24)), "from 16 January, 02:00"
    assert by_month["2026-02"] == pytest.approx(0.23 / 2), "two of four weeks"
    ends = {r["ChargePeriodEnd"] for r in found}
    assert {r["ChargePeriodStart"] for r in found} - ends == {"2026-01-16T02:00:00Z"}, "no gap, no overlap"
    assert all(
        r["BillingPeriodStart"] <= r["ChargePeriodStart"] and r["ChargePeriodEnd"] <= r["BillingPeriodEnd"]
        for r in found
    )


def test_budgets_are_told_once_a_month_and_unused_tables_are_named(shop: Shop) -> None:
    refreshed(shop, 2)
    measure_storage(shop.tools, shop.source)
    assert warn(shop.tools) == ["cost_centre:CC-42"]
    warn(shop.tools)
    assert len(shop.messages("notify.incident.budget_over")) == 1
    shop.later(days=3)
    (found,) = summary(shop.tools)
    assert set(found.unused) == {"orders", "items"}
    reads = [(shop.source, "orders", shop.now(), "ann", 5 * 10**12)]
    assert record_reads(shop.tools, reads) == 1 and record_reads(shop.tools, reads) == 0
    (found,) = summary(shop.tools)
    assert found.unused == ("items",)


def test_upkeep_puts_files_together_and_deletes_only_what_no_snapshot_needs(shop: Shop) -> None:
    refreshed(shop, 2, 3, 4)
    tools = shop.tools
    before = len(list(tools.store.list(f"{tools.layout.table(shop.source, 'orders')}/data/")))
    expected = shop.rows()
    shop.later(days=2)
    done = maintain(tools, shop.source)
    assert done.compacted["orders"] == (4, 1) and shop.rows() == expected
    shop.later(days=2)
    refreshed(shop, 5)
    shop.later(days=2)
    again = maintain(tools, shop.source)
    assert again.expired and again.deleted > 0 and again.saved_monthly_usd > 0
    assert len(list(tools.store.list(f"{tools.layout.table(shop.source, 'orders')}/data/"))) < before
    assert shop.rows() == [*expected, *[r for r in shop.rows() if r[0] == 5]]
    (found,) = summary(tools)
    assert found.saved > 0


@pytest.mark.parametrize("point", ["upkeep.compacting", "upkeep.compacted"])
def test_killed_while_files_are_put_together_no_row_is_lost_and_the_next_night_goes_on(shop: Shop, point: str) -> None:
    refreshed(shop, 2, 3)
    shop.later(days=2)
    expected, step = shop.rows(), "sluice.stream.upkeep:maintain"
    assert dying.run(step, shop.source, environment=shop.whole(), crash=point) == ("died", None)
    assert shop.rows() == expected
    maintain(shop.tools, shop.source)
    files = len(state(shop.tools.tables(), f"{shop.source}.orders").files)
    assert (shop.rows(), files) == (expected, 1)
    with shop.tools.ledger.reading() as tx:
        known = [v.tables["orders"]["snapshot_id"] for v in versions(tx, shop.source)]
    assert known[-1] == next(s.id for s in shop.tools.catalog.snapshots(f"{shop.source}.orders") if s.current)
    refreshed(shop, 4)
    assert [r[0] for r in shop.rows()] == [1, 2, 3, 4]


def test_files_of_one_partition_are_put_together_in_the_order_of_the_table(shop: Shop) -> None:
    sort = f"{APPEND}, {{property: sortOrder, value: [id desc]}}"
    shop.text = shop.text.replace("1.0.0", "2.0.0").replace(APPEND, sort).replace(
        "name: buyer, logicalType: string,", "name: buyer, logicalType: string, partitioned: true, partitionKeyPosition: 1,"
    )  # fmt: skip
    shop.publish()
    for number in (2, 3, 4):
        shop.write(
            f"orders/2026-03-{number:02}.csv", ["id,buyer,paid", f"{number},ann,1.00", f"{number + 10},bob,1.00"]
        )
        assert run(shop.tools, shop.source, Asked(f"run-{number}", "olga")).state == "published"
    expected = shop.rows()
    shop.later(days=2)
    assert maintain(shop.tools, shop.source).compacted["orders"] == (7, 2)
    assert shop.rows() == expected
    orders = shop.tools.catalog.load(f"{shop.source}.orders")
    by_partition = {str(t.file.partition[0]): t.file.file_path for t in orders.scan().plan_files()}
    shop.tools.store.get(by_partition["ann"], shop.folder / "ann.parquet")
    assert pq.read_table(shop.folder / "ann.parquet")["id"].to_pylist() == [4, 3, 2, 1]


def test_after_a_compaction_a_changed_file_still_replaces_its_rows(shop: Shop) -> None:
    refreshed(shop, 2, 3)
    shop.later(days=2)
    assert maintain(shop.tools, shop.source).compacted["orders"] == (3, 1)
    shop.write("orders/2026-03-02.csv", ["id,buyer,paid", "2,ann,7.00"])
    done = run(shop.tools, shop.source, Asked("run-x", "olga"))
    assert done.state == "published" and [(r[0], str(r[2])) for r in shop.rows()] == [
        (1, "1.00"),
        (2, "7.00"),
        (3, "1.00"),
    ]


def test_nothing_of_a_source_with_an_open_incident_is_touched_and_what_it_may_need_stays(shop: Shop) -> None:
    refreshed(shop, 2, 3)
    tools = shop.tools
    restored = restore(tools, shop.source, actor="ann", reason="bad")
    assert [r[0] for r in shop.rows()] == [1, 2]
    shop.later(days=40)
    spared = maintain(tools, shop.source)
    assert restored.incident.id in spared.spared and not spared.expired and not spared.deleted
    with tools.ledger.transaction() as tx:
        incidents.close(tx, shop.source, "olga", "found", "", tools.now())
    maintain(tools, shop.source)
    with tools.ledger.reading() as tx:
        good = [v for v in versions(tx, shop.source) if not v.bad][-1]
    kept = {s.id for s in tools.catalog.snapshots(f"{shop.source}.orders")}
    assert int(good.tables["orders"]["snapshot_id"]) in kept
    assert [r[0] for r in shop.rows()] == [1, 2]


def test_staged_files_that_wait_for_signatures_are_not_deleted(shop: Shop) -> None:
    from sluice.onboarding import Ask
    from sluice.stream.land import land
    from sluice.stream.request import open_for_run

    shop.text = shop.text.replace("version: 1.0.0", "version: 1.0.1")
    tools = shop.tools
    request = open_for_run(
        tools, shop.contract, Ask("remy", base=str(shop.folder)), run_id="run-2", requested_at=tools.now()
    )
    shop.sign(request, Stage.ADMISSION)
    land(tools, request.id, "orders")
    with tools.ledger.reading() as tx:
        (manifest,) = (a.content for a in tx.artifacts(request.id) if a.stage is Stage.LAND)
    shop.later(days=60)
    maintain(tools, shop.source)
    assert all(tools.store.head(f["uri"]) for f in manifest["staged"])


def test_the_command_tells_and_writes_focus(shop: Shop, tmp_path: Path) -> None:
    def cli(*arguments: object) -> subprocess.CompletedProcess[str]:
        environment = os.environ | shop.environment | {"PYTHONPATH": f"{PROJECT / 'include'}:{PROJECT / 'plugins'}"}
        program = "from sluice.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", program, *map(str, arguments)], env=environment, capture_output=True, text=True
        )

    told: Any = strict(cli("cost", shop.source, "--json").stdout)
    assert told["sources"][0]["bytes_stored"]["warehouse"] > 0 and told["budgets"][0]["state"] == "over"
    assert "CC-42" in cli("cost").stdout
    out = tmp_path / "focus.csv"
    assert cli("cost", "--focus", out).returncode == 0 and out.read_text().startswith("BilledCost,BillingAccountId")
    assert cli("cost", "nobody").returncode == 2
