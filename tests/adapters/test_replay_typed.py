"""Bad rows of files that have types of their own: exported, repaired in an editor, and back as the very values they were."""

# ruff: noqa: DTZ001 (local times have no zone)

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.feather
import pytest
from openpyxl import Workbook
from replaying import HEAD, NOON, Shop

from sluice.contract.reading import read_contract
from sluice.errors import BadInputError
from typed_files import arrow_file, feather, orc_file, parquet

Q = "      - {name: q, logicalType: integer}\n"
COLUMNS: dict[str, tuple[str, Any, Any]] = {
    "i": ("logicalType: integer, physicalType: integer", pa.float64(), 5.0),
    "l": ("logicalType: integer", pa.int64(), 2**62 + 1),
    "f": ("logicalType: number, physicalType: double", pa.float64(), 1e300),
    "g": ("logicalType: number, physicalType: float", pa.float32(), 0.1),
    "h": ('logicalType: number, physicalType: "decimal(9,2)"', pa.float32(), 0.1),
    "n": ("logicalType: number, physicalType: double", pa.float64(), float("-inf")),
    "i2": ("logicalType: integer", pa.float64(), 9.223372036854775e18),
    "f2": ("logicalType: number, physicalType: double", pa.float32(), 0.1),
    "h2": ('logicalType: number, physicalType: "decimal(38,0)"', pa.float64(), 1e23),
    "y2": ("logicalType: date, customProperties: [{property: format, value: dd.MM.yyyy}]", pa.timestamp("us"), datetime(2024, 2, 29)),
    "d": ('logicalType: number, physicalType: "decimal(9,1)"', pa.decimal128(20, 3), Decimal("-17.500")),
    "b": ("logicalType: boolean, customProperties: [{property: trueValues, value: [ja]}, {property: falseValues, value: [nein]}]",
          pa.bool_(), True),
    "y": ("logicalType: date, customProperties: [{property: format, value: dd.MM.yyyy}]", pa.date32(), date(2024, 2, 29)),
    "w": ("logicalType: date, customProperties: [{property: format, value: dd.MM.yyyy}]", pa.string(), "28.02.2024"),
    "t": ("logicalType: time", pa.time64("us"), time(23, 59, 58, 120000)),
    "m": ("logicalType: timestamp, physicalType: timestamp", pa.timestamp("us"), datetime(2024, 1, 2, 3, 4, 5, 678901)),
    "z": ("logicalType: timestamp, physicalType: timestamptz", pa.timestamp("us", "UTC"), datetime(2024, 1, 2, 3, tzinfo=UTC)),
    "s": ("logicalType: string", pa.string(), 'a "b"\n\u2028é 007'),
    "e": ("logicalType: string", pa.string(), ""),
    "x": ("logicalType: string, physicalType: binary", pa.binary(), b"\xff\x00\xfe"),
    "v": ("logicalType: string, physicalType: binary, customProperties: [{property: format, value: hex}]", pa.binary(), b"abcd"),
    "j": ("logicalType: object, physicalType: json", pa.string(), '{"k": [1.10, "x"]}'),
    "k": ("logicalType: object, physicalType: json", pa.struct([("p", pa.int64()), ("r", pa.list_(pa.string()))]), {"p": 1, "r": ["1", None]}),
    "o": ("logicalType: object, properties: [{name: p, logicalType: integer}, {name: r, logicalType: array, items: {logicalType: string}}]",
          pa.struct([("p", pa.int64()), ("r", pa.list_(pa.string()))]), {"p": 1, "r": ["1", None]}),
    "u": ("logicalType: string", pa.string(), None),
}  # fmt: skip
"""Of each column what the contract says, what the file has, and a value."""


def to_avro(table: pa.Table) -> bytes:
    inner = {"type": "record", "name": "r", "fields": [
        {"name": "p", "type": "long"}, {"name": "r", "type": {"type": "array", "items": ["null", "string"]}}]}  # fmt: skip
    types: dict[Any, Any] = {
        pa.float64(): "double", pa.float32(): "float", pa.int64(): "long", pa.bool_(): "boolean", pa.string(): "string", pa.binary(): "bytes",
        pa.decimal128(20, 3): {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 3},
        pa.date32(): {"type": "int", "logicalType": "date"}, pa.time64("us"): {"type": "long", "logicalType": "time-micros"},
        pa.timestamp("us"): {"type": "long", "logicalType": "local-timestamp-micros"},
        pa.timestamp("us", "UTC"): {"type": "long", "logicalType": "timestamp-micros"},
    }  # fmt: skip
    fields = []
    for field in table.schema:
        named = inner | {"name": f"r_{field.name}"} if pa.types.is_struct(field.type) else types[field.type]
        fields.append({"name": field.name, "type": ["null", named]})
    out = io.BytesIO()
    schema = fastavro.parse_schema({"type": "record", "name": "row", "fields": fields})
    fastavro.writer(out, schema, table.to_pylist())
    return out.getvalue()


