"""`sluice draft` on nested columns of files that know their types: spelt out from the schema, and landed typed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pyarrow import orc

from sluice.draft.document import DraftServer
from sluice.linting import usable_text
from sluice.settings import Settings, load
from sluice.stream.drafting import draft_contract
from sluice.stream.places import find_place
from sluice.stream.trial import try_contract

_DAY = dt.date(2024, 2, 29)
_MOMENT = dt.datetime(2024, 1, 1, 12, 30, tzinfo=dt.UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"SLUICE_HOME": str(tmp_path / "home"), "SLUICE_THREADS": "2"})


def landed(path: Path, settings: Settings, out: Path) -> tuple[dict[str, str], list[dict[str, Any]], str]:
    """The types that are drafted, the rows that a trial of the draft stages, the draft; nothing may be quarantined."""
    place = find_place([str(path)], settings, lambda: pytest.fail("no S3 here"))
    drafted = draft_contract(place, "source", "Source", DraftServer("local", place.base), settings)
    contract = usable_text(drafted.text, "the draft")
    trial = try_contract(contract, "", out, settings)
    assert not trial.errors
    assert [t["rows_quarantined"] for t in trial.evidence["tables"]] == [0]
    assert trial.evidence["quality"]["success"]
    parts = sorted((out / "source").glob("staged/*/*.parquet"))
    rows = [r for part in parts for r in pq.read_table(part).to_pylist(maps_as_pydicts="strict")]
    return {c.name: str(c.type) for c in contract.tables[0].columns}, rows, drafted.text


def _row(i: int) -> dict[str, Any]:
    customer = {
        "name": f"N{i}", "mail": f"u{i}@example.com", "born": _DAY, "seen": _MOMENT, "due": Decimal("1.50"),
        "score": float("nan") if i == 3 else i / 7, "scan": b"\xff\x00", "Name": i,
    }  # fmt: skip
    return {
        "id": i, "customer": None if i % 7 == 0 else customer, "tags": ["a", None][: i % 3],
        "lines": [{"sku": f"S{j}", "n": j} for j in range(i % 3)], "prices": {"EUR": i / 4, "USD": None} if i % 2 else {},
        "by_shop": {"x": [{"n": 1}]}, "wait": {"t": dt.timedelta(seconds=i)},
    }  # fmt: skip


_ARROW = pa.schema([
    ("id", pa.int64()),
    ("customer", pa.struct([("name", pa.string()), ("mail", pa.string()), ("born", pa.date32()), ("seen", pa.timestamp("ms", "UTC")),
                            ("due", pa.decimal128(9, 2)), ("score", pa.float64()), ("scan", pa.binary()), ("Name", pa.uint32())])),
    ("tags", pa.list_(pa.string())),
    ("lines", pa.list_(pa.struct([("sku", pa.string()), ("n", pa.int16())]))),
    ("prices", pa.map_(pa.string(), pa.float64())),
    ("by_shop", pa.map_(pa.string(), pa.list_(pa.struct([("n", pa.int32())])))),
    ("wait", pa.struct([("t", pa.duration("s"))])),
])  # fmt: skip
_TYPES = {
    "id": "int64",
    "customer": "struct<name:string,mail:string,born:date,seen:timestamptz,due:decimal(9,2),score:float64,scan:json,name_2:int64>",
    "tags": "list<string>",
    "lines": "list<struct<sku:string,n:int32>>",
    "prices": "list<struct<key:string,value:float64>>",
    "by_shop": "list<struct<key:string,value:list<struct<n:int32>>>>",
    "wait": "struct<t:json>",
}


@pytest.mark.parametrize("name", ["t.parquet", "t.orc"])
def test_nested_columns_are_drafted_from_the_schema_and_landed_typed(
    name: str, settings: Settings, tmp_path: Path
) -> None:
    expected = dict(_TYPES)
    schema = _ARROW
    if name.endswith("orc"):  # which knows neither durations nor unsigned numbers
        kept = [f for f in _ARROW if f.name != "wait"]
        kept[1] = pa.field("customer", pa.struct([*list(kept[1].type)[:-1], pa.field("Name", pa.int64())]))
        schema = pa.schema(kept)
        del expected["wait"]
    table = pa.Table.from_pylist([{k: v for k, v in _row(i).items() if k in expected} for i in range(60)], schema)
    {"parquet": pq.write_table, "orc": orc.write_table}[name[2:]](table, tmp_path / name)
    types, rows, text = landed(tmp_path / name, settings, tmp_path / "out")
    assert types == expected
    found = next(r for r in rows if r["id"] == 5)
    assert found["prices"] == [{"key": "EUR", "value": 1.25}, {"key": "USD", "value": None}]
    assert found["by_shop"] == [{"key": "x", "value": [{"n": 1}]}]
    assert found["lines"] == [{"sku": "S0", "n": 0}, {"sku": "S1", "n": 1}]
    assert (found["customer"]["seen"], found["customer"]["due"]) == (_MOMENT, Decimal("1.50"))
    assert next(r for r in rows if r["id"] == 4)["prices"] == []
    parts = {c["name"]: c for c in yaml.safe_load(text)["schema"][0]["properties"]}
    mail = next(p for p in parts["customer"]["properties"] if p["name"] == "mail")
    assert (mail["classification"], mail["description"]) == ("confidential", "TODO: meaning.")


def test_avro_records_arrays_and_maps_are_spelt_out(settings: Settings, tmp_path: Path) -> None:
    address = {"type": "record", "name": "Address", "namespace": "a.b", "fields": [
        {"name": "zip", "type": "string"}, {"name": "since", "type": {"type": "int", "logicalType": "date"}}]}  # fmt: skip
    fields = [
        {"name": "id", "type": "long"},
        {"name": "home", "type": address},
        {"name": "others", "type": {"type": "array", "items": "a.b.Address"}},
        {"name": "rates", "type": ["null", {"type": "map", "values": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}}]},
        {"name": "any", "type": ["null", "string", "long"]},
        {"name": "odd", "type": ["null", "string", {"type": "array", "items": "long"}]},
        {"name": "long", "type": {"type": "bytes", "logicalType": "decimal", "precision": 50, "scale": 2}},
    ]  # fmt: skip
    rows = [
        {"id": i, "home": {"zip": f"0{i}", "since": _DAY}, "others": [{"zip": "1", "since": _DAY}] * (i % 3),
         "rates": {"a": Decimal("1.25")} if i % 2 else None, "any": ["x", 5, None][i % 3], "odd": [[1], None][i % 2],
         "long": Decimal("1.50")}
        for i in range(30)
    ]  # fmt: skip
    with (tmp_path / "t.avro").open("wb") as file:
        fastavro.writer(file, {"type": "record", "name": "t", "fields": fields}, rows)
    types, staged, _ = landed(tmp_path / "t.avro", settings, tmp_path / "out")
    assert types == {
        "id": "int64",
        "home": "struct<zip:string,since:date>",
        "others": "list<struct<zip:string,since:date>>",
        "rates": "list<struct<key:string,value:decimal(9,2)>>",
        "any": "string",
        "odd": "json",
        "long": "string",
    }
    assert (staged[1]["rates"], staged[1]["any"]) == ([{"key": "a", "value": Decimal("1.25")}], "5")
    assert staged[2]["others"] == [{"zip": "1", "since": _DAY}] * 2


def test_types_of_parquet_that_no_other_column_has(settings: Settings, tmp_path: Path) -> None:
    schema = pa.schema([("u", pa.uuid()), ("d", pa.decimal256(60, 1)), ("j", pa.json_()), ("k", pa.dictionary(pa.int8(), pa.string()))])  # fmt: skip
    uuid = b"0123456789abcdef"
    columns = [[uuid] * 20, [Decimal("1.5")] * 20, ['{"a": 1}'] * 20, ["x"] * 20]
    arrays = [pa.array(v, t) for v, t in zip(columns, schema.types, strict=True)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), tmp_path / "t.parquet")
    types, rows, text = landed(tmp_path / "t.parquet", settings, tmp_path / "out")
    assert types == {"u": "string", "d": "string", "j": "json", "k": "string"}
    assert "physicalType: uuid" in text
    assert rows[0] == {"u": "30313233-3435-3637-3839-616263646566", "d": "1.5", "j": '{"a": 1}', "k": "x"}


def test_json_texts_in_a_delimited_file_are_spelt_out(settings: Settings, tmp_path: Path) -> None:
    cells = ["", "NULL", '"{""a"":1,""when"":""2024-01-02""}"', '"{""a"":null}"']
    lines = [f'{i},{cells[i % 4]},"[{i},2]","{{""d{i}x"":1,""e{i}"":2}}"' for i in range(120)]
    (tmp_path / "t.csv").write_text("id,more,pair,free\n" + "\n".join(lines) + "\n")
    types, rows, text = landed(tmp_path / "t.csv", settings, tmp_path / "out")
    assert types == {"id": "int32", "more": "struct<a:int32,when:date>", "pair": "list<int32>", "free": "json"}
    assert [r["more"] for r in rows[:4]] == [
        None,
        None,
        {"a": 1, "when": dt.date(2024, 1, 2)},
        {"a": None, "when": None},
    ]
    assert "JSON text in the file" in text


def test_a_text_that_is_no_json_among_many_is_a_bad_row(settings: Settings, tmp_path: Path) -> None:
    lines = [f"""{i};{'{"a":1' if i == 77 else f'{{"a":{i}}}'}""" for i in range(300)]
    (tmp_path / "t.csv").write_text("id;more\n" + "\n".join(lines) + "\n")
    place = find_place([str(tmp_path / "t.csv")], settings, lambda: pytest.fail("no S3 here"))
    drafted = draft_contract(place, "source", "Source", DraftServer("local", place.base), settings)
    (more,) = (c for c in usable_text(drafted.text, "the draft").tables[0].columns if c.name == "more")
    assert (str(more.type), drafted.tables[0].quarantined) == ("struct<a:int32>", 1)
    assert "go to quarantine" in drafted.text


def test_a_file_without_rows_tells_its_types(settings: Settings, tmp_path: Path) -> None:
    schema = pa.schema([("id", pa.int64()), ("more", pa.struct([("a", pa.int32())]))])
    pq.write_table(pa.Table.from_pylist([], schema), tmp_path / "t.parquet")
    types, rows, text = landed(tmp_path / "t.parquet", settings, tmp_path / "out")
    assert (types, rows) == ({"id": "int64", "more": "struct<a:int32>"}, [])
    assert "allowEmpty" in text
    assert "the table has no rows" in text
