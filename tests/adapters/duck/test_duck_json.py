"""JSON lines and arrays: every record staged exactly as Python reads it, or quarantined with its place and its bytes."""

from __future__ import annotations

import codecs
import datetime
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from adapters.duck.conversions import Convert, Outcome, convert_bytes, table_of
from sluice.adapters.duck.convert import convert
from sluice.adapters.duck.json import files as jsonfiles
from sluice.adapters.duck.json.elements import Elements
from sluice.adapters.duck.json.envelope import Envelope
from sluice.adapters.duck.json.records import PLAIN, Lines, batches
from sluice.contract.model import Dialect, Table
from sluice.errors import SourceError
from sluice.limits import DEFAULT_LIMITS, Limits

TABLE = table_of(n="int64", d="decimal(20,4)", s="string", j="json", b="boolean", f="float64", t="date")
FLAT = table_of(n="int64", d="decimal(20,4)", s="string", b="boolean", f="float64")
TWO = table_of(n="int64", s="string")


@pytest.fixture
def read(tmp_path: Path) -> Convert:
    def read(
        content: bytes, table: Table = TWO, form: str = "json", limits: Limits = DEFAULT_LIMITS, **terms: Any
    ) -> Outcome:
        return convert_bytes(tmp_path, content, table, form, Dialect(**terms), limits=limits)

    return read


def refused(read: Convert, *args: Any, **terms: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        read(*args, **terms)
    return caught.value


class Number(str):
    """A JSON number as it was written."""


def expected(line: bytes, table: Table) -> tuple[Any, ...] | None:
    """The row that a line is, as Python's json and Decimal read it; None when it is none."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError
        return dict(pairs)

    def no(_: str) -> None:
        raise ValueError

    try:
        found = json.loads(line, object_pairs_hook=unique, parse_float=Number, parse_int=Number, parse_constant=no)
        if not isinstance(found, dict):
            return None
        return tuple(value_of(found.get(c.name), str(c.type)) for c in table.columns)
    except (ValueError, ArithmeticError):
        return None


def value_of(value: Any, kind: str) -> Any:
    if value is None:
        return None
    number = isinstance(value, Number)
    if kind == "string":
        if isinstance(value, bool):
            return str(value).lower()
        text = str(value) if isinstance(value, str) else written(value)
        text.encode()
        assert_that("\0" not in text)
        return text
    if kind == "boolean":
        assert_that(isinstance(value, bool))
        return value
    if kind == "json":
        text = written(value)
        text.encode()  # half of a surrogate pair is no text
        return text
    if kind == "float64":
        assert_that(number and math.isfinite(float(value)))
        return float(value)
    exact = Decimal(value) if number or (kind.startswith("decimal") and isinstance(value, str)) else None
    assert_that(exact is not None and exact.is_finite() and (number or set(value) <= set("+-.0123456789")))
    if kind == "int64":
        assert_that(exact == int(exact) and -(2**63) <= int(exact) < 2**63)
        return int(exact)
    assert_that(exact == exact.quantize(Decimal("0.0001")) and abs(exact) < Decimal(10) ** 16)
    return exact.quantize(Decimal("0.0001"))


def assert_that(truth: bool) -> None:
    if not truth:
        raise ValueError


def written(value: Any) -> str:
    """JSON without white space, numbers as they were."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{written(k)}:{written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


NUMBERS = st.one_of(
    st.integers(-(2**66), 2**66).map(str),
    st.integers(-1000, 1000).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**17), max_value=10**17).map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?", fullmatch=True),
    st.sampled_from(["-0", "-0.0", "1.10", "3.0", "1e5", "1E5", "1e-7", "9007199254740993.0", "12.34000000000000001",
                     "1234567890123456.78", "18446744073709551616", "1e999", "NaN", "-Infinity", "01", "1.", "3.00000000000000000001"]),
)  # fmt: skip
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)
STRINGS = st.one_of(
    st.builds(json.dumps, TEXTS, ensure_ascii=st.booleans()),
    st.sampled_from(['"true"', '"5"', '"NaN"', '"1.50"', '"[1]"', '"\\u0000"', '"\\ud800"', '"\\"n\\":1"', '"a: b"', '"\\/"',
                     '"2024-02-30"', '"2024-02-29"', '"x\ty"', '""', '"null"', '"-"', '"\\\\"', '" :"']),
)  # fmt: skip
SCALARS = st.one_of(NUMBERS, STRINGS, st.sampled_from(["true", "false", "null"]))
SPACES = st.sampled_from(["", "", " ", "\t", "  "])


