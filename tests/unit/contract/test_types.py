"""Names of types: what they are resolved to, with their width, length and form."""

from __future__ import annotations

import pytest

from sluice.contract.types import ColumnType, Kind, UnknownTypeError, resolve


@pytest.mark.parametrize(
    ("logical", "physical", "form", "expected"),
    [
        ("integer", None, None, ColumnType(Kind.INT64)),
        ("integer", "INT(11)", None, ColumnType(Kind.INT32)),
        ("integer", "tinyint", None, ColumnType(Kind.INT32, low=-128, high=127)),
        ("integer", "int unsigned", None, ColumnType(Kind.INT64, low=0, high=2**32 - 1)),
        ("integer", "unsigned bigint", None, ColumnType(Kind.DECIMAL, 20, 0, 0, 2**64 - 1)),
        ("integer", "int8", None, ColumnType(Kind.INT64)),
        ("integer", None, "u8", ColumnType(Kind.INT32, low=0, high=255)),
        ("integer", None, "i64", ColumnType(Kind.INT64)),
        ("integer", "bigint", "i16", ColumnType(Kind.INT64, low=-(2**15), high=2**15 - 1)),
        ("integer", "smallint", "u64", ColumnType(Kind.INT32, low=0, high=2**15 - 1)),
        ("number", None, "f32", ColumnType(Kind.FLOAT32)),
        ("number", "float(53)", None, ColumnType(Kind.FLOAT64)),
        ("number", "float(24)", None, ColumnType(Kind.FLOAT32)),
        ("string", "varchar(10)", None, ColumnType(Kind.STRING, length=10)),
        ("string", "nvarchar(max)", None, ColumnType(Kind.STRING)),
        ("string", "varchar2(20 char)", None, ColumnType(Kind.STRING, length=20)),
        ("string", "varbinary(16)", None, ColumnType(Kind.BINARY, length=16)),
        ("string", "uuid", None, ColumnType(Kind.STRING, uuid=True)),
        ("string", None, "uuid", ColumnType(Kind.STRING, uuid=True)),
        ("timestamp", "timestamp(3) with time zone", None, ColumnType(Kind.TIMESTAMPTZ)),
    ],
)
def test_resolved(logical: str, physical: str | None, form: str | None, expected: ColumnType) -> None:
    assert resolve(logical, physical, form=form) == expected


@pytest.mark.parametrize(
    "physical", ["varchar(0)", "decimal(max)", "text unsigned", "int unsigned zerofill", "varchar()"]
)
def test_refused(physical: str) -> None:
    with pytest.raises(UnknownTypeError):
        resolve(None, physical)