def to_excel(*rows: list[Any]) -> bytes:
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def shop_of(folder: Path, content: bytes, format_name: str, columns: dict[str, str], dialect: str = "") -> Shop:
    shop = Shop(folder, content, format_name)
    more = "".join(f"      - {{name: {name}, {said}}}\n" for name, said in columns.items())
    shop.contract = read_contract(HEAD.format(format=format_name, dialect=dialect) + Q + more)
    shop.table = shop.contract.tables[0]
    return shop


@pytest.mark.parametrize(
    ("format_name", "write"),
    [("parquet", parquet), ("orc", orc_file), ("arrow", arrow_file), ("feather", feather), ("avro", to_avro)],
    ids=["parquet", "orc", "arrow", "feather", "avro"],
)
def test_a_repaired_row_has_the_very_values_of_its_file(
    tmp_path: Path, format_name: str, write: Callable[[pa.Table], bytes]
) -> None:
    known = {n: c for n, c in COLUMNS.items() if (format_name, n) != ("orc", "t")}  # ORC knows no times of day
    columns = {n: pa.array([value, value], found) for n, (_, found, value) in known.items()}
    content = write(pa.table({"q": pa.array(["1", "eins"])} | columns))
    shop = shop_of(tmp_path, content, format_name, {n: said for n, (said, _, _) in known.items()})
    first = shop.land("first")
    assert (first.rows_staged, first.rows_quarantined) == (1, 1)
    with pytest.raises(BadInputError, match="REPLAY_ROWS") as caught:
        shop.shelf.offer(shop.table, shop.export(), "olga", NOON)
    assert "1 of 1" in caught.value.message, "what was not repaired is refused"
    offer, _ = shop.shelf.offer(shop.table, shop.repair(eins="1"), "olga", NOON)
    assert offer.rows == 1
    second = shop.land("second")
    assert (second.rows_read, second.rows_staged, second.rows_quarantined) == (3, 2, 1)
    good, repaired = shop.staged(second)
    assert repaired == good
    assert shop.land("second").rows_read == 3, "a retry has it again"
    assert shop.land("third").rows_read == 2, "another load does not"


def test_rows_of_a_workbook(tmp_path: Path) -> None:
    said = {
        "n": 'logicalType: number, physicalType: "decimal(9,2)"', "m": 'logicalType: number, physicalType: "decimal(9,2)"',
        "y": "logicalType: date", "w": "logicalType: date", "b": "logicalType: boolean", "s": "logicalType: string",
        "c": "logicalType: string", "t": "logicalType: time", "u": "logicalType: string",
    }  # fmt: skip
    row = [1234.5, "1.234,50", date(2024, 5, 1), "02.05.2024", True, "NA", 999, time(1, 2, 3), None]
    content = to_excel(["q", *said], [1, *row], ["eins", *row], [1, *row, "more"])
    dialect = "{property: decimalChar, value: ','}, {property: groupChar, value: '.'}, {property: dateFormat, value: dd.MM.yyyy}, {property: nullSequence, value: [NA]}"
    shop = shop_of(tmp_path, content, "xlsx", said, dialect)
    assert shop.land("first").reasons == {"CAST": 1, "TOO_MANY_COLUMNS": 1}
    rows = [json.loads(line) for line in shop.export().read_text().splitlines()]
    assert '"$more":["more"]' in rows[1]["raw"], "what did not fit is in the row too"
    export = shop.folder / "repaired.jsonl"
    mended = [r | {"raw": r["raw"].replace("eins", "1").replace(',"$more":["more"]', "")} for r in rows]
    export.write_text("".join(json.dumps(r) + "\n" for r in mended))
    assert shop.shelf.offer(shop.table, export, "olga", NOON)[0].rows == 2
    good, *repaired = shop.staged(shop.land("second"))
    assert repaired == [good, good]
    assert good[1:3] == (Decimal("1234.50"), Decimal("1234.50"))


def test_a_cell_with_an_error_must_be_written_anew(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, to_excel(["q", "s"], [1, "a"], [2, "#N/A"]), "xlsx", {"s": "logicalType: string"})
    assert shop.land("first").reasons == {"CELL_ERROR": 1}
    export = shop.export()
    with pytest.raises(BadInputError, match="CELL_ERROR"):
        shop.shelf.offer(shop.table, export, "olga", NOON)
    row = json.loads(export.read_text())
    export.write_text(json.dumps(row | {"raw": json.dumps(json.loads(row["raw"]) | {"s": "b"}, indent=1)}))
    shop.shelf.offer(shop.table, export, "olga", NOON)
    assert shop.staged(shop.land("second")) == [(1, "a"), (2, "b")]


