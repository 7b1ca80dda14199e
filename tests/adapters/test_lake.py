"""Object stores behave alike, and tables are registered and published on Glue as promised; on a real moto server."""

from __future__ import annotations

import secrets
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.adapters import iceberg
from sluice.adapters.files import FileStore
from sluice.adapters.s3 import S3Store, bucket_exists, ensure_bucket
from sluice.contract.model import Contract
from sluice.contract.reading import read_contract
from sluice.errors import ConflictError, LakeUnavailableError, SourceError
from sluice.lake import ObjectStore


@pytest.fixture(params=["s3", "file"])
def store(request: pytest.FixtureRequest, lake: str, tmp_path: Path) -> tuple[ObjectStore, str]:
    """Every implementation of the port, with a root to write below."""
    return (S3Store(), lake) if request.param == "s3" else (FileStore(), (tmp_path / "lake dir").as_uri())


def test_what_is_put_comes_back(store: tuple[ObjectStore, str], tmp_path: Path) -> None:
    objects, root = store
    content = secrets.token_bytes(300_000)
    (tmp_path / "in").write_bytes(content)
    uri = f"{root}/a b/é.bin"
    assert objects.head(uri) is None
    objects.put(tmp_path / "in", uri)
    info = objects.head(uri)
    assert info is not None
    assert info.size == len(content)
    objects.get(uri, tmp_path / "deep" / "out")
    assert (tmp_path / "deep" / "out").read_bytes() == content == objects.read(uri)
    assert [o.size for o in objects.list(f"{root}/a b/")] == [len(content)]
    assert list(objects.list(f"{root}/nothing/")) == []


def test_writing_only_if_absent_writes_once(store: tuple[ObjectStore, str]) -> None:
    objects, root = store
    uri = f"{root}/once.json"
    assert objects.write(uri, b"1", content_type="application/json", only_if_absent=True)
    assert not objects.write(uri, b"2", content_type="application/json", only_if_absent=True)
    assert objects.read(uri) == b"1"
    assert objects.write(uri, b"3", content_type="application/json")
    assert objects.read(uri) == b"3"


