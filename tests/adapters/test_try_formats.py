"""`sluice try` on every format that is not text: from a contract to evidence, as a user runs it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook
from pyarrow import orc

from command_line import sluice, strict

ROWS = [
    {"id": 1, "amount": Decimal("10.50"), "day": date(2024, 1, 2)},
    {"id": 2, "amount": None, "day": date(2024, 2, 29)},
    {"id": 2**40, "amount": Decimal("1.00"), "day": None},
]
TABLE = pa.Table.from_pylist(
    ROWS, pa.schema([("id", pa.int64()), ("amount", pa.decimal128(9, 2)), ("day", pa.date32())])
)


def contract(format_name: str, location: str = "", more: str = "") -> str:
    where = f"    customProperties: [{{property: location, value: '{location}'}}{more}]\n" if location or more else ""
    return f"""\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
servers: [{{server: files, type: local, path: ., format: {format_name}}}]
schema:
  - name: orders
{where}    properties:
      - {{name: id, logicalType: integer, physicalType: integer, required: true}}
      - {{name: amount, logicalType: number, physicalType: "decimal(9,2)"}}
      - {{name: day, logicalType: date}}
"""


def parquet(path: Path) -> None:
    pq.write_table(TABLE, path)


def avro(path: Path) -> None:
    decimal = {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}
    fields = [
        {"name": "id", "type": "long"}, {"name": "amount", "type": ["null", decimal]},
        {"name": "day", "type": ["null", {"type": "int", "logicalType": "date"}]},
    ]  # fmt: skip
    with path.open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema({"type": "record", "name": "r", "fields": fields}), ROWS)


def excel(path: Path) -> None:
    book = Workbook()
    for row in [list(ROWS[0]), *(list(r.values()) for r in ROWS)]:
        book.active.append(row)
    book.save(path)


WRITE: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "parquet": ("orders.parquet", parquet),
    "orc": ("orders.orc", lambda path: orc.write_table(TABLE, str(path))),
    "arrow": ("orders.arrow", lambda path: pyarrow.feather.write_feather(TABLE, path)),
    "feather": ("orders.feather", lambda path: pyarrow.feather.write_feather(TABLE, path)),
    "avro": ("orders.avro", avro),
    "excel": ("orders.xlsx", excel),
}


def tried(folder: Path) -> dict[str, Any]:
    done = sluice("try", folder / "shop.odcs.yaml", "--out", folder / "out", home=folder)
    assert done.returncode == 0, done.stderr + done.stdout
    (table,) = strict((folder / "out" / "shop" / "evidence.json").read_text())["tables"]
    return dict(table)


def staged(folder: Path) -> list[dict[str, Any]]:
    files = sorted((folder / "out" / "shop" / "staged" / "orders").glob("*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


@pytest.mark.parametrize("format_name", WRITE)
def test_every_format(tmp_path: Path, format_name: str) -> None:
    name, write = WRITE[format_name]
    write(tmp_path / name)
    (tmp_path / "shop.odcs.yaml").write_text(contract(format_name))
    table = tried(tmp_path)
    assert (table["rows_read"], table["rows_staged"], table["rows_quarantined"]) == (3, 2, 1)
    assert staged(tmp_path) == ROWS[:2]
    (quarantine,) = (tmp_path / "out" / "shop" / "quarantine" / "orders").glob("*.parquet")
    (bad,) = pq.read_table(quarantine).to_pylist()
    assert (bad["file"], bad["column"], bad["reason_code"]) == (name, "id", "OVERFLOW")
    assert bad["line"] == (4 if format_name == "excel" else 3)
    assert json.loads(bad["raw"])["id"] == 2**40


def test_members_of_archives_in_hive_folders(tmp_path: Path) -> None:
    for day in (1, 2):
        folder = tmp_path / "in" / f"day=2024-01-0{day}"
        folder.mkdir(parents=True)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("orders/a.csv", f"id,amount\n{day},1.5\n")
            archive.writestr("orders/b.csv", f"amount,id\n2.5,1{day}\n")
            archive.writestr("notes.txt", "not for us")
        (folder / "delivery.zip").write_bytes(packed.getvalue())
    (tmp_path / "shop.odcs.yaml").write_text(contract("csv", "in/**/*.zip!orders/*.csv"))
    assert tried(tmp_path)["rows_staged"] == 4
    assert [(r["id"], r["day"].isoformat()) for r in staged(tmp_path)] == [
        (1, "2024-01-01"), (11, "2024-01-01"), (2, "2024-01-02"), (12, "2024-01-02"),
    ]  # fmt: skip


def test_a_table_has_a_format_and_locations_of_its_own(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        parquet(tmp_path / name / "1.parquet")
    text = contract("csv", "x", ", {property: format, value: parquet}").replace("value: 'x'", "value: [a, b/1.parquet]")
    (tmp_path / "shop.odcs.yaml").write_text(text)
    assert tried(tmp_path)["rows_read"] == 6


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "orders.parquet").write_bytes(b"PAR1 and then nothing")
    (tmp_path / "shop.odcs.yaml").write_text(contract("parquet"))
    done = sluice("try", tmp_path / "shop.odcs.yaml", "--out", tmp_path / "out", home=tmp_path)
    assert done.returncode == 2 and "CORRUPT_PARQUET" in done.stderr and "orders.parquet" in done.stderr
    (tmp_path / "shop.odcs.yaml").write_text(contract("csv", "orders.parquet", ", {property: format, value: docx}"))
    done = sluice("lint", tmp_path / "shop.odcs.yaml", home=tmp_path)
    assert done.returncode != 0 and "UNKNOWN_FORMAT" in done.stdout + done.stderr