def test_bytes_that_are_no_text_do_not_come_back_as_their_base64(tmp_path: Path) -> None:
    text = pa.StringArray.from_buffers(2, *pa.array([b"ok", b"M\xfcller"]).buffers()[1:])
    shop = shop_of(
        tmp_path,
        parquet(pa.table({"q": pa.array([1, 2]), "s": text})),
        "parquet",
        {"s": "logicalType: string"},
    )
    assert shop.land("first").reasons == {"INVALID_ENCODING": 1}
    with pytest.raises(BadInputError, match="INVALID_ENCODING"):
        shop.shelf.offer(shop.table, shop.export(), "olga", NOON)
    mended = shop.repair(**{'{"$base64":"TfxsbGVy"}': '"Müller"'})
    shop.shelf.offer(shop.table, mended, "olga", NOON)
    assert shop.staged(shop.land("second")) == [(1, "ok"), (2, "Müller")]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ('{"q":1,"s":', "not one JSON object"), ("[1]", "not one JSON object"), ('{"q":1,"S":"a"}', "names a column 'S'"),
        ('{"q":1,"q":2}', "not one JSON object"), ('{"q":{"$base64":"?"}}', "q, CAST"), ('{"q":90.5}', "q, PRECISION_LOSS"),
        ('{"d":"2024-05-01"}', "d, "), ('{"q":1,"d":"31.05.2024 x"}', "d, "),
    ],
)  # fmt: skip
def test_what_was_broken_in_the_editor_is_said(tmp_path: Path, raw: str, why: str) -> None:
    said = {
        "s": "logicalType: string",
        "d": "logicalType: date, customProperties: [{property: format, value: yyyy-dd-MM}]",
    }
    content = parquet(pa.table({"q": ["1", "x"], "s": ["a", "b"], "d": ["2024-31-05"] * 2}))
    shop = shop_of(tmp_path, content, "parquet", said)
    shop.land("first")
    export = shop.export()
    export.write_text(json.dumps(json.loads(export.read_text()) | {"raw": raw}))
    with pytest.raises(BadInputError, match="REPLAY_ROWS") as caught:
        shop.shelf.offer(shop.table, export, "olga", NOON)
    assert why in caught.value.message, caught.value.message


@pytest.mark.parametrize(
    ("format_name", "write"),
    [("parquet", parquet), ("avro", to_avro), ("xlsx", lambda t: to_excel(t.column_names, *map(list, zip(*t.to_pydict().values(), strict=True))))],
    ids=["parquet", "avro", "xlsx"],
)  # fmt: skip
def test_rows_may_come_as_a_file_of_the_same_format(
    tmp_path: Path, format_name: str, write: Callable[[pa.Table], bytes]
) -> None:
    shop = shop_of(
        tmp_path, write(pa.table({"q": ["1", "x"], "s": ["a", "b"]})), format_name, {"s": "logicalType: string"}
    )
    shop.land("first")
    mended = shop.folder / f"mended.{format_name}"
    mended.write_bytes(write(pa.table({"q": ["2"], "s": ["b"]})))
    assert shop.shelf.offer(shop.table, mended, "olga", NOON)[0].rows == 1
    assert shop.staged(shop.land("second")) == [(1, "a"), (2, "b")]


def test_what_the_folder_said_comes_back_too(tmp_path: Path) -> None:
    shop = shop_of(tmp_path, b"", "parquet", {"year": "logicalType: integer", "s": "logicalType: string"})
    place = "  - name: orders\n    customProperties: [{property: location, value: days}]\n"
    shop.contract = read_contract(shop.contract.text.replace("  - name: orders\n", place))
    shop.table = shop.contract.tables[0]
    (tmp_path / "days/year=2024").mkdir(parents=True)
    (tmp_path / "days/year=2024/part.parquet").write_bytes(parquet(pa.table({"q": ["1", "x"], "s": ["a", "b"]})))
    shop.land("first")
    shop.shelf.offer(shop.table, shop.repair(**{'"x"': "2"}), "olga", NOON)
    assert shop.staged(shop.land("second")) == [(1, 2024, "a"), (2, 2024, "b")]


@pytest.mark.parametrize(("physical", "odd"), [("double", 2**53 + 1), ("float", 2**24 + 1), ("float", 1.23456789012)])
def test_a_number_that_would_be_rounded_stays_refused(tmp_path: Path, physical: str, odd: float) -> None:
    content = parquet(pa.table({"q": [1, 1], "f": pa.array([type(odd)(1), odd])}))
    shop = shop_of(tmp_path, content, "parquet", {"f": f"logicalType: number, physicalType: {physical}"})
    assert shop.land("first").reasons == {"PRECISION_LOSS": 1}
    with pytest.raises(BadInputError, match="REPLAY_ROWS"):
        shop.shelf.offer(shop.table, shop.export(), "olga", NOON)
    lines = shop.folder / "lines.jsonl"
    lines.write_text('{"q": 1, "f": 1}\n')
    with pytest.raises(BadInputError, match="neither an export"):
        shop.shelf.offer(shop.table, lines, "olga", NOON)
