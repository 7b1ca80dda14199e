"""Objects and arrays of a contract as structs and lists: every value inside is proven as a column's would be."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.duck.conversions import Convert, convert_bytes
from sluice.adapters.duck.profiling.profile import profile
from sluice.adapters.duck.profiling.statistics import column_statistics
from sluice.contract.model import Contract, Table
from sluice.contract.reading import read_contract
from sluice.errors import SourceError

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
servers: [{server: files, type: local, path: ., format: jsonl}]
schema:
  - name: orders
    properties:
      - {name: id, logicalType: integer}
      - name: customer
        logicalType: object
        properties:
          - {name: Full Name, logicalType: string}
          - {name: born, logicalType: date}
          - {name: zip, logicalType: string, physicalType: varchar(6)}
          - {name: at, logicalType: array, items: {logicalType: number, physicalType: "decimal(9,6)"}}
      - name: lines
        logicalType: array
        items:
          logicalType: object
          properties:
            - {name: qty, logicalType: integer, physicalType: smallint}
            - {name: price, logicalType: number, physicalType: "decimal(9,2)"}
            - {name: weight, logicalType: number}
            - {name: sent, logicalType: timestamp, physicalType: timestamp with time zone}
            - {name: more, logicalType: object, physicalType: json}
"""


@cache
def contract() -> Contract:
    return read_contract(CONTRACT)


def orders() -> Table:
    return contract().tables[0]


def record(**said: Any) -> bytes:
    return json.dumps({"id": 1, "customer": None, "lines": None} | said, ensure_ascii=False).encode() + b"\n"


def test_what_is_inside_comes_through_typed(run: Convert) -> None:
    line = (
        b'{"id": 1, "customer": {"Full Name": "Ad\\u00e9le", "born": "1815-12-10", "zip": "1011AB", "at": [52.1, 4.900000, null]},'
        b' "lines": [{"qty": 2, "price": 1.10, "weight": 1e-3, "sent": "2024-01-01T01:00:00+01:00", "more": {"x": [1.10, "\\n"]}},'
        b' {"price": "0.05"}, null]}\n'
    )
    rest = [record(customer={}, lines=[]), record(customer={"at": []})]
    found = run(b"".join([line, *rest]), orders(), "jsonl")
    money = pa.decimal128(9, 2)
    assert found.schema.field("lines").type.value_type == pa.struct(
        {
            "qty": pa.int32(),
            "price": money,
            "weight": pa.float64(),
            "sent": pa.timestamp("us", "UTC"),
            "more": pa.string(),
        }
    )
    nobody = {"full_name": None, "born": None, "zip": None, "at": None}
    assert found.rows == [
        (
            1,
            {"full_name": "Adéle", "born": date(1815, 12, 10), "zip": "1011AB", "at": [Decimal("52.100000"), Decimal("4.900000"), None]},
            [
                {"qty": 2, "price": Decimal("1.10"), "weight": 0.001, "sent": datetime(2024, 1, 1, tzinfo=UTC), "more": '{"x":[1.10,"\\n"]}'},
                {"qty": None, "price": Decimal("0.05"), "weight": None, "sent": None, "more": None},
                None,
            ],
        ),
        (1, nobody, []),
        (1, nobody | {"at": []}, None),
    ]  # fmt: skip


BAD = [
    ({"customer": "Flo"}, "CAST", "customer: 'Flo' is not an object"),
    ({"customer": []}, "CAST", "customer: [] is not an object"),
    ({"lines": {"qty": 1}}, "CAST", 'lines: {"qty":1} is not an array'),
    ({"lines": [{"qty": 1}, 5]}, "CAST", "lines[1]: 5 is not an object"),
    ({"customer": {"nick": "E"}}, "UNKNOWN_PROPERTY", "customer: has 'nick', which is not in the contract"),
    ({"customer": {"born": "1815-02-30"}}, "CAST", "customer.born: '1815-02-30' is not a value of type date"),
    ({"customer": {"born": 18151210}}, "CAST", "customer.born: 18151210 is not a value of type date"),
    ({"customer": {"zip": "1234567"}}, "TOO_LONG", "customer.zip: '1234567' has 7 characters, the column has room for 6"),
    ({"customer": {"at": ["x"]}}, "CAST", "customer.at[0]: 'x' is not a value of type decimal(9,6)"),
    ({"customer": {"Full Name": "a\0"}}, "NUL_BYTE", "customer.Full Name: holds a character that no text may hold"),
    ({"lines": [{"qty": 70000}]}, "OVERFLOW", "lines[0].qty: '70000' is out of the range -32768 to 32767"),
    ({"lines": [{"qty": "7"}]}, "CAST", "lines[0].qty: '7' is not a value of type int32"),
    ({"lines": [{"qty": 1.5}]}, "CAST", "lines[0].qty: '1.5' is not a value of type int32"),
    ({"lines": [{}, {"price": 1.005}]}, "PRECISION_LOSS", "lines[1].price: '1.005' would have to be rounded to become decimal(9,2)"),
    ({"lines": [{"more": {"x": [1]}}, {"qty": 70000}]}, "OVERFLOW", "lines[1].qty: '70000' is out of the range -32768 to 32767"),
    ({"lines": [{"weight": True}]}, "CAST", "lines[0].weight: true is not a value of type float64"),
    ({"lines": [{"sent": "2024-01-01"}]}, "CAST", "lines[0].sent: '2024-01-01' is not a value of type timestamptz"),
]  # fmt: skip


