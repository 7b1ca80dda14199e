"""Workbooks: typed cells and text cells, the right sheet, the right rows, and nothing passed over in silence."""

# ruff: noqa: DTZ001 (Excel knows no zones)

from __future__ import annotations

import importlib.util
import io
import json
import struct
import tempfile
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet
from python_calamine import CalamineWorkbook

from adapters.duck.conversions import Convert, convert_bytes, table_of
from sluice.adapters.duck.convert import convert
from sluice.adapters.duck.packed.unpack import unpack
from sluice.contract.model import Dialect, Table
from sluice.errors import SourceError
from sluice.limits import Limits


def excel(*rows: list[Any] | tuple[Any, ...], also: Callable[[Workbook, Worksheet], None] | None = None) -> bytes:
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    for row in rows:
        sheet.append(list(row))
    if also:
        also(book, sheet)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def ods(*rows: list[str]) -> bytes:
    """A spreadsheet of OpenDocument, its cells given as XML."""
    table = "".join(f"<table:table-row>{''.join(row)}</table:table-row>" for row in rows)
    names = " ".join(f'xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{n}:1.0"' for n in ("office", "table", "text"))
    names += ' xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
    content = f'<?xml version="1.0"?><office:document-content {names}><office:body><office:spreadsheet><table:table table:name="one">{table}</table:table></office:spreadsheet></office:body></office:document-content>'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "META-INF/manifest.xml",
            '<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
        )
        archive.writestr("content.xml", content)
    return out.getvalue()


def text_cell(text: str) -> str:
    return f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'


