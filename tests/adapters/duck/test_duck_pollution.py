"""One clean table, spoilt in every way that delimited files are spoilt: nothing crashes, nothing is lost or made up."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Iterator

import pytest

from adapters.duck.conversions import Convert, Outcome, table_of
from sluice.contract.model import Dialect
from sluice.errors import SourceError

NAMES = ["day", "code", "qty", "price", "title", "notes"]
TABLE = table_of(day=("date", {"format": "dd/MM/yyyy"}), code="string", qty="int32", price="decimal(9,2)",
                 title="string", notes="string")  # fmt: skip
COLUMNS = len(NAMES)


def clean(count: int = 24) -> list[list[str]]:
    """Rows with commas, doubled quotes, apostrophes, embedded lines and empty ends, as product lists have them."""
    draw = random.Random(20261122)
    titles = ["Boots, high", "Men's vest", 'Table, round 48"', "Plain", "Socks; wool", "Rod 8'9\"", "Cap | blue"]
    return [
        [
            f"{1 + n % 28:02}/{1 + n % 12:02}/2018", f"AB-{1000 + n}", str(draw.randrange(50)),
            f"{draw.randrange(10_000) / 100:.2f}", titles[n % len(titles)],
            "" if n % 5 == 0 else f"two\nlines {n}" if n % 5 == 1 else f"note {n}",
        ]
        for n in range(count)
    ]  # fmt: skip


def written(rows: list[list[str]], *, header: bool = True, end: str = "\r\n", **dialect: object) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, **dialect).writerows([NAMES, *rows] if header else rows)  # type: ignore[arg-type]
    return out.getvalue().replace("\r\n", end)  # no value has a CRLF


def lines_of(rows: list[list[str]]) -> list[str]:
    """The file as records, the header first, each without its line end."""
    return [written([row], header=False, end="") for row in [NAMES, *rows]]


def staged(rows: list[list[str]]) -> list[tuple[str, ...]]:
    return [(r[1], r[2], r[3], r[4], r[5]) for r in rows]


def came_out(found: Outcome) -> list[tuple[str, ...]]:
    return [(code, str(qty), str(price), title, notes or "") for _, code, qty, price, title, notes in found.rows]


ROWS = clean()
ALL = staged(ROWS)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", ":", "^", "~", "\x01", " ", "#"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("declared", [True, False])
def test_delimiters(run: Convert, delimiter: str, quoting: int, declared: bool) -> None:
    content = written(ROWS, delimiter=delimiter, quoting=quoting).encode()
    found = run(content, TABLE, dialect=Dialect(delimiter=delimiter if declared else None))
    assert came_out(found) == ALL and found.converted.dialect["delimiter"] == delimiter
    assert ("delimiter" in found.converted.dialect["detected"]) is not declared


@pytest.mark.parametrize("delimiter", [", ", "||", "\t\t", "::", "<>"])
@pytest.mark.parametrize("declared", [True, False])
def test_delimiters_of_several_characters(run: Convert, delimiter: str, declared: bool) -> None:
    content = written(ROWS, delimiter="\x07", quoting=csv.QUOTE_ALL).replace("\x07", delimiter).encode()
    found = run(content, TABLE, dialect=Dialect(delimiter=delimiter if declared else None))
    assert came_out(found) == ALL


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(
    ("quote", "escape", "double"), [('"', None, True), ("'", None, True), ('"', "\\", False), ("'", "\\", False)]
)
def test_quotes_and_escapes(run: Convert, quote: str, escape: str | None, double: bool, declared: bool) -> None:
    content = written(ROWS, quotechar=quote, escapechar=escape, doublequote=double, quoting=csv.QUOTE_ALL).encode()
    dialect = Dialect(quote_char=quote, escape_char=escape, double_quote=double) if declared else Dialect()
    assert came_out(run(content, TABLE, dialect=dialect)) == ALL


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["no", "one", "two"])
def test_line_ends(run: Convert, end: str, last: str) -> None:
    content = written(ROWS, end=end).removesuffix(end) + end * ["no", "one", "two"].index(last)
    assert came_out(run(content.encode(), TABLE)) == ALL


def test_one_row_with_another_line_end(run: Convert) -> None:
    for n in range(len(ROWS) + 1):
        lines = lines_of(ROWS)
        content = "".join(line + ("\n" if i == n else "\r\n") for i, line in enumerate(lines))
        assert came_out(run(content.encode(), TABLE)) == ALL


def test_a_terminator_of_its_own(run: Convert) -> None:
    content = written(ROWS, end="~|~").encode()
    assert came_out(run(content, TABLE, dialect=Dialect(line_terminator="~|~"))) == ALL


def damaged(n: int, change: Callable[[list[str], int], str]) -> Iterator[tuple[str, str]]:
    """The file with record `n` changed, cell by cell; and the changed record."""
    for column in range(COLUMNS):
        lines = lines_of(ROWS)
        parts = [written([[c]], header=False, end="") if c else "" for c in ROWS[n - 1]]
        lines[n] = change(parts, column)
        yield "\r\n".join(lines) + "\r\n", lines[n]


def without_delimiter(parts: list[str], column: int) -> str:
    column = max(column, 1)
    return ",".join([*parts[: column - 1], parts[column - 1] + parts[column], *parts[column + 1 :]])


def with_delimiter(parts: list[str], column: int) -> str:
    return ",".join([*parts[:column], "", *parts[column:]])


def with_quote(parts: list[str], column: int) -> str:
    return ",".join([*parts[:column], '"' + parts[column], *parts[column + 1 :]])


@pytest.mark.parametrize("change", [without_delimiter, with_delimiter, with_quote])
def test_one_damaged_row_costs_that_row_and_no_other(run: Convert, change: Callable[[list[str], int], str]) -> None:
    for n in (1, 3, 5, 13, len(ROWS)):
        for content, record in damaged(n, change):
            found = run(content.encode(), TABLE)
            rest = ALL[: n - 1] + ALL[n:]
            assert found.converted.rows_read == len(ROWS)
            if not found.quarantine:
                # An extra quote before a quoted empty value, or a delimiter after the last, leaves the row whole.
                assert came_out(found)[: n - 1] + came_out(found)[n:] == rest
                continue
            assert came_out(found) == rest
            assert [q["raw"].decode() for q in found.quarantine] == [record]


@pytest.mark.parametrize("n", [1, 3, 13, len(ROWS)])
def test_one_row_with_another_delimiter(run: Convert, n: int) -> None:
    lines = lines_of(ROWS)
    lines[n] = written([ROWS[n - 1]], header=False, end="", delimiter=" ")
    found = run(("\r\n".join(lines) + "\r\n").encode(), TABLE)
    assert came_out(found) == ALL[: n - 1] + ALL[n:]
    assert [q["raw"].decode() for q in found.quarantine] == [lines[n]]


@pytest.mark.parametrize(
    "header", [" ".join(NAMES), ";".join(NAMES), ",".join(NAMES).replace("qty", '"qty'), '"' + ",".join(NAMES)]
)
def test_a_spoilt_header_that_still_names_every_column(run: Convert, header: str) -> None:
    content = "\r\n".join([header, *lines_of(ROWS)[1:]]).encode()
    assert came_out(run(content, TABLE, dialect=Dialect(delimiter=","))) == ALL


@pytest.mark.parametrize("header", ["day,code,qty,price,titlenotes", "day,,code,qty,price,title,notes", "x,y", '"'])
def test_a_spoilt_header_that_does_not_is_named(run: Convert, header: str) -> None:
    with pytest.raises(SourceError) as caught:
        run("\r\n".join([header, *lines_of(ROWS)[1:]]).encode(), TABLE)
    assert caught.value.code in ("MISSING_COLUMN", "UNKNOWN_COLUMN", "BAD_HEADER") and caught.value.mend


PREAMBLES = [
    "Report of sales\r\n\r\n", "Report, of sales\r\n", "a\r\nb\r\nc\r\n", "PREAMBLE,,,,,\r\n,,,,,\r\n",
    'Made by "us"\r\n', "# made by us\r\n",
]  # fmt: skip


@pytest.mark.parametrize("preamble", PREAMBLES)
def test_a_preamble(run: Convert, preamble: str) -> None:
    content = (preamble + written(ROWS)).encode()
    found = run(content, TABLE)
    number = preamble.count("\r\n") + 1
    assert came_out(found) == ALL and found.converted.dialect["headerRows"] == [number]
    assert "headerRows" in found.converted.dialect["detected"]
    for dialect in (Dialect(header_rows=(number,)), Dialect(skip_rows=number - 1)):
        found = run(content, TABLE, dialect=dialect)
        assert came_out(found) == ALL and not found.quarantine


def test_nothing_that_could_be_a_row_is_passed_over_for_a_header(run: Convert) -> None:
    lines = lines_of(ROWS)
    content = "\r\n".join([lines[1], *lines]).encode()
    with pytest.raises(SourceError, match="MISSING_COLUMN"):
        run(content, table_of(**dict.fromkeys(NAMES, "string")))
    found = run(content, TABLE)  # typed: the first line is a row, so there is no header, and the names are no row
    assert came_out(found) == ALL[:1] + ALL and [q["raw"] for q in found.quarantine] == [",".join(NAMES).encode()]


@pytest.mark.parametrize("tall", [2, 3])
def test_several_header_rows(run: Convert, tall: int) -> None:
    body = written(ROWS, header=False)
    joined = table_of(**{" ".join([c.name] * tall): (str(c.type), dict(c.options)) for c in TABLE.columns})
    content = ((",".join(NAMES) + "\r\n") * tall + body).encode()
    for dialect in (Dialect(), Dialect(header_rows=tuple(range(1, tall + 1)))):
        for table in (TABLE, joined):
            found = run(content, table, dialect=dialect)
            assert came_out(found) == ALL and not found.quarantine
            assert found.converted.dialect["headerRows"] == list(range(1, tall + 1))


def test_merged_cells_above_names(run: Convert) -> None:
    table = table_of(**{"sales/min": "int32", "sales/max": "int32", "cost/min": "int32", "cost/max": "int32"})
    content = b"sales,,cost,\nmin,max,min,max\n1,2,3,4\n"
    found = run(content, table, dialect=Dialect(header_rows=(1, 2), header_join="/"))
    assert found.rows == [(1, 2, 3, 4)]


@pytest.mark.parametrize("declared", [True, False])
def test_no_header(run: Convert, declared: bool) -> None:
    found = run(written(ROWS, header=False).encode(), TABLE, dialect=Dialect(header=False if declared else None))
    assert came_out(found) == ALL and found.converted.dialect["header"] is False
    assert ("header" in found.converted.dialect["detected"]) is not declared


def test_no_header_is_not_guessed_where_a_name_could_be_a_value(run: Convert) -> None:
    with pytest.raises(SourceError, match="MISSING_COLUMN") as caught:
        run(b"x,y\n1,2\n", table_of(a="string", b="string"))
    assert "`header: false`" in caught.value.mend
    with pytest.raises(SourceError, match="MISSING_COLUMN"):
        run(b"1,b\n1,2\n", table_of(a="int32", b="string"))


def test_footers(run: Convert) -> None:
    content = (written(ROWS) + "\r\nTotal,24\r\nEnd\r\n").encode()
    found = run(content, TABLE)
    assert came_out(found) == ALL and [q["raw"] for q in found.quarantine] == [b"Total,24", b"End"]
    found = run(content, TABLE, dialect=Dialect(footer_rows=3))
    assert came_out(found) == ALL and not found.quarantine and found.converted.rows_read == len(ROWS)


def test_comments(run: Convert) -> None:
    lines = lines_of(ROWS)
    content = "\r\n".join(['// by "us', lines[0], "// one", *lines[1:5], "// two, with, commas", *lines[5:], "//"])
    found = run(content.encode(), TABLE, dialect=Dialect(comment_char="//"))
    assert came_out(found) == ALL and not found.quarantine
    content = "\r\n".join([lines[0], "see below", *lines[1:3], "and here,x", *lines[3:]])
    found = run(content.encode(), TABLE, dialect=Dialect(comment_rows=(2, 5)))
    assert came_out(found) == ALL and found.converted.rows_read == len(ROWS)


def test_blank_and_spaced_out(run: Convert) -> None:
    content = "\r\n\r\n" + written(ROWS).replace("AB-", "\r\nAB-", 0) + "\r\n\r\n\r\n"
    assert came_out(run(content.encode(), TABLE)) == ALL
    spaced = written(ROWS, quoting=csv.QUOTE_ALL).replace('","', '", "')
    for skip in (True, None):
        assert came_out(run(spaced.encode(), TABLE, dialect=Dialect(skip_initial_space=skip))) == ALL


def test_spaces_around_names_and_values(run: Convert) -> None:
    found = run(b" n , s \n 1 , x \n", table_of(n="int32", s="string"))
    assert found.rows == [(1, "x ")] and found.converted.dialect["delimiter"] == ","


def test_a_delimiter_after_every_row(run: Convert) -> None:
    lines = lines_of(ROWS)
    for header in (lines[0], lines[0] + ","):
        content = "\r\n".join([header, *(line + "," for line in lines[1:])])
        assert came_out(run(content.encode(), TABLE)) == ALL
    content = "\r\n".join(line + "," for line in lines[1:])
    assert came_out(run(content.encode(), TABLE, dialect=Dialect(header=False))) == ALL


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_a_header_amid_the_rows_is_none_of_them(run: Convert, end: str, quoting: int) -> None:
    half = len(ROWS) // 2
    rows = [*ROWS[:half], NAMES, *ROWS[half:], ["x", "", "", "", "", "a\n" + ",".join(NAMES) + "\nb"], NAMES]
    content = written(rows, end=end, quoting=quoting).encode()
    texts = table_of(**dict.fromkeys(NAMES, "string"))
    for dialect in (Dialect(), Dialect(footer_rows=1), Dialect(escape_char="\\", double_quote=True)):
        found = run(content, texts, dialect=dialect)
        headers = 1 if dialect.footer_rows else 2
        assert found.codes == ["REPEATED_HEADER"] * headers
        assert {q["raw"] for q in found.quarantine} == {content.split(end.encode(), 1)[0]}
        assert [r[1] for r in found.rows] == [r[1] for r in ROWS] + [None if quoting == csv.QUOTE_MINIMAL else ""]
    assert run(content, texts, dialect=Dialect(header=False)).codes == []


@pytest.mark.parametrize("width", [3, COLUMNS, 9])
@pytest.mark.parametrize("gap", ["", "\r\n"])
def test_two_tables_in_one_file(run: Convert, width: int, gap: str) -> None:
    second = [[f"name{i}" for i in range(width)]] + [[f"v{n}{i}" for i in range(width)] for n in range(3)]
    found = run((written(ROWS) + gap + written(second, header=False)).encode(), TABLE)
    assert came_out(found) == ALL and len(found.quarantine) == 4
    assert {q["reason_code"] for q in found.quarantine} <= {"MISSING_COLUMNS", "TOO_MANY_COLUMNS", "CAST"}


@pytest.mark.parametrize("declared", [Dialect(), Dialect(delimiter=",", quote_char='"')])
def test_one_backslash_among_doubled_quotes_is_a_slip(run: Convert, declared: Dialect) -> None:
    good = [f'{n},"a ""{n}"" b"' for n in range(5)]
    raw = "\n".join(["n,s", *good, '5,"8 \\"long"', *good]) + "\n"
    found = run(raw.encode(), table_of(n="int32", s="string"), dialect=declared)
    assert found.rows == [(n, f'a "{n}" b') for n in range(5)] * 2
    assert [q["raw"] for q in found.quarantine] == [b'5,"8 \\"long"']


def test_nul_bytes(run: Convert) -> None:
    lines = lines_of(ROWS)
    lines[7] = lines[7].replace("AB", "A\0B")
    found = run("\r\n".join(lines).encode(), TABLE)
    assert came_out(found) == ALL[:6] + ALL[7:] and found.codes == ["NUL_BYTE"]


@pytest.mark.parametrize("content", ["", "\r\n", "\ufeff", *[w.rstrip() for w in (written([]), written([]) + "\r\n")]])
def test_nothing_in_it(run: Convert, content: str) -> None:
    with pytest.raises(SourceError, match="EMPTY"):
        run(content.encode(), TABLE)


def test_a_thousand_random_damages_lose_nothing(run: Convert) -> None:
    draw = random.Random(7)
    body = written(ROWS[:8]).encode()
    for _ in range(60):
        spoilt = bytearray(body)
        for _ in range(draw.randrange(1, 6)):
            at = draw.randrange(len(",".join(NAMES)) + 2, len(spoilt))
            spoilt[at : at + draw.randrange(3)] = draw.choice(
                [b'"', b",", b"\n", b"\r", b"", b"\xff", b"\0", b";", b"'"]
            )
        found = run(bytes(spoilt), TABLE)
        # Every line but blank ones and the header is staged or quarantined: nothing is made up, nothing is missing.
        kept = b"".join(q["raw"] for q in found.quarantine)
        texts = "".join(f"{code or ''}{title or ''}" for _, code, _, _, title, _ in found.rows)
        for piece in (b"AB", b"Boots", b"vest", b"Plain", b"Socks"):
            assert texts.encode().count(piece) + kept.count(piece) == bytes(spoilt).count(piece)


def test_a_delimiter_lost_before_a_quoted_value_is_no_chance_to_shift_values(run: Convert) -> None:
    table = table_of(a="varchar", b="varchar", c="varchar")
    for torn in ('46.74"Throw Pillow, Wooden",x', '46.74"Light 8\'9"" rod, for her",x'):
        found = run(f'a,b,c\n1,"p, q",r\n{torn}\n2,3" nail,4" nail\n'.encode(), table)
        assert found.codes == ["UNQUOTED_VALUE"] and found.quarantine[0]["raw"].decode() == torn
        assert found.rows == [("1", "p, q", "r"), ("2", '3" nail', '4" nail')]


@pytest.mark.parametrize("delimiter", [";", "\t", " "])
def test_names_written_with_another_delimiter_than_the_rows(run: Convert, delimiter: str) -> None:
    content = "\r\n".join([delimiter.join(NAMES), *lines_of(ROWS)[1:]]).encode()
    assert came_out(run(content, TABLE)) == ALL


@pytest.mark.parametrize("delimiter", [";", "::"])
@pytest.mark.parametrize("nulls", [("NULL",), ("", "NULL")])
def test_a_delimiter_behind_every_row_is_no_column_whatever_means_null(
    run: Convert, delimiter: str, nulls: tuple[str, ...]
) -> None:
    content = f"n{delimiter}t{delimiter}\n1{delimiter}x{delimiter}\n2{delimiter}NULL{delimiter}\n".encode()
    dialect = Dialect(delimiter=delimiter, null_sequence=nulls)
    assert run(content, table_of(n="int64", t="string"), dialect=dialect).rows == [(1, "x"), (2, None)]


@pytest.mark.parametrize("null", ["-", '"', "a-b"])
def test_a_null_with_a_mark_of_the_file_in_it_cannot_stand_out_of_quotes(run: Convert, null: str) -> None:
    dialect = Dialect(delimiter="-", null_sequence=("", null))
    found = run(b'n-t\n1-x\n2-"-"\n3-\n4-"a-b"\n', table_of(n="int64", t="string"), dialect=dialect)
    assert found.rows == [(1, "x"), (2, "-"), (3, None), (4, "a-b")]


@pytest.mark.parametrize("escape", [None, "\u00a6"])
def test_quotes_of_several_bytes(run: Convert, escape: str | None) -> None:
    """The bytes that the quote \u00ab is made of in UTF-8 are also in other characters, such as a no-break space."""
    content = "n,t\n1,\u00ab5\u00a0000, \u00e9\u00ab\n2,\u00abx\ny\u00ab\n".encode()
    found = run(content, table_of(n="int64", t="string"), dialect=Dialect(quote_char="\u00ab", escape_char=escape))
    assert found.rows == [(1, "5\u00a0000, \u00e9"), (2, "x\ny")]