def test_what_is_missing_says_so(store: tuple[ObjectStore, str], tmp_path: Path) -> None:
    objects, root = store
    with pytest.raises(SourceError, match="NO_OBJECT"):
        objects.read(f"{root}/none")
    with pytest.raises(SourceError, match="NO_OBJECT"):
        objects.get(f"{root}/none", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_changed_object_has_another_mark(store: tuple[ObjectStore, str]) -> None:
    objects, root = store
    marks = set()
    for content in (b"aaaa", b"bbbb"):
        objects.write(f"{root}/x", content, content_type="text/plain")
        info = objects.head(f"{root}/x")
        assert info is not None
        marks.add(info.etag)
    assert len(marks) == 2


@pytest.mark.parametrize("size", [0, 7, 20 << 20])
def test_what_is_put_has_the_checksum_it_is_said_to_have(
    store: tuple[ObjectStore, str], tmp_path: Path, size: int
) -> None:
    import hashlib

    objects, root = store
    (tmp_path / "in").write_bytes(bytes(size))
    with pytest.raises(SourceError, match="SOURCE_CHANGED"):
        objects.put(tmp_path / "in", f"{root}/x", sha256="0" * 64)
    assert objects.head(f"{root}/x") is None
    assert list(objects.uploads(f"{root}/")) == []
    assert objects.put(tmp_path / "in", f"{root}/x", sha256=hashlib.sha256(bytes(size)).hexdigest())
    assert not objects.put(tmp_path / "in", f"{root}/x")


def test_the_bucket_is_made_once(lake: str) -> None:
    assert not ensure_bucket(lake, "eu-west-1")
    assert bucket_exists(lake)
    assert not bucket_exists("s3://there-is-no-such-bucket-here")


CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: {source}
version: 1.0.0
status: active
domain: retail
description: {{purpose: Orders of the shop.}}
team: {{name: Shop, members: [{{username: olga, role: owner}}]}}
servers: [{{server: files, type: local, path: ., format: csv}}]
schema:
  - name: orders
    description: One order.
    properties:
      - {{name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1, classification: public, description: Its number.}}
      - {{name: paid, logicalType: number, physicalType: "decimal(9,2)", classification: confidential, description: Euros.}}
"""


@pytest.fixture
def contract() -> Contract:
    return read_contract(CONTRACT.format(source=f"shop_{secrets.token_hex(4)}"))


def staged(lake: str, contract: Contract, tmp_path: Path, name: str, ids: list[int]) -> str:
    """A Parquet file where the table will have it."""
    from decimal import Decimal

    table = pa.table(
        {"id": pa.array(ids, pa.int64()), "paid": pa.array([Decimal("1.00")] * len(ids), pa.decimal128(9, 2))}
    )
    pq.write_table(table, tmp_path / name)
    uri = f"{lake}/warehouse/{contract.id}/orders/data/{name}"
    S3Store().put(tmp_path / name, uri)
    return uri


def registered(lake: str, contract: Contract) -> iceberg.CatalogEntry:
    return iceberg.register(iceberg.catalog(), contract, contract.tables[0], f"{lake}/warehouse/{contract.id}/orders")


def rows(identifier: str) -> list[int]:
    return sorted(iceberg.scan(iceberg.catalog(), identifier).column("id").to_pylist())


def test_registering_tells_the_catalog_everything_and_shows_no_data(lake: str, contract: Contract) -> None:
    import boto3

    entry = registered(lake, contract)
    assert entry.created
    table = boto3.client("glue").get_table(DatabaseName=contract.id, Name="orders")["Table"]
    columns = {c["Name"]: (c["Type"], c.get("Comment")) for c in table["StorageDescriptor"]["Columns"]}
    assert columns == {"id": ("bigint", "Its number."), "paid": ("decimal(9,2)", "Euros.")}
    parameters = table["Parameters"]
    assert parameters["sluice.source"] == contract.id
    assert parameters["sluice.contract-digest"] == contract.digest
    assert parameters["owner"] == "olga"
    assert parameters["classification.level"] == "confidential"
    assert parameters["classification.column.id"] == "public"
    assert parameters["sluice.primary-key"] == "id"
    assert iceberg.catalog().load_table(entry.identifier).current_snapshot() is None
    assert not registered(lake, contract).created, "ours is adopted"


def test_what_somebody_else_made_is_left_alone(lake: str, contract: Contract) -> None:
    catalog = iceberg.catalog()
    catalog.create_namespace(contract.id)
    catalog.create_table((contract.id, "orders"), iceberg.iceberg_schema(contract.tables[0]), location=f"{lake}/theirs")
    with pytest.raises(ConflictError, match="TABLE_NOT_OURS"):
        registered(lake, contract)


def test_a_column_may_come_and_none_may_change(lake: str, contract: Contract) -> None:
    entry = registered(lake, contract)
    more = contract.text + "      - {name: note, logicalType: string, classification: public}\n"
    registered(lake, read_contract(more))
    assert [f.name for f in iceberg.catalog().load_table(entry.identifier).schema().fields] == ["id", "paid", "note"]
    with pytest.raises(ConflictError, match="SCHEMA_CHANGED"):
        registered(lake, read_contract(more.replace("decimal(9,2)", "decimal(9,3)")))
    with pytest.raises(ConflictError, match="SCHEMA_CHANGED"):
        registered(lake, contract)


def test_publishing_is_one_commit_and_doing_it_again_changes_nothing(
    lake: str, contract: Contract, tmp_path: Path
) -> None:
    entry = registered(lake, contract)
    file = staged(lake, contract, tmp_path, "a.parquet", [1, 2, 3])
    first = iceberg.publish(iceberg.catalog(), entry.identifier, [file], "onb-1", "d" * 64)
    again = iceberg.publish(iceberg.catalog(), entry.identifier, [file], "onb-1", "d" * 64)
    assert (first.rows, first.files, first.repeated) == (3, 1, False)
    assert (again.snapshot_id, again.repeated) == (first.snapshot_id, True)
    assert rows(entry.identifier) == [1, 2, 3]
    assert iceberg.readable(iceberg.catalog(), entry.identifier, "onb-1") is None
    assert iceberg.readable(iceberg.catalog(), entry.identifier, "onb-2") == "it has no snapshot of this request"


def test_the_next_publication_replaces_the_content_at_once(lake: str, contract: Contract, tmp_path: Path) -> None:
    entry = registered(lake, contract)
    iceberg.publish(
        iceberg.catalog(), entry.identifier, [staged(lake, contract, tmp_path, "a.parquet", [1, 2])], "onb-1", "d" * 64
    )
    before = iceberg.catalog().load_table(entry.identifier).metadata_location
    iceberg.publish(
        iceberg.catalog(), entry.identifier, [staged(lake, contract, tmp_path, "b.parquet", [7])], "onb-2", "e" * 64
    )
    table = iceberg.catalog().load_table(entry.identifier)
    assert rows(entry.identifier) == [7]
    assert table.metadata.metadata_log[-1].metadata_file == before, "one commit: no state in between"


def test_a_lost_file_is_noticed(lake: str, contract: Contract, tmp_path: Path) -> None:
    import boto3

    entry = registered(lake, contract)
    file = staged(lake, contract, tmp_path, "a.parquet", [1])
    iceberg.publish(iceberg.catalog(), entry.identifier, [file], "onb-1", "d" * 64)
    boto3.client("s3").delete_object(Bucket=lake.removeprefix("s3://"), Key=file.removeprefix(f"{lake}/"))
    assert f"{file} is gone" in str(iceberg.readable(iceberg.catalog(), entry.identifier, "onb-1"))
    assert iceberg.readable(iceberg.catalog(), f"{contract.id}.nope", "onb-1") == "the catalog has no such table"


def test_a_lake_that_is_away_is_a_passing_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    from sluice.adapters import s3

    away = boto3.client("s3", endpoint_url="http://127.0.0.1:9", config=s3.client_config(total_max_attempts=1))
    monkeypatch.setattr(s3, "_client", lambda: away)
    with pytest.raises(LakeUnavailableError, match="S3_UNAVAILABLE"):
        S3Store().head("s3://bucket/key")
