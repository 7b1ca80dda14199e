"""A source folder, a lake in a folder, and the loads between them: what the tests of replays share."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from sluice.adapters.stores.local import FileStore, local_path
from sluice.contract.model import Contract
from sluice.contract.reading import read_contract
from sluice.lake import Layout, Manifest
from sluice.settings import Settings, load
from sluice.stream.bad_rows import Shelf
from sluice.stream.land import land_table
from sluice.stream.replay import Fate, Replays

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HEAD = """\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
servers: [{{server: files, type: local, path: ., format: {format}, customProperties: [{dialect}]}}]
schema:
  - name: orders
    properties:
"""
"""What stands before a contract's columns."""
CONTRACT = (
    HEAD
    + """\
      - {{name: id, logicalType: integer, classification: public}}
      - {{name: buyer, logicalType: string, classification: confidential}}
      - {{name: paid, logicalType: number, physicalType: "decimal(9,2)", classification: public}}
"""
)


class Shop:
    """One source folder, one lake in a folder, and the loads between them."""

    def __init__(self, folder: Path, content: bytes, format_name: str = "csv", dialect: str = "") -> None:
        self.folder = folder
        self.contract: Contract = read_contract(CONTRACT.format(format=format_name, dialect=dialect))
        self.table = self.contract.tables[0]
        (folder / f"orders.{format_name}").write_bytes(content)
        self.settings: Settings = load({"SLUICE_HOME": str(folder / "home")})
        self.layout = Layout((folder / "lake").as_uri())
        self.store = FileStore()
        self.fates: dict[str, Fate] = {}
        self.shelves = 0

    def land(self, load_id: str) -> Manifest:
        scratch = self.folder / f"scratch-{load_id}"
        scratch.mkdir(exist_ok=True)
        return land_table(self.contract, self.table, str(self.folder), self.settings, origin=self.store, store=self.store,
                          layout=self.layout, scratch=scratch, replays=self.replays(load_id))  # fmt: skip

    def replays(self, load_id: str) -> Replays:
        return Replays(self.store, self.layout, load_id, lambda name, _: self.fates.get(name, Fate.OPEN), lambda: NOON)

    @property
    def shelf(self) -> Shelf:
        self.shelves += 1
        scratch = self.folder / f"shelf-{self.shelves}"
        scratch.mkdir()
        return Shelf(self.contract, self.replays("nobody"), self.settings, scratch)

    def export(self) -> Path:
        shelf = self.shelf
        found = shelf.newest(self.table)
        assert found is not None
        target = self.folder / f"export-{self.shelves}.jsonl"
        with target.open("w") as out:
            shelf.export(found, out)
        return target

    def repair(self, **by_raw: str) -> Path:
        """Export, and put each raw row that contains a key's text right with its value."""
        target = self.export()
        rows = [json.loads(line) for line in target.read_text().split("\n") if line]
        for row in rows:
            for wrong, right in by_raw.items():
                if "raw" in row:
                    row["raw"] = row["raw"].replace(wrong, right)
        target.write_text("".join(json.dumps(r) + "\n" for r in rows))
        return target

    def staged(self, manifest: Manifest) -> list[tuple[Any, ...]]:
        return [tuple(r.values()) for f in manifest.staged for r in pq.read_table(local_path(f.uri)).to_pylist()]