def objects(values: st.SearchStrategy[str], keys: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def join(pairs: list[tuple[str, str]], space: str, comma: str) -> str:
        inner = f",{space}".join(f"{key}{space}:{space}{value}" for key, value in pairs)
        return "{" + space + inner + comma + space + "}"

    return st.builds(join, st.lists(st.tuples(keys, values), max_size=5), SPACES, st.sampled_from([""] * 9 + [","]))


NESTED = st.recursive(
    SCALARS, lambda inner: objects(inner, st.sampled_from(['"n"', '"x"', '"\\u006e"', '"d"'])) | st.lists(inner, max_size=3).map(
        lambda items: "[" + ", ".join(items) + "]"), max_leaves=6,
)  # fmt: skip


@st.composite
def lines(draw: st.DrawFn, table: Table) -> bytes:
    typical = {"int64": st.integers(-(2**63), 2**63 - 1).map(str), "string": STRINGS, "boolean": st.sampled_from(["true", "false"]),
               "float64": st.floats(allow_nan=False, allow_infinity=False).map(repr), "json": NESTED,
               "date": st.dates().map(lambda d: f'"{d}"'),
               "decimal(20,4)": st.decimals(-(10**15), 10**15, places=4).map(str)}  # fmt: skip
    pairs = []
    for column in table.columns:
        how = draw(st.integers(0, 15))
        key = json.dumps(column.name) if draw(st.integers(0, 30)) else f'"\\u{ord(column.name):04x}"'
        if how == 0:
            continue
        value = draw(NESTED if how == 1 else SCALARS if how <= 3 else typical[str(column.type)])
        pairs += [(key, value)] * (2 if how == 4 and draw(st.booleans()) else 1)
    space = draw(SPACES)
    text = "{" + space + f",{space}".join(f"{k}{space}:{space}{v}" for k, v in pairs) + space + "}"
    raw = text.encode("utf-8", "surrogatepass")
    damage = draw(st.integers(0, 12))
    at = draw(st.integers(0, max(len(raw) - 1, 0)))
    if damage == 0:
        raw = raw[:at]
    elif damage == 1:
        raw = raw[:at] + draw(st.sampled_from([b"\xff", b"\0", b'"', b",", b"}", b"{", b"x", b"\\"])) + raw[at:]
    return raw


@pytest.mark.parametrize("table", [FLAT, TABLE], ids=["flat", "nested"])
def test_what_is_staged_is_what_python_reads(table: Table, tmp_path_factory: pytest.TempPathFactory) -> None:
    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(st.lists(lines(table), min_size=1, max_size=40), st.sampled_from([b"\n", b"\r\n"]))
    @example([b'{"\\u006a":"\\ud800"}', b'{"j":["\\ud800"]}'], b"\n")
    @example([b'{"n":1,"d":1.5,"s":"\\"d\\":1,","b":true,"f":1,"j":1,"t":null}'], b"\n")
    def check(content: list[bytes], end: bytes) -> None:
        content = [c for c in content if c.strip() and not unknown(c, table)]
        if not content:
            return
        found = convert_bytes(tmp_path_factory.mktemp("json"), end.join(content), table, "jsonl")
        rows = [expected_or_date(line, table) for line in content]
        assert found.rows == [r for r in rows if r is not None]
        assert [q["raw"] for q in found.quarantine] == [c for c, r in zip(content, rows, strict=True) if r is None]

    check()


PLAIN_TABLE = table_of(n="int64", i="int32", d="decimal(12,2)", f="float64", b="boolean", t="date", s="string")
PLAIN_RECORD = {"n": "1", "i": "2", "d": "1.25", "f": "0.5", "b": "true", "t": '"2024-02-29"', "s": '"a"'}
PLAIN_VALUE = {"n": 1, "i": 2, "d": Decimal("1.25"), "f": 0.5, "b": True, "t": datetime.date(2024, 2, 29), "s": "a"}
BAD = object()


@pytest.mark.parametrize("spaces", [(",", ":", ""), (", ", ": ", " "), (",\t", ":   ", "")])
def test_one_odd_value_among_plain_records(read: Convert, spaces: tuple[str, str, str]) -> None:
    """What DuckDB would forgive, round or lose by itself, in a file that it may otherwise be trusted with."""
    comma, colon, edge = spaces

    def line(**odd: str) -> str:
        return "{" + edge + comma.join(f'"{k}"{colon}{v}' for k, v in (PLAIN_RECORD | odd).items()) + edge + "}"

    cases: list[tuple[str, Any]] = [
        (line(n='"5"'), BAD), (line(n="5.7"), BAD), (line(n="true"), BAD), (line(n="5,,"), BAD), (line(n="[1]"), BAD),
        (line(n="1e2"), {"n": 100}), (line(n="nan"), BAD), (line(n="-1"), {"n": -1}), (line(n="01"), BAD),
        (line(n="9223372036854775807"), {"n": 2**63 - 1}), (line(n="9223372036854775808"), BAD),
        (line(i="2147483647"), {"i": 2**31 - 1}), (line(i="2147483648"), BAD), (line(i="999999999"), {"i": 999999999}),
        (line(d="1.005"), BAD), (line(d="2.675"), BAD), (line(d="1e-400"), BAD), (line(d='"7.10"'), {"d": Decimal("7.10")}),
        (line(d="9999999999.99"), {"d": Decimal("9999999999.99")}), (line(d="12345678901"), BAD), (line(d="0"), {"d": 0}),
        (line(d="0.29"), {"d": Decimal("0.29")}), (line(d="-0.07"), {"d": Decimal("-0.07")}), (line(d="NaN"), BAD),
        (line(f="640.3660982948846"), {"f": 640.3660982948846}), (line(f="Infinity"), BAD), (line(f="-inf"), BAD),
        (line(f="1E5"), {"f": 1e5}), (line(f="1e999"), BAD), (line(f="1e-400"), BAD), (line(f="null"), {"f": None}), (line(f="1/**/"), BAD),
        (line(b='"true"'), BAD), (line(b="1"), BAD), (line(t='"2023-02-29"'), BAD), (line(t="20240101"), BAD),
        (line(s="5"), {"s": "5"}), (line(s='"\\u0000"'), BAD), (line(s='"\\ud800"'), BAD), (line(s='"\\u00e9"'), {"s": "é"}),
        (line(s='"\\"n\\":3"'), {"s": '"n":3'}), (line(s='"a","n":7'), BAD), (line(s="'a'"), BAD),
        (line(s='"a",'), BAD), (line() + "}", BAD), (line()[:-1], BAD), (line()[:-1] + comma + "}", BAD),
        (line().replace('"i"', '"n"'), BAD), (line().replace('"n"', '"\\u006e"'), {}),
        ("{" + ",".join(f'"{k}":{v}' for k, v in reversed(PLAIN_RECORD.items())) + "}", {}), ("{}", dict.fromkeys(PLAIN_VALUE)),
    ]  # fmt: skip
    content = [text for case, _ in cases for text in (line(), case)]
    found = read("\n".join([*content, line()]).encode(), PLAIN_TABLE, "jsonl")
    row = tuple(PLAIN_VALUE.values())
    rows = [r for _, odd in cases for r in (row, None if odd is BAD else tuple((PLAIN_VALUE | odd).values()))]
    assert found.rows == [r for r in [*rows, row] if r is not None]
    assert math.copysign(1, read(b'{"f":0.0}\n{"f":-0}', table_of(f="float64"), "jsonl").rows[1][0]) == -1
    assert [q["raw"].decode() for q in found.quarantine] == [case for case, odd in cases if odd is BAD]


def test_plain_records_are_told_apart(tmp_path: Path) -> None:
    plain = '{"n":1,"s":"a:b","x":-0.5}'
    others = ['{"n":1.5,"s":"a","x":1}', '{"s":"a","n":1,"x":1}', '{"n":1,"s":"a","x":1,}', '{"n":1,"s":"\\":","x":1}',
              '{"n":1,"s":"a"}', '{"n":-0,"s":"a","x":1}', '{"n" :1,"s":"a","x":1}', '{"n":1,"s":2,"x":1}']  # fmt: skip
    path = tmp_path / "f.jsonl"
    path.write_text("\n".join(["{}", plain, *others, '{"n":null,"s":null,"x":null}']))
    (batch,) = batches([(path, Lines(0, "f"))], brackets=0, longest=1 << 20, plain=table_of(n="int64", s="string", x="float64").columns)  # fmt: skip
    hints = batch["hint"].to_pylist()
    assert [h == PLAIN for h in hints] == [False, True, *[False] * len(others), True]


def test_a_key_may_be_longer_than_all_that_is_left_of_the_file(read: Convert) -> None:
    row = b'{"%s":1}\n' % (b"k" * 121)
    found = read(row * (jsonfiles.BLOCK // len(row)) + b'{":1}', table_of(**{"k" * 121: "int64"}), "jsonl")
    assert jsonfiles.BLOCK % len(row) == 0, "what is broken lies in a block of its own"
    assert (len(found.rows), [q["raw"] for q in found.quarantine]) == (jsonfiles.BLOCK // len(row), [b'{":1}'])


def expected_or_date(line: bytes, table: Table) -> tuple[Any, ...] | None:
    dated = Table(table.name, table.name, "", tuple(c for c in table.columns if str(c.type) != "date"))
    row = expected(line, dated)
    if row is None or dated.columns == table.columns:
        return row
    value = json.loads(line).get("t")
    try:
        day = None if value is None else datetime.date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        return None
    return (*row, day)


def unknown(line: bytes, table: Table) -> bool:
    """A whole object with a key that is no column: that is an error of the file, not of the line."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and not {c.name for c in table.columns} >= found.keys()


ROWS = [{"n": 1, "s": "a"}, {"n": 2, "s": 'b], {"'}, {"n": None, "s": "\\"}]
TUPLES = [(1, "a"), (2, 'b], {"'), (None, "\\")]


class TestArrays:
    @pytest.mark.parametrize("indent", [None, 0, 2])
    @pytest.mark.parametrize("block", [16, 40, 1 << 20])
    def test_rows_wherever_their_lines_end(self, read: Convert, indent: int | None, block: int, small: Any) -> None:
        small(block)
        assert read(json.dumps(ROWS, indent=indent).encode()).rows == TUPLES
        assert read(json.dumps({"meta": [{"rows": []}, "]}"], "data": {"rows": ROWS, "x": {}}, "y": 1}, indent=indent).encode(),
                    property="data.rows").rows == TUPLES  # fmt: skip
        assert read("\n".join(json.dumps(r, indent=indent) for r in ROWS).encode()).rows == TUPLES

    def test_places_are_those_of_the_file(self, read: Convert) -> None:
        content = b'[\n  {"n": 1},\n  {"n": "x",\n   "s": "y"}, 5,\n  "a, [b",\n  {"n": 1, "n": 2},\r\n  [1], null, {"n": 2}\n]\n'
        found = read(content)
        assert found.rows == [(1, None), (2, None)]
        assert [(q["line"], q["raw"]) for q in found.quarantine] == [
            (3, b'{"n": "x",\n   "s": "y"}'), (4, b"5"), (5, b'"a, [b"'), (6, b'{"n": 1, "n": 2}'), (7, b"[1]"), (7, b"null"),
        ]  # fmt: skip
        assert found.codes == ["CAST", *["JSON"] * 5]

    @pytest.mark.parametrize(
        ("content", "what"),
        [
            (b'[{"n":1}, {"n":2}', "does not end"), (b'[{"n":1}, {"n":2', "does not end"), (b'[{"n":1} {"n":2}]', "without a comma"),
            (b'[{"n":1},, {"n":2}]', "comma without an element before"), (b'[{"n":1},]', "comma without an element behind"),
            (b'[,{"n":1}]', "comma without an element before"), (b'[{"n":1}] x', "behind the end"), (b'[{"n":1}}]', "not opened"),
            (b'[{"n":1}][{"n":2}]', "behind the end"), (b'[{"n":1}, "x]', "does not end"), (b'[1 2]', "without a comma"),
            (b'[{"n":1},\n {"n":2}\n', "line 2"), (b"[", "does not end"), (b"[1,", "does not end"),
        ],
    )  # fmt: skip
    def test_an_array_that_is_none(self, read: Convert, content: bytes, what: str) -> None:
        error = refused(read, content)
        assert error.code == "JSON_ARRAY" and what in error.message

    @pytest.mark.parametrize(
        ("content", "prop", "what"),
        [
            (b'{"rows": [{"n":1}]}', "data", "there are 'rows'"), (b'{"rows": {"n":1}}', "rows", "no array"),
            (b'[{"n":1}]', "rows", "no object"), (b'{"data": []}', "data.rows", "no object in 'data'"), (b"{}", "rows", "none"),
        ],
    )  # fmt: skip
    def test_a_property_that_is_not_there(self, read: Convert, content: bytes, prop: str, what: str) -> None:
        error = refused(read, content, property=prop)
        assert error.code == "JSON_PROPERTY" and what in error.message

    @pytest.mark.parametrize(
        "content",
        [
            b'{"rows": [{"n":1}]',
            b'{"rows": [{"n":1}], "rows": []}',
            b'{"rows": [{"n":1}],}',
            b'{"a" 1, "rows": []}',
            b'{"rows": [{"n":1}]}}',
        ],
    )
    def test_a_broken_envelope(self, read: Convert, content: bytes) -> None:
        assert refused(read, content, property="rows").code == "JSON_ARRAY"

    def test_a_property_with_a_dot_in_its_name(self, read: Convert) -> None:
        assert read(b'{"a.b": [{"n":1}]}', property="a.b").rows == [(1, None)]

    def test_no_rows(self, read: Convert) -> None:
        assert refused(read, b"[]").code == "EMPTY_TABLE"
        assert read(b" [ ] ", table_of(True, n="int64")).rows == []

    def test_rows_that_are_arrays(self, read: Convert) -> None:
        rows = [(1, "a"), (2, "b")]
        assert read(b'[["s","n"],["a",1],["b",2]]', item_type="array").rows == rows
        assert read(b'[["a",1],["b",2]]', item_type="array", item_keys=("s", "n")).rows == rows
        assert read(b'[1,"a"]\n[2,"b"]\n', form="jsonl", item_type="array", header=False).rows == rows
        assert read(b'[1,"a"]\n[2,"b"]\n', item_type="array", header=False).rows == rows
        found = read(b'[["n","s"],[1],[1,"a",2],[1,"a"],{"n":1}]', item_type="array")
        assert found.codes == ["MISSING_COLUMNS", "TOO_MANY_COLUMNS", "JSON"] and found.rows == [(1, "a")]
        assert refused(read, b"[[1,2]]", item_type="array").code == "BAD_HEADER"
        assert refused(read, b'[["n","x"]]', item_type="array").code == "MISSING_COLUMN"

    def test_only_some_keys_of_an_object(self, read: Convert) -> None:
        found = read(b'[{"n":1,"x":[1],"s":"a"},{"n":2,"n":3,"x":1}]', item_keys=("n", "s"))
        assert found.rows == [(1, "a")] and found.codes == ["JSON"]

    def test_how_it_was_read_is_reported(self, read: Convert) -> None:
        assert read(b'[{"n":1}]').converted.dialect == {
            "encoding": "utf-8",
            "layout": "array",
            "detected": ["encoding", "layout"],
        }
        assert read(b'{"n":1}', form="jsonl").converted.dialect["detected"] == ["encoding"]


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(st.lists(NESTED, max_size=8), SPACES, SPACES, st.integers(8, 200))
def test_elements_are_cut_where_python_says(
    tmp_path_factory: pytest.TempPathFactory, items: list[str], a: str, b: str, block: int
) -> None:
    content = ("[" + a + f"{b},{a}".join(items) + b + "]").encode("utf-8", "surrogatepass")
    path = tmp_path_factory.mktemp("elements") / "array"
    path.write_bytes(content)
    cuts = Elements(Envelope(1), "array", block).cut(path)
    found = [bytes(c.data[x:y]) for c in cuts for x, y in zip(c.begins.tolist(), c.ends.tolist(), strict=True)]
    assert found == [i.encode("utf-8", "surrogatepass") for i in items]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Blocks of few bytes, so that every record lies in two."""

    def small(block: int) -> None:
        monkeypatch.setattr(jsonfiles, "BLOCK", block)

    return small


class TestLines:
    @pytest.mark.parametrize("block", [4, 17, 1 << 20])
    @pytest.mark.parametrize("end", [b"\n", b"\r\n"])
    def test_blank_lines_and_blocks(self, read: Convert, small: Any, block: int, end: bytes) -> None:
        small(block)
        content = end.join([b"", b'{"n":1}', b"  ", b"\t", b' {"n":2} ', b"", b"{", b'{"n":3}'])
        found = read(content, form="jsonl")
        assert found.rows == [(1, None), (2, None), (3, None)]
        assert [(q["line"], q["raw"]) for q in found.quarantine] == [(7, b"{")]

    @pytest.mark.parametrize(
        ("line", "code"),
        [
            (b'{"n":1} {"n":2}', "JSON"), (b'{"n":1}{"n":2}', "JSON"), (b'{"n":1}x', "JSON"), (b'{"n":1,}', "JSON"),
            (b'{"n":1 , }', "JSON"), (b"{'n':1}", "JSON"), (b'{"n":+1}', "JSON"), (b'{"n":1\0}', "JSON"), (b'"x"', "JSON"),
            (b'{"n":1e400}', "OVERFLOW"), (b'{"n":"1"}', "CAST"), (b'{"s":"a\x01"}', "JSON"), (b'{"n":1,"n":1}', "JSON"),
            (b'{"n":null,"n":1}', "JSON"), (b'{"n":1,"\\u006e":2}', "JSON"), (b'{"s":NaN}', "JSON"), (b'{"s":{"a":1,"a":2}}', "JSON"),
            (b'{"n":{"a":1,"a":2}}', "JSON"), (b'{"n":{"a":1,}}', "JSON"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("form", ["json", "jsonl"])
    def test_bad_lines(self, read: Convert, line: bytes, code: str, form: str) -> None:
        found = read(b'{"n":1}\n' + line + b'\n{"n":2}', form=form)
        assert found.rows == [(1, None), (2, None)]
        assert [(q["line"], q["byte_offset"], q["reason_code"], q["raw"]) for q in found.quarantine] == [
            (2, 8, code, line)
        ]

    def test_the_first_line_may_be_the_bad_one(self, read: Convert) -> None:
        assert read(b'{"n":1,\n{"n":2}\n{"n":3}').rows == [(2, None), (3, None)]

    def test_texts_keep_a_number_as_it_was_written(self, read: Convert) -> None:
        texts = [b"1.10", b"-0", b"1e5", b"12345678901234567890.5", b"007"]
        found = read(b"\n".join(b'{"s":' + t + b"}" for t in texts))
        assert [r[1] for r in found.rows] == [t.decode() for t in texts[:4]] and found.codes == ["JSON"]

    @pytest.mark.parametrize("other", [{}, {"j": "json"}], ids=["flat", "nested"])
    def test_a_float32_is_rounded_once(self, read: Convert, other: dict[str, str]) -> None:
        """All lie so near to the middle between two that their doubles are the middle itself."""
        table = table_of(f="float32", **other)
        numbers = [
            b"1329254335.999999999999999999",
            b"1.329254335999999999999999999e9",
            b"1329254336",
            b"1329254336.000000001",
            b"0.5",
        ]
        found = read(b"\n".join(b'{"f":' + n + b"}" for n in numbers), table, form="jsonl")
        assert [r[0] for r in found.rows] == [1329254272.0, 1329254272.0, 1329254400.0, 1329254400.0, 0.5]

    @pytest.mark.parametrize("other", [{}, {"j": "json"}], ids=["flat", "nested"])
    @pytest.mark.parametrize("kind", ["float32", "float64"])
    def test_a_zero_keeps_its_sign_and_nothing_becomes_one(
        self, read: Convert, kind: str, other: dict[str, str]
    ) -> None:
        zeros = [b"0", b"-0", b"0.0", b"-0.0", b"-0e0", b"0e999", b"-0." + b"0" * 400]
        others = [b"1e-400", b"-1e-400", b"2e-324", b"0." + b"0" * 400 + b"1"]
        found = read(b"\n".join(b'{"f":' + n + b"}" for n in zeros + others), table_of(f=kind, **other), form="jsonl")
        signs = [math.copysign(1, r[0]) for r in found.rows if r[0] == 0]
        assert signs == [-1 if n.startswith(b"-") else 1 for n in zeros]
        assert found.codes == ["OVERFLOW"] * len(others) and len(found.rows) == len(zeros)

    def test_bad_lines_come_in_the_order_of_their_bytes(self, read: Convert) -> None:
        content = [b'{"n":%d}' % n if n % 3 else b'{"n":"x%d"}' % n if n % 2 else b'{"n":%d' % n for n in range(30_000)]
        found = read(b"\n".join(content), form="jsonl")
        assert [r[0] for r in found.rows] == [n for n in range(30_000) if n % 3]
        assert [q["raw"] for q in found.quarantine] == content[::3]
        assert [q["line"] for q in found.quarantine] == list(range(1, 30_001, 3))

    def test_the_key_that_is_unknown_is_named_with_its_place(self, read: Convert) -> None:
        error = refused(read, b'{"n":1}\n{"n":1,"new":2}\n{"other":1}')
        assert error.code == "UNKNOWN_COLUMN" and "'new'" in error.message and "line 2" in error.where

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "latin-1"])
    def test_encodings(self, read: Convert, encoding: str) -> None:
        text = '{"n":1,"s":"é"}\n{"n":"x"}\n[1]\n{"n":2,"s":"ü"}\n'
        mark = codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b""
        found = read(mark + text.encode(encoding), form="jsonl", encoding="latin-1" if encoding == "latin-1" else None)
        assert found.rows == [(1, "é"), (2, "ü")]
        assert [q["line"] for q in found.quarantine] == [2, 3] and found.quarantine[0]["raw"].decode(
            encoding.removesuffix("-sig")
        ).strip() == '{"n":"x"}'

    def test_bytes_that_are_no_utf8(self, read: Convert) -> None:
        found = read(b'{"n":1}\n{"s":"\xff"}\n\xff\xfe\n{"n":2}\n', form="jsonl")
        assert found.rows == [(1, None), (2, None)] and found.codes == ["INVALID_ENCODING"] * 2

    def test_names_that_differ_in_case_alone(self, read: Convert) -> None:
        assert read(b'{"a":1,"A":2}', table_of(a="int64", A="int64")).rows == [(1, 2)]

    @pytest.mark.parametrize("name", ['q"q', "a.b", "*", "\\", "é", "select", "$"])
    def test_odd_names(self, read: Convert, name: str) -> None:
        table = table_of(**{name: "decimal(6,2)", "other": "string"})
        found = read(json.dumps({name: 1.25, "other": "5"}).encode(), table)
        assert found.rows == [(Decimal("1.25"), "5")]

    def test_several_files(self, read: Convert) -> None:
        found = read([b'{"n":1}\nx\n', b'[{"n":2},\n{"n":"y"}]'])
        assert found.rows == [(1, None), (2, None)]
        assert [(q["file"], q["line"]) for q in found.quarantine] == [("file-0", 2), ("file-1", 2)]
        assert found.converted.dialect["files"]["file-1"]["layout"] == "array"


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_columns_in_the_path(tmp_path: Path, form: str) -> None:
    contents = [
        b'{"n":1,"s":"a"}\n{"n":"x"}\n',
        b'[{"n":2},\n{"s":"b",\n"n":[]}]' if form == "json" else b'{"n":2}\n{"n":[]}\n',
    ]
    files = []
    for year, content in zip((2024, 2025), contents, strict=True):
        path = tmp_path / f"{year}.json"
        path.write_bytes(content)
        files.append((f"orders/year={year}/part-0.json", path))
    converted = convert(
        files, table_of(n="int64", s="string", year="int32"), form, Dialect(), out=tmp_path / "out", quarantine=tmp_path / "bad",
        memory_limit="1GB", threads=2, scratch=tmp_path / "scratch",
    )  # fmt: skip
    rows = [tuple(r.values()) for part in converted.staged for r in pq.read_table(part.path).to_pylist()]
    assert sorted(rows) == [(1, "a", 2024), (2, None, 2025)]
    bad = pq.read_table(converted.quarantine).to_pylist()
    assert [(q["file"], q["line"], q["column"]) for q in bad] == [(name, 2, "n") for name, _ in files]


class TestLimits:
    def test_nesting(self, read: Convert) -> None:
        table = table_of(j="json")
        deep = b'{"j":[[["[[[["]]]}'
        assert read(deep, table, limits=Limits(json_nesting=4)).rows == [('[[["[[[["]]]',)]
        found = read(deep + b'\n{"j":1}', table, limits=Limits(json_nesting=3))
        assert found.codes == ["JSON_DEPTH"] and found.rows == [("1",)]

    def test_a_long_record(self, read: Convert) -> None:
        found = read(b'{"n":1}\n{"s":"' + b"x" * 100 + b'"}\n', limits=Limits(json_record_bytes=50))
        assert found.codes == ["LINE_TOO_LONG"] and found.rows == [(1, None)]

    def test_a_record_without_an_end(self, read: Convert, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sluice.adapters.duck.json.records.MAX_RECORD", 1 << 10)
        monkeypatch.setattr(jsonfiles, "BLOCK", 64)
        for content in (b'{"s":"' + b"x" * 10_000, b'[{"s":"' + b"x" * 10_000 + b'"}]'):
            assert refused(read, content).code == "RECORD_TOO_LONG"


def test_more_columns_than_one_statement_takes(read: Convert, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is staged and what is quarantined does not depend on the way it goes."""
    kinds = ("int64", "decimal(12,2)", "string", "date", "float64", "json", "boolean")
    table = table_of(**{f"c{i}": kinds[i % 7] for i in range(14)})
    line = b'{"c0":%d,"c1":1.25,"c2":"a","c3":"2024-02-29","c4":-0,"c5":{"x":[1.10]},"c6":true,"c13":null}'
    odd = {
        7: b'{"c0":1.5}',
        9: b'{"c8":12.345}',
        10: b'{"c3":"2024-02-30","c0":"x"}',
        11: b"{",
        4_999: b'{"c4":1e-400}',
    }
    content = b"\n".join(odd.get(n, line % n) for n in range(5_000))
    once = read(content, table, "jsonl")
    monkeypatch.setattr("sluice.adapters.duck.json.staging._MOST_AT_ONCE", 13)
    monkeypatch.setattr("sluice.adapters.duck.json.wide._COLUMNS", 5)
    monkeypatch.setattr("sluice.adapters.duck.json.wide._CELLS", 10_000)
    found = read(content, table, "jsonl")
    assert found.rows == once.rows and len(found.rows) == 5_000 - len(odd)
    assert found.quarantine == once.quarantine and len(found.quarantine) == len(odd)
    error = refused(read, content + b'\n{"c0":1}\n{"other":1}', table, "jsonl")
    assert error.code == "UNKNOWN_COLUMN" and error.where.endswith("line 5002")
    assert read(b'{"c0":"x"}', table, "jsonl").rows == []


def test_more_columns_than_the_limit(read: Convert) -> None:
    error = refused(read, b'{"n":1}', TWO, "jsonl", limits=Limits(columns=1))
    assert error.code == "COLUMN_LIMIT" and "2 columns" in error.message
    assert read(b'{"n":1}', TWO, "jsonl", limits=Limits(columns=2)).rows == [(1, None)]
