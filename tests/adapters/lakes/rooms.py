"""Both kinds of lake, empty and with everything a stage needs: S3 with Glue on moto, a folder with the SQL catalog."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.access import AccessControl
from sluice.adapters.access import open_access
from sluice.adapters.catalogs import open_catalog
from sluice.adapters.catalogs.iceberg import IcebergCatalog
from sluice.adapters.catalogs.sql import load_sql
from sluice.adapters.ledger import PostgresLedger
from sluice.adapters.stores import open_store
from sluice.catalog import CatalogEntry, Marks, Prepared, Publication
from sluice.contract.model import Contract
from sluice.contract.reading import read_contract
from sluice.lake import Layout, ObjectStore, StagedFile
from sluice.registration import table_request
from sluice.settings import Settings
from sluice.stream.tools import Tools, sha256

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


@dataclass(frozen=True)
class Lake:
    """A lake: its settings, its ports, and short ways to stage and publish in it."""

    settings: Settings
    uri: str
    store: ObjectStore
    catalog: IcebergCatalog
    access: AccessControl
    folder: Path

    @property
    def layout(self) -> Layout:
        return Layout(self.uri)

    def tools(self, ledger_url: str, now: Any = lambda: datetime.now(UTC)) -> Tools:
        return Tools(self.settings, PostgresLedger(ledger_url), self.store, self.layout, now)

    def again(self) -> IcebergCatalog:
        """The catalog as another process opens it."""
        load_sql.cache_clear()
        return open_catalog(self.settings, self.uri)

    def register(self, contract: Contract, number: int = 0) -> CatalogEntry:
        table = contract.tables[number]
        return self.catalog.register(table_request(contract, table, self.layout.table(contract.id, table.table_name)))

    def stage(
        self, contract: Contract, name: str, ids: list[int], partition: dict[str, Any] | None = None
    ) -> StagedFile:
        """A Parquet file where the table will have it."""
        paid = pa.array([Decimal("1.00")] * len(ids), pa.decimal128(9, 2))
        path = self.folder / name
        pq.write_table(pa.table({"id": pa.array(ids, pa.int64()), "paid": paid}), path)
        return self.put(
            path, self.layout.staged(contract.id, contract.tables[0].table_name, "a", name), len(ids), partition
        )

    def put(self, path: Path, uri: str, rows: int, partition: dict[str, Any] | None = None) -> StagedFile:
        digest, size = sha256(path), path.stat().st_size
        self.store.put(path, uri, sha256=digest)
        return StagedFile(uri, rows, size, digest, {}, partition or {})

    def publish(self, identifier: str, files: list[StagedFile], request: str, digest: str = "d" * 64) -> Publication:
        ready = self.catalog.prepare(identifier, files, Marks(request, digest))
        return ready if isinstance(ready, Publication) else self.catalog.commit(ready)

    def prepare(self, identifier: str, files: list[StagedFile], request: str) -> Prepared:
        ready = self.catalog.prepare(identifier, files, Marks(request, "d" * 64))
        assert not isinstance(ready, Publication)
        return ready

    def ids(self, identifier: str) -> list[int]:
        return sorted(self.catalog.scan(identifier).column("id").to_pylist())


@pytest.fixture(params=["s3", "file"])
def room(request: pytest.FixtureRequest, services: Settings, lake: str, tmp_path: Path) -> Lake:
    """Each kind of lake in turn."""
    (tmp_path / "work").mkdir()
    uri = lake if request.param == "s3" else (tmp_path / "the lake").as_uri()
    settings = replace(services, lake=uri)
    return Lake(
        settings, uri, open_store(uri), open_catalog(settings, uri), open_access(uri), tmp_path / "work"
    )  # fmt: skip


@pytest.fixture
def contract() -> Contract:
    return read_contract(CONTRACT.format(source=f"shop_{secrets.token_hex(4)}"))