def test_what_is_wrong_inside_costs_its_row_and_names_the_place(run: Convert) -> None:
    lines = [record(**said) for said, _, _ in BAD]
    found = run(b"".join([record(), *lines, record()]), orders(), "jsonl")
    assert len(found.rows) == 2
    assert [(q["reason_code"], q["reason"]) for q in found.quarantine] == [(code, why) for _, code, why in BAD]
    assert [q["raw"] for q in found.quarantine] == [line.rstrip(b"\n") for line in lines]


def test_a_repeated_key_inside_is_no_json(run: Convert) -> None:
    found = run(record() + b'{"id":1,"customer":{"zip":"a","zip":"b"},"lines":[]}\n', orders(), "jsonl")
    assert (len(found.rows), found.codes) == (1, ["JSON"])


def test_json_texts_in_a_csv_are_read_the_same(run: Convert) -> None:
    rows = 'id,customer,lines\n1,"{""zip"": ""x""}",[]\n2,,null\n3,{,[]\n4,,"[{""price"": 1.105}]"\n'
    found = run(rows.encode(), orders())
    who = {"full_name": None, "born": None, "zip": "x", "at": None}
    assert found.rows == [(1, who, []), (2, None, None)]
    assert found.codes == ["JSON", "PRECISION_LOSS"]


def test_files_with_types_have_theirs_proven(run: Convert) -> None:
    at = pa.list_(pa.float64())
    customer = pa.struct({"Full Name": pa.string(), "born": pa.date32(), "zip": pa.string(), "at": at})
    lines = pa.list_(pa.struct({"qty": pa.int64(), "price": pa.decimal128(12, 3), "weight": pa.float64()}))
    ada = {"Full Name": "Ada", "born": date(1815, 12, 10), "zip": "x", "at": [52.1]}
    file = pa.table(
        {
            "id": [1, 2, 3, 4],
            "customer": pa.array([ada, None, None, None], customer),
            "lines": pa.array(
                [[{"qty": 2, "price": Decimal("1.100"), "weight": float("nan")}], None, [{"qty": 70000}], [{"price": Decimal("1.005")}]],
                lines,
            ),
        }
    )  # fmt: skip
    out = io.BytesIO()
    pq.write_table(file, out)
    found = run(out.getvalue(), orders(), "parquet")
    (first, second) = found.rows
    assert first[1] == {"full_name": "Ada", "born": date(1815, 12, 10), "zip": "x", "at": [Decimal("52.100000")]}
    assert (first[2][0]["qty"], first[2][0]["price"], str(first[2][0]["weight"])) == (2, Decimal("1.10"), "nan")
    assert second == (2, None, None)
    assert [(q["line"], q["reason_code"]) for q in found.quarantine] == [(3, "OVERFLOW"), (4, "PRECISION_LOSS")]


def test_bytes_inside_a_typed_file_are_not_guessed_at(run: Convert) -> None:
    text = CONTRACT.replace(
        "{name: zip, logicalType: string, physicalType: varchar(6)}", "{name: zip, physicalType: binary}"
    )
    out = io.BytesIO()
    who = pa.array([{"zip": b"\xff"}], pa.struct({"zip": pa.binary()}))
    pq.write_table(pa.table({"id": [1], "customer": who, "lines": pa.nulls(1)}), out)
    with pytest.raises(SourceError, match="customer") as caught:
        run(out.getvalue(), read_contract(text).tables[0], "parquet")
    assert caught.value.code == "TYPE_MISMATCH"


def test_profile_and_footer_tell_of_nested_columns(run: Convert, tmp_path: Path) -> None:
    people = [{"Full Name": f"Ada Nr {i}", "zip": f"{i}"} for i in range(40)]
    mails = [{"more": {"contact": f"person{i}@mail.example.org"}} for i in range(40)]
    lines = [record(id=i, customer=people[i], lines=[mails[i]]) for i in range(40)]
    found = run(b"".join([*lines, record(id=99)]), orders(), "jsonl")
    (staged,) = [part.path for part in found.converted.staged]
    told = profile([staged], orders(), memory_limit="500MB", threads=2, scratch=tmp_path / "p")
    assert [(c.nulls, c.distinct) for c in told.columns] == [(0, 41), (1, 40), (1, 40)]
    assert "email" in {f.kind for f in told.columns[2].pii}
    assert column_statistics(staged, orders())["id"] == {"nulls": 0, "min": 0, "max": 99}


leaf = (
    st.none()
    | st.integers(-40_000, 40_000)
    | st.sampled_from(["7", "", "x", "1.50", "2024-02-29", "NaN", "ü"])
    | st.booleans()
)
values = st.recursive(leaf, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["qty", "price", "zip", "x"]), inner, max_size=2), max_leaves=5)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.sampled_from(["qty", "price"]), leaf, max_size=2) | values, max_size=3))
def test_nothing_inside_is_lost_or_changed(tmp_path: Path, lines: list[Any]) -> None:
    found = convert_bytes(tmp_path, record(lines=lines), orders(), "jsonl")

    def fits(value: Any) -> bool:
        if value is None:
            return True
        if not isinstance(value, dict) or not {"qty", "price"}.issuperset(value):
            return False
        qty, price = value.get("qty"), value.get("price")
        whole = qty is None or (type(qty) is int and abs(qty) < 32_768)
        return whole and (price is None or type(price) is int or price in ("7", "1.50"))

    if not all(map(fits, lines)):
        assert found.rows == []
        return
    ((_, _, staged),) = found.rows
    assert [v and (v["qty"], v["price"]) for v in staged] == [
        None if v is None else (v.get("qty"), None if v.get("price") is None else Decimal(v["price"])) for v in lines
    ]
