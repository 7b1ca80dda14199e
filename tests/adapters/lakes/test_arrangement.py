"""Tables that are partitioned and sorted: staged so, published so, and read so, on both kinds of lake."""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from adapters.lakes.rooms import Lake
from sluice.contract.model import Contract, PartitionTerm, SortTerm
from sluice.contract.reading import read_contract
from sluice.errors import InvalidContractError, TerminalError
from sluice.lake import Manifest
from sluice.stream.land import land_table
from sluice.stream.replay import Fate, Replays

PARTITIONED = """\
apiVersion: v3.1.0
kind: DataContract
id: {source}
version: 1.0.0
status: active
servers: [{{server: files, type: local, path: ., format: csv}}]
schema:
  - name: sales
    customProperties:
      - {{property: sortOrder, value: [shop, "amount desc nulls last"]}}
    properties:
      - {{name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1, partitioned: true, partitionKeyPosition: 2,
         customProperties: [{{property: partitionTransform, value: "bucket[3]"}}]}}
      - {{name: at, logicalType: timestamp, physicalType: timestamptz, partitioned: true, partitionKeyPosition: 1,
         customProperties: [{{property: partitionTransform, value: day}}]}}
      - {{name: shop, logicalType: string}}
      - {{name: amount, logicalType: number, physicalType: "decimal(9,2)"}}
"""
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def sales() -> Contract:
    return read_contract(PARTITIONED.format(source=f"sales_{secrets.token_hex(4)}"))


def landed(room: Lake, contract: Contract, folder: Path, rows: int = 300) -> Manifest:
    lines = [
        f"{i},{(BEGIN + timedelta(hours=i)).isoformat()},{'abc'[i % 3]},{f'{i / 10:.2f}' if i % 7 else ''}"
        for i in range(rows)
    ]
    (folder / "sales.csv").write_text("\n".join(["id,at,shop,amount", *lines]) + "\n")
    replays = Replays(room.store, room.layout, "onb-1", lambda *_: Fate.OVER, lambda: BEGIN)
    return land_table(
        contract, contract.tables[0], str(folder), room.settings,
        origin=room.store, store=room.store, layout=room.layout, scratch=folder / "scratch", replays=replays,
    )  # fmt: skip


def test_the_contract_says_how_files_are_arranged(sales: Contract) -> None:
    table = sales.tables[0]
    assert table.partition == (PartitionTerm("at", "day"), PartitionTerm("id", "bucket", 3))
    assert table.sort == (SortTerm("shop"), SortTerm("amount", descending=True, nulls_first=False))


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("bucket[3]", "buckets[3", "PARTITION"),
        ("bucket[3]", "bucket", "PARTITION"),
        ("bucket[3]", "month", "PARTITION"),
        ("partitionKeyPosition: 2", "partitionKeyPosition: 1", "PARTITION"),
        ("[shop, ", "[shops, ", "SORT_ORDER"),
        ('desc nulls last"', 'sideways"', "SORT_ORDER"),
    ],
)
def test_an_arrangement_that_cannot_be_is_told_by_lint(sales: Contract, old: str, new: str, code: str) -> None:
    with pytest.raises(InvalidContractError) as caught:
        read_contract(sales.text.replace(old, new))
    assert [f.code for f in caught.value.findings] == [code]
    assert caught.value.findings[0].line > 8


def test_every_staged_file_lies_in_one_partition_and_in_order(room: Lake, sales: Contract, tmp_path: Path) -> None:
    manifest = landed(room, sales, tmp_path)
    assert manifest.rows_staged == 300
    assert len(manifest.staged) > 20
    days = set()
    for staged in manifest.staged:
        room.store.get(staged.uri, tmp_path / "one.parquet")
        rows = pq.read_table(tmp_path / "one.parquet").to_pylist()
        days |= {r["at"].date() for r in rows}
        assert {(r["at"].date() - date(1970, 1, 1)).days for r in rows} == {staged.partition["at_day"]}
        wanted = sorted(rows, key=lambda r: (r["shop"], r["amount"] is None, -(r["amount"] or 0), r["id"]))
        assert rows == wanted
    assert len(days) == 13


def test_partitions_are_published_and_prune(room: Lake, sales: Contract, tmp_path: Path) -> None:
    manifest = landed(room, sales, tmp_path)
    entry = room.register(sales)
    table = room.catalog.load(entry.identifier)
    assert [f.name for f in table.spec().fields] == ["at_day", "id_bucket"]
    assert [str(f.transform) for f in table.spec().fields] == ["day", "bucket[3]"]
    assert [(f.source_id, f.direction.value, f.null_order.value) for f in table.sort_order().fields] == [
        (3, "asc", "nulls-first"), (4, "desc", "nulls-last"),
    ]  # fmt: skip
    room.publish(entry.identifier, list(manifest.staged), "onb-1")
    table = room.catalog.load(entry.identifier)
    assert room.catalog.scan(entry.identifier).num_rows == 300
    day = table.scan(row_filter="at >= '2026-03-02T00:00:00+00:00' and at < '2026-03-03T00:00:00+00:00'")
    assert 1 <= len(list(day.plan_files())) <= 3, "other days' files are not even opened"
    assert day.to_arrow().num_rows == 24
    assert table.scan(row_filter="id == 17").to_arrow().num_rows == 1
    assert len(list(table.scan(row_filter="id == 17").plan_files())) < len(manifest.staged)


def test_a_partitioned_table_is_replaced_in_one_snapshot(room: Lake, sales: Contract, tmp_path: Path) -> None:
    entry = room.register(sales)
    first = landed(room, sales, tmp_path)
    room.publish(entry.identifier, list(first.staged), "onb-1")
    second = landed(room, sales, tmp_path, rows=48)
    done = room.publish(entry.identifier, list(second.staged), "onb-2", "e" * 64)
    assert (done.rows, len(room.catalog.snapshots(entry.identifier))) == (48, 2)
    assert room.catalog.scan(entry.identifier).num_rows == 48


def test_another_spec_rearranges_the_table_and_refuses_files_staged_for_the_old_one(
    room: Lake, sales: Contract, tmp_path: Path
) -> None:
    manifest = landed(room, sales, tmp_path)
    entry = room.register(sales)
    room.publish(entry.identifier, list(manifest.staged), "onb-1")
    monthly = read_contract(sales.text.replace("value: day", "value: month").replace("[shop, ", "[id, "))
    room.register(monthly)
    table = room.catalog.load(entry.identifier)
    assert [str(f.transform) for f in table.spec().fields if str(f.transform) != "void"] == ["month", "bucket[3]"]
    with pytest.raises(TerminalError, match="FILE_UNFIT"):
        room.prepare(entry.identifier, list(manifest.staged), "onb-2")
    again = landed(room, monthly, tmp_path)
    room.publish(entry.identifier, list(again.staged), "onb-3", "e" * 64)
    assert room.catalog.scan(entry.identifier).num_rows == 300
