"""Tables with structs and lists: landed, registered and published, on both kinds of lake."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from adapters.lakes.rooms import Lake
from sluice.adapters.catalogs.snapshots import replace_files, state
from sluice.catalog import REQUEST_PROPERTY
from sluice.contract.model import Contract
from sluice.contract.reading import read_contract
from sluice.errors import ConflictError
from sluice.stream.land import land_table
from sluice.stream.replay import Fate, Replays

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: {source}
version: 1.0.0
status: active
servers: [{{server: files, type: local, path: ., format: jsonl}}]
schema:
  - name: orders
    properties:
      - name: lines
        logicalType: array
        description: What was ordered.
        items: {{logicalType: object, properties: [{{name: SKU, logicalType: string}}, {{name: qty, logicalType: integer}}]}}
      - {{name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}}
      - name: who
        logicalType: object
        properties:
          - {{name: born, logicalType: date, description: The day of birth.}}
          - {{name: tags, logicalType: array, items: {{logicalType: string}}}}
      - {{name: note, logicalType: string}}
"""


@pytest.fixture
def orders() -> Contract:
    return read_contract(CONTRACT.format(source=f"orders_{secrets.token_hex(4)}"))


def test_nested_columns_are_published_and_read_as_what_they_are(room: Lake, orders: Contract, tmp_path: Path) -> None:
    rows = [
        {"lines": [{"SKU": "a", "qty": 1}, {"SKU": None}], "id": 1, "who": {"born": "1815-12-10", "tags": ["x"]}, "note": "n"},
        {"lines": [], "id": 2},
    ]  # fmt: skip
    (tmp_path / "orders.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    replays = Replays(room.store, room.layout, "onb-1", lambda *_: Fate.OVER, lambda: datetime.now(UTC))
    manifest = land_table(
        orders, orders.tables[0], str(tmp_path), room.settings,
        origin=room.store, store=room.store, layout=room.layout, scratch=tmp_path / "scratch", replays=replays,
    )  # fmt: skip
    entry = room.register(orders)
    assert not room.register(orders).created, "the same contract changes nothing"
    room.publish(entry.identifier, list(manifest.staged), "onb-1")

    schema = room.catalog.source.load_table(entry.identifier).schema()
    assert [(f.name, str(f.field_type)) for f in schema.find_type("lines").element_type.fields] == [
        ("sku", "string"),
        ("qty", "long"),
    ]
    assert str(schema.find_type("who.tags")) == "list<string>"
    assert schema.find_field("who.born").doc == "The day of birth."
    found = sorted(room.catalog.scan(entry.identifier).to_pylist(), key=lambda r: r["id"])
    assert found == [
        {
            "lines": [{"sku": "a", "qty": 1}, {"sku": None, "qty": None}],
            "id": 1,
            "who": {"born": date(1815, 12, 10), "tags": ["x"]},
            "note": "n",
        },
        {"lines": [], "id": 2, "who": None, "note": None},
    ]

    source, before = room.catalog.source, state(room.catalog.source, entry.identifier)
    shape = [(c.field_name, c.type, c.description) for c in orders.tables[0].columns]
    replace_files(source, entry.identifier, before.snapshot_id, remove=[before.files[0].uri], add=[before.files[0].uri],
                  properties={REQUEST_PROPERTY: "ref-1"}, columns=shape)  # fmt: skip
    assert source.load_table(entry.identifier).schema().schema_id == schema.schema_id, "a refresh makes no new columns"

    narrower = read_contract(
        orders.text.replace("{name: qty, logicalType: integer}", "{name: qty, logicalType: string}")
    )
    with pytest.raises(ConflictError, match="lines"):
        room.register(narrower)