def refused(run: Convert, content: bytes, table: Table, **options: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        run(content, table, "excel", **options)
    return caught.value


AB = table_of(a="string", b="int64")


def test_typed_cells_are_what_they_are(run: Convert) -> None:
    moment = datetime(2024, 1, 2, 3, 4, 5, 678000)
    content = excel(
        ["i", "f", "d", "b", "day", "t", "m", "z", "s"],
        [5, 0.1, 10.55, True, date(2024, 2, 29), time(23, 59, 58), moment, moment, "05"],
        [-(2**31), 1e300, 1e-3, False, datetime(2024, 2, 29), time(0), date(2024, 1, 2), date(2024, 1, 2), 42],
        [None, None, None, None, None, None, None, None, "x"],
    )
    table = table_of(
        i="int32",
        f="float64",
        d="decimal(9,3)",
        b="boolean",
        day="date",
        t="time",
        m="timestamp",
        z="timestamptz",
        s="string",
    )
    found = run(content, table, "xlsx")
    assert found.quarantine == []
    assert found.rows == [
        (5, 0.1, Decimal("10.550"), True, date(2024, 2, 29), time(23, 59, 58), moment, moment.replace(tzinfo=UTC), "05"),
        (-(2**31), 1e300, Decimal("0.001"), False, date(2024, 2, 29), time(0), datetime(2024, 1, 2), datetime(2024, 1, 2, tzinfo=UTC), "42"),
        (*[None] * 8, "x"),
    ]  # fmt: skip


def test_text_cells_are_proven_like_any_text(run: Convert) -> None:
    table = table_of(n="decimal(9,2)", d=("date", {"format": "dd.MM.yyyy"}), s="string")
    content = excel(
        ["n", "d", "s"],
        ["1234.50", "31.12.2024", "NA"],
        [1234.5, date(2024, 12, 31), "x"],
        ["NA", "NA", "y"],
        ["1.555", "2024-12-31", "z"],
    )
    found = run(content, table, "excel", dialect=Dialect(null_sequence=("", "NA")))
    same = (Decimal("1234.50"), date(2024, 12, 31))
    assert found.rows == [(*same, None), (*same, "x"), (None, None, "y")]
    assert found.codes == ["PRECISION_LOSS"]


def test_what_does_not_fit_is_quarantined_with_its_row(run: Convert) -> None:
    content = excel(["a", "b"], ["x", 1], ["y", 1.5], [], ["z", "?"], ["d", date(2024, 1, 1)], ["o", 1e30], [3, True])
    found = run(content, AB, "excel")
    assert found.rows == [("x", 1)]
    assert [(q["line"], q["column"], q["reason_code"]) for q in found.quarantine] == [
        (3, "b", "PRECISION_LOSS"), (5, "b", "CAST"), (6, "b", "CAST"), (7, "b", "OVERFLOW"), (8, "b", "CAST"),
    ]  # fmt: skip
    assert [json.loads(q["raw"]) for q in found.quarantine][:2] == [{"a": "y", "b": 1.5}, {"a": "z", "b": "?"}]


def test_a_serial_number_is_no_date(run: Convert) -> None:
    found = run(excel(["d"], [45123], [date(2023, 7, 16)]), table_of(d="date"), "excel")
    assert found.values == [date(2023, 7, 16)] and found.codes == ["CAST"]


def test_cells_with_errors_cost_their_rows(run: Convert) -> None:
    def errors(_: Workbook, sheet: Worksheet) -> None:
        for place, text in (("A3", "#N/A"), ("B4", "#DIV/0!")):
            sheet[place].value, sheet[place].data_type = text, "e"

    content = excel(["a", "b"], ["x", 1], [None, 2], ["z", None], ["w", 4], also=errors)
    found = run(content, AB, "excel")
    assert found.rows == [("x", 1), ("w", 4)]
    assert [(q["line"], q["column"], q["reason_code"]) for q in found.quarantine] == [
        (3, "a", "CELL_ERROR"),
        (4, "b", "CELL_ERROR"),
    ]


def test_a_formula_that_nothing_has_computed_costs_its_row(run: Convert) -> None:
    found = run(excel(["a", "b"], ["=1+1", 2], ["x", "=B2*2"], ["y", 4]), AB, "excel")
    assert found.rows == [("y", 4)]
    assert [(q["line"], q["column"], q["reason_code"]) for q in found.quarantine] == [
        (2, "a", "CELL_ERROR"), (3, "b", "CELL_ERROR"),
    ]  # fmt: skip


def test_large_numbers_have_the_digits_of_the_file(run: Convert) -> None:
    content = excel(["a", "b"], [123456789012345000, 123456789012345000], [-0.0, 2**53])
    assert run(content, AB, "excel").rows == [("123456789012345000", 123456789012345000), ("0", 2**53)]


def test_a_row_of_nothing_but_an_error_is_a_row(run: Convert) -> None:
    def errors(_: Workbook, sheet: Worksheet) -> None:
        sheet["B3"].value, sheet["B3"].data_type = "#REF!", "e"

    assert run(excel(["a", "b"], ["x", 1], also=errors), AB, "excel").codes == ["CELL_ERROR"]


def test_which_sheet(run: Convert) -> None:
    def sheets(book: Workbook, sheet: Worksheet) -> None:
        sheet.title = "Notes"
        for name, value in (("Things", 1), ("Other", 2)):
            more = book.create_sheet(name)
            more.append(["a", "b"])
            more.append(["x", value])

    content = excel(["see", "below"], also=sheets)
    found = run(content, AB, "excel")
    assert found.rows == [("x", 1)] and found.converted.dialect["sheetName"] == "Things"
    assert "sheetName" in found.converted.dialect["detected"]
    assert run(content, AB, "excel", dialect=Dialect(sheet_name="Other")).rows == [("x", 2)]
    assert run(content, AB, "excel", dialect=Dialect(sheet_number=3)).rows == [("x", 2)]
    for dialect in (Dialect(sheet_name="None"), Dialect(sheet_number=4)):
        error = refused(run, content, AB, dialect=dialect)
        assert error.code == "SHEET" and "'Things'" in error.mend


def test_where_the_rows_are(run: Convert) -> None:
    def elsewhere(_: Workbook, sheet: Worksheet) -> None:
        for place, value in {
            "C2": "Report of 2024",
            "C4": "a",
            "D4": "b",
            "C5": "x",
            "D5": 1,
            "C7": "y",
            "D7": 2,
            "F7": "!",
        }.items():
            sheet[place] = value

    content = excel(also=elsewhere)
    found = run(content, AB, "excel")
    assert found.rows == [("x", 1)] and found.converted.dialect["headerRows"] == [4]
    assert [(q["line"], q["reason_code"]) for q in found.quarantine] == [(7, "TOO_MANY_COLUMNS")]
    titled = excel(["title"], ["big", "big"], ["a", "b"], ["x", 1], ["total", 1])
    assert run(titled, AB, "excel", dialect=Dialect(footer_rows=1)).rows == [("x", 1)]
    joined = table_of(**{"big a": "string", "big b": "int64"})
    assert run(titled, joined, "excel", dialect=Dialect(header_rows=(2, 3), footer_rows=1)).rows == [("x", 1)]
    assert run(titled, joined, "excel", dialect=Dialect(skip_rows=1, header_rows=(1, 2), footer_rows=1)).rows == [
        ("x", 1)
    ]
    assert run(excel(["x", 1], ["y", 2]), AB, "excel", dialect=Dialect(header=False)).rows == [("x", 1), ("y", 2)]


def test_headers_that_do_not_fit(run: Convert) -> None:
    assert refused(run, excel(["a"], ["x"]), AB).code == "MISSING_COLUMN"
    assert refused(run, excel(["a", "b", "c"], ["x", 1, 2]), AB).code == "UNKNOWN_COLUMN"
    assert refused(run, excel(["a", "b", "b"], ["x", 1, 2]), AB).code == "DUPLICATE_COLUMN"
    assert refused(run, excel(), AB).code == "EMPTY_FILE"
    assert refused(run, excel(["a", "b"]), AB).code == "EMPTY_TABLE"
    assert run(excel(), table_of(True, a="string"), "excel").rows == []


def test_merged_cells_have_their_value_once(run: Convert) -> None:
    content = excel(["a", "b"], ["x", 1], [None, 2], also=lambda _, sheet: sheet.merge_cells("A2:A3"))
    assert run(content, AB, "excel").rows == [("x", 1), (None, 2)]


def test_open_document(run: Convert) -> None:
    content = ods(
        [text_cell("a"), text_cell("b")],
        [text_cell("x"), '<table:table-cell office:value-type="float" office:value="1"/>'],
        [text_cell("y"), '<table:table-cell office:value-type="float" office:value="1.5"/>'],
    )
    found = run(content, AB, "ods")
    assert found.rows == [("x", 1)] and found.codes == ["PRECISION_LOSS"]


def test_errors_of_open_document(run: Convert) -> None:
    number = '<table:table-cell office:value-type="float" office:value="1"/>'
    error = '<table:table-cell office:value-type="string" office:string-value="" calcext:value-type="error"><text:p>#N/A</text:p></table:table-cell>'
    found = run(ods([text_cell("a"), text_cell("b")], [text_cell("x"), number], [text_cell("y"), error]), AB, "ods")
    assert found.rows == [("x", 1)]
    assert [(q["line"], q["column"], q["reason_code"]) for q in found.quarantine] == [(3, "b", "CELL_ERROR")]


def test_an_old_workbook_and_its_errors(run: Convert) -> None:
    spec = importlib.util.find_spec("statsmodels")
    assert spec is not None and spec.submodule_search_locations
    nowcast = Path(spec.submodule_search_locations[0]) / "tsa/statespace/tests/results/frbny_nowcast/Nowcasting/data/US"
    content = (nowcast / "2016-07-29.xls").read_bytes()
    names = [str(c) for c in CalamineWorkbook.from_object(io.BytesIO(content)).get_sheet_by_index(0).to_python()[0]]
    table = table_of(**{n: "date" if n == "Date" else "float64" for n in names})
    whole = run(content, table, "xls")
    assert len(whole.rows) > 100
    damaged = bytearray(content)
    at = content.index(b"\x03\x02\x0e\x00")  # the first number becomes #N/A
    damaged[at], damaged[at + 10], damaged[at + 11] = 5, 0x2A, 1
    found = run(bytes(damaged), table, "xls")
    assert "CELL_ERROR" in found.codes and len(found.rows) == len(whole.rows) - 1


def small_xls(*rows: list[str | float | None]) -> bytes:
    """A workbook of BIFF8 with one sheet; None is #N/A. So small, it lies in the mini stream ([MS-CFB] 2.6.3)."""

    def record(kind: int, *parts: bytes) -> bytes:
        return struct.pack("<HH", kind, sum(map(len, parts))) + b"".join(parts)

    def cell(row: int, column: int, value: str | float | None) -> bytes:
        place = struct.pack("<3H", row, column, 0)
        if isinstance(value, str):
            return record(0x0204, place, struct.pack("<HB", len(value), 0), value.encode())
        return record(0x0205, place, b"\x2a\x01") if value is None else record(0x0203, place, struct.pack("<d", value))

    def begin(kind: int) -> bytes:
        return record(0x0809, struct.pack("<HH", 0x0600, kind), bytes(12))

    end = record(0x000A)
    sheet = begin(0x10) + b"".join(cell(r, c, v) for r, row in enumerate(rows) for c, v in enumerate(row)) + end
    offset = len(begin(5) + record(0x85, bytes(10)) + end)
    book = begin(5) + record(0x85, struct.pack("<IHBB", offset, 0, 2, 0), b"S1") + end + sheet
    small, large = -(-len(book) // 64), -(-len(book) // 512)

    def chain(length: int) -> list[int]:
        return [*range(1, length), 0xFFFFFFFE]

    def sector(numbers: list[int]) -> bytes:
        return struct.pack(f"<{len(numbers)}I", *numbers).ljust(512, b"\xff")

    def entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
        text = (name + "\0").encode("utf-16-le")
        links = struct.pack("<HBB3I", len(text), kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child)
        return text.ljust(64, b"\0") + links + bytes(36) + struct.pack("<IQ", start, size)

    fat = sector([0xFFFFFFFD, 0xFFFFFFFE, 0xFFFFFFFE, *(n if n >= 0xFFFFFFFA else n + 3 for n in chain(large))])
    folder = entry("Root Entry", 5, 1, 3, small * 64) + entry("Workbook", 2, 0xFFFFFFFF, 0, len(book))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<5H", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<9I", 0, 1, 1, 0, 4096, 2, 1, 0xFFFFFFFE, 0) + struct.pack("<I", 0)
    return (
        head.ljust(512, b"\xff")
        + fat
        + folder.ljust(512, b"\0")
        + sector(chain(small))
        + book.ljust(large * 512, b"\0")
    )


def test_a_small_old_workbook_and_its_errors(run: Convert) -> None:
    rows = [["x", float(n)] for n in range(20)]
    found = run(small_xls(["a", "b"], *rows, ["y", None]), AB, "xls")
    assert found.rows == [("x", n) for n in range(20)]
    assert [(q["line"], q["column"], q["reason_code"]) for q in found.quarantine] == [(22, "b", "CELL_ERROR")]


def test_no_workbook(run: Convert) -> None:
    whole = excel(["a", "b"], ["x", 1])
    for content in (
        b"a,b\nx,1\n",
        whole[:-30],
        whole[:200],
        b"PK\x03\x04",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    ):
        assert refused(run, content, AB).code == "CORRUPT_EXCEL"
    damaged = bytearray(whole)
    damaged[whole.index(b"xl/worksheets/sheet1.xml") + 60] ^= 0xFF
    assert refused(run, bytes(damaged), AB).code == "CORRUPT_EXCEL"


def test_a_workbook_is_no_archive_but_may_lie_in_one(tmp_path: Path) -> None:
    content = excel(["a", "b"], ["x", 1])
    (tmp_path / "a.xlsx").write_bytes(content)
    assert unpack(tmp_path / "a.xlsx", tmp_path / "s") == [("a.xlsx", tmp_path / "a.xlsx")]
    (tmp_path / "b.ods").write_bytes(ods([text_cell("a")]))
    assert len(unpack(tmp_path / "b.ods", tmp_path / "s")) == 1
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("in/a.xlsx", content)
        archive.writestr("in/b.xlsx", content)
    assert [n for n, _ in unpack(tmp_path / "c.zip", tmp_path / "s")] == ["c.zip!in/a.xlsx", "c.zip!in/b.xlsx"]


def test_limits(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(excel(["a", "b"], *(["x" * 50, n] for n in range(3000))))

    def land(limits: Limits) -> None:
        convert([("a.xlsx", tmp_path / "a.xlsx")], AB, "excel", Dialect(), out=tmp_path / "o", quarantine=tmp_path / "q",
                memory_limit="300MB", threads=1, scratch=tmp_path / "s", limits=limits)  # fmt: skip

    land(Limits())
    with pytest.raises(SourceError, match="ARCHIVE_LIMIT"):
        land(Limits(unpacked_bytes=100_000))
    with pytest.raises(SourceError, match="TOO_MANY_COLUMNS"):
        land(Limits(columns=1))


cells = st.none() | st.integers(-(10**14), 10**14) | st.floats(-1e15, 1e15).map(lambda f: float(f"{f:.10g}"))


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(
        st.tuples(
            cells,
            st.none() | st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc", "Co", "Cn"]), min_size=1),
            st.none() | st.datetimes(datetime(1901, 1, 1), datetime(9999, 12, 30)).map(lambda m: m.replace(microsecond=0)),
        ).filter(lambda r: any(c is not None for c in r)),
        min_size=1, max_size=20,
    )
)  # fmt: skip
def test_what_is_written_comes_back(rows: list[tuple[Any, ...]]) -> None:
    content = excel(["n", "s", "t"], *[(n, None if s is None else f" {s}", t) for n, s, t in rows])
    with tempfile.TemporaryDirectory() as folder:
        found = convert_bytes(Path(folder), content, table_of(n="float64", s="string", t="timestamp"), "excel")
    assert found.quarantine == [] and len(found.rows) == len(rows)
    for (n, s, t), (m, other, u) in zip(rows, found.rows, strict=True):
        assert (n, None if s is None else f" {s}") == (m, other)
        assert t is u is None or abs(t - u) < timedelta(milliseconds=1)
