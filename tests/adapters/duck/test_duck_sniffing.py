"""How a delimited file is written, told from its bytes alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.adapters.duck.looks.sniffing import Sniffed, sniff

ROWS = [(str(i), f"Name {i}", f"2024-01-{1 + i % 28:02d}", f"{i * 1.25:.2f}") for i in range(1, 40)]
NAMES = ("id", "name", "day", "amount")


def table(delimiter: str = ",", end: str = "\n", quote: str = "") -> str:
    lines = [NAMES, *((a, f"{quote}{b}{quote}", c, d) for a, b, c, d in ROWS)]
    return "".join(delimiter.join(line) + end for line in lines)


def told(text: str) -> Sniffed:
    raw = text.encode()
    found = sniff(raw, raw, whole=True)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "delimiter", [",", ";", "\t", "|", "^", "~", "\x01", "\x1e", "#", "!", "*", "=", "/", "||", "\t\t", "\\t"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_delimiter_line_end_and_quote(delimiter: str, end: str, quote: str) -> None:
    found = told(table(delimiter, end, quote))
    assert (found.spelling.delimiter.decode(), found.names, found.header_rows) == (delimiter, NAMES, 1)
    assert (found.skipped, found.footer, found.by_position) == (0, 0, False)
    if quote:
        assert found.spelling.quote.decode() == quote


@pytest.mark.parametrize(
    ("before", "skipped"),
    [("Report\n", 1), ("Report, 2024\nby us\n\n", 3), ("Sales;;;\n", 1), ('"A title\nof two lines"\n', 2)],
)
def test_lines_before_the_table_are_counted(before: str, skipped: int) -> None:
    delimiter = ";" if ";" in before else ","
    found = told(before + table(delimiter))
    assert (found.skipped, found.names, found.header_rows) == (skipped, NAMES, 1)


@pytest.mark.parametrize(
    ("after", "footer"),
    [
        ("Total,,,99.00\n", 1), ("\n39 rows\n", 1), ("Source: us\nNote: none\n\n", 3), ("", 0), (",,,\n" * 30, 30),
        (",,,\nEnd\n", 2), ('40,"Ann,2024-01-02,1\n', 0), ("40\n", 0), ("40,An", 0), ("Source: us, them", 1), ("x,y", 0),
    ],
)  # fmt: skip
def test_lines_after_the_table_are_counted(after: str, footer: int) -> None:
    assert told(table() + after).footer == footer


def test_comments_are_told_from_a_header_that_begins_with_their_mark() -> None:
    assert told("# made by us, today\n" + table()).spelling.comment == b"#"
    header = told(table().replace("id,", "#id,", 1))
    assert (header.spelling.comment, header.names[0]) == (b"", "#id")


def test_remarks_above_the_table_may_be_more_than_its_rows() -> None:
    remarks = "".join(
        f"# {word}: {word} of the table\n" for word in ("name", "unit", "source", "owner", "note", "more")
    )
    found = told(remarks + "a b c\n0.5 1 2\n1.5 2 3\n")
    assert (found.spelling.comment, found.names) == (b"#", ("a", "b", "c"))


def test_no_header() -> None:
    found = told(table().split("\n", 1)[1])
    assert (found.header_rows, found.names) == (0, ("column_1", "column_2", "column_3", "column_4"))


@pytest.mark.parametrize(
    ("names", "cells", "header"),
    [
        ("country,2020,2021", "Land {0},{0}.5,{0}", 1),
        ("country,1990,2000,2015", "Land {0},{0}.5,{0},7", 1),
        ("company,1990,2000", "Firm {0},19{0},20{0}", 0),  # founded, sold
        ("country,1/22/20,1/23/20", "Land {0},{0},{0}", 1),
        ("country,1/22/20,1/23/20", "Land {0},{0},", 1),
        ("2020-01-01,2020-01-02", "{0}.5,{0}", 1),
        ("lent,2020-01-01,2020-01-02", "Book {0},2021-01-{0},2021-02-{0}", 0),
        (",0,1", "{0},{0}.5,3.5", 1),
        ("x,0,1", "Land {0},{0}.5,3.5", 0),
        ("1,2,3,4,5,6,7", "{0},{0},1,9,2,3,4", 1),
        ("turbine,0.0,0.5,1.5,2,3.5,4,5,6", "T{0},{0},0,0,5,5,7,7,9", 1),
        ("turbine,0.0,0.5,1.5,2,3.5,4,5,6", "T{0},1,2,3,4,5,6,7,{0}", 0),
        ("Ann,2020-01-01,2020-01-02", "Bob,2021-01-{0},NA", 0),
        ("id,10022,10025", "id{0},TRUE,FALSE", 1),
    ],
)  # fmt: skip
def test_years_days_and_numbers_that_count_are_names(names: str, cells: str, header: int) -> None:
    found = told(names + "\n" + "".join(cells.format(i) + "\n" for i in range(10, 29)))
    named = tuple(name or "row_name" for name in names.split(","))
    assert (found.names == named) == bool(header)


def test_the_first_of_many_paths_is_no_name() -> None:
    assert told("".join(f"bem/ANTS{i}.fif\n" for i in range(9))).header_rows == 0
    assert told("file\n" + "".join(f"bem/ANTS{i}.fif\n" for i in range(9))).names == ("file",)
    assert told("first.name,city\nAnn,Rome\nBob,Oslo\nEve,Bern\n").names == ("first.name", "city")


@pytest.mark.parametrize(
    ("last", "footer"),
    [
        ("Yemen,,\nZimbabwe,,\n", 0), ("New Zealand,,\n", 0), ("All prices in euros,,\n", 1), ("Source: us,,\n", 1),
        ("* estimated,,\n", 1), ("Total,,\n", 1),
    ],
)  # fmt: skip
def test_a_row_without_values_is_no_remark(last: str, footer: int) -> None:
    rows = [f"{name},{i},{i}.5\n" for i, name in enumerate(("Spain", "Chad", "Costa Rica", "Peru", "Mali") * 3)]
    assert told("country,pop,gdp\n" + "".join(rows) + last).footer == footer


def test_a_number_without_values_is_a_row() -> None:
    assert told("id,name,gdp\n" + "".join(f"{i},L{i},{i}.5\n" for i in range(9)) + "10,,\n").footer == 0


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("id,length,mass\n,m,kg\n", ("id", "length m", "mass kg")),
        ("id,2023,\n,sales,cost\n", ("id", "2023 sales", "2023 cost")),
        ("id,length,mass\n,m,\n", ("id", "length m", "mass")),
    ],
)
def test_several_header_rows_are_joined(heading: str, names: tuple[str, ...]) -> None:
    found = told(heading + "".join(f"{i},{i}.5,{i}.25\n" for i in range(9)))
    assert (found.header_rows, found.names) == (2, names)


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        (",a,b\n", ("row_name", "a", "b")),
        ("a,a,b\n", ("a", "a_2", "b")),
        ("x,y\n", ("row_name", "x", "y")),
        (f"{'a' * 300},b,c\n", ("a" * 245, "b", "c")),
    ],
)
def test_names_that_cannot_be_used_are_mended_and_the_header_skipped(heading: str, names: tuple[str, ...]) -> None:
    found = told(heading + "".join(f"{i},{i}.5,{i}.25\n" for i in range(9)))
    assert (found.by_position, found.header_rows, found.skipped, found.names) == (True, 0, 1, names)


def test_a_third_row_of_names_may_leave_out_all_columns_of_numbers() -> None:
    rows = [f"{i}\t{i}.5\t{'red' if i % 2 else 'blue'}\n" for i in range(9)]
    found = told("length\tmass\tkind\nc\tc\td\n\t\tclass\n" + "".join(rows))
    assert (found.header_rows, found.names) == (3, ("length c", "mass c", "kind d class"))
    # A value that the column has besides, and a row among others that lack numbers too, are rows.
    assert told("length\tmass\tkind\nc\tc\td\n\t\tred\n" + "".join(rows)).header_rows == 2
    assert told("length\tmass\tkind\nc\tc\td\n\t\tclass\n9\t\tred\n" + "".join(rows)).header_rows == 2


def test_below_titles_names_may_be_phrases() -> None:
    names = ("Name", "Date(s) of trip", "Officials, where travel is used: " + "how many of them came along " * 2 + "  ")
    rows = "".join(f'"Minister of {i}",{"nil return" if i % 2 else "7 to 8 Feb"},n/a\n' for i in range(9))
    found = told("Overseas travel,,\nQuarter 1,,\n" + f'{names[0]},{names[1]},"{names[2]}"\n' + rows)
    assert (found.skipped, found.header_rows, found.names) == (2, 1, (*names[:2], names[2].strip()))


def test_marked_lines_that_are_rows_are_kept() -> None:
    text = table().replace("\n7,", "\n#7,", 1)
    assert told(text).spelling.comment == b""
    assert told(text + "# made by us\n").spelling.comment == b"#"


def test_a_quote_that_stands_alone_in_the_names_costs_no_row() -> None:
    found = told(table(quote='"').replace(",amount", ',"amount', 1))
    assert (found.skipped, found.header_rows, found.by_position) == (0, 1, False)


@pytest.mark.parametrize("above", [1, 2, 5])
@pytest.mark.parametrize("before", ["", "Report\n\n"])
def test_names_below_the_first_rows_cost_no_row(above: int, before: str) -> None:
    lines = table().replace("Name 1,", ",").splitlines()  # a gap, as groups of columns have it
    found = told(before + "\n".join([*lines[1 : above + 1], lines[0], *lines[above + 1 :]]))
    assert (found.header_rows, found.by_position, found.comment_rows) == (0, True, (above + 1,))
    assert (found.names, found.skipped) == (NAMES, before.count("\n"))


def test_a_row_of_words_is_no_header_below_rows() -> None:
    found = told("".join(f"{n},{v}\n" for n, v in zip("ABCDEFGH", ["1", "2", "unknown", *"34567"], strict=True)))
    assert (found.comment_rows, found.header_rows) == ((), 0)


@pytest.mark.parametrize("first", ["1,Name 1", "1,Name 1,2024-01-01", "1,2024-01-01,Name 1"])
def test_a_first_row_that_lost_values_is_no_title(first: str) -> None:
    lines = table().splitlines()[1:]
    found = told("\n".join([first, *lines[1:]]))
    assert (found.skipped, found.header_rows, len(found.names)) == (0, 0, 4)


def test_columns_between_blanks_when_words_are_quoted() -> None:
    found = told("day name city\n" + "".join(f'{i} "Ann {i}" "New Town"\n' for i in range(20)))
    assert (found.spelling.delimiter, found.names) == (b" ", ("day", "name", "city"))
    found = told('"name" "city"\n' + "".join(f'"{i}" "Ann {i}" "New Town"\n' for i in range(20)))
    assert (found.spelling.delimiter, found.names) == (b" ", ("row_name", "name", "city"))


@pytest.mark.parametrize("text", ["day\n" + "2024-01-02\n" * 9, "what\n" + "a-b c/d\n" * 9, "a-b-c\nx\ny\nz\n"])
def test_marks_within_values_are_no_delimiters(text: str) -> None:
    assert len(told(text).names) == 1


def test_words_with_spaces_are_one_column() -> None:
    found = told("city\n" + "".join(f"New Town {i}\n" for i in range(20)))
    assert found.names == ("city",)


def test_a_delimiter_after_every_line_is_no_column() -> None:
    found = told("".join(f"{line},\n" for line in table().splitlines()))
    assert (found.names, found.trailing) == (NAMES, True)


def test_escapes_and_spaces_after_delimiters() -> None:
    assert told("id,text\n" + "".join(f'{i},"say \\"hi\\" {i}"\n' for i in range(9))).spelling.escape == b"\\"
    spaced = told("id, text\n" + "".join(f'{i}, "a, b {i}"\n' for i in range(9)))
    assert (spaced.spelling.skip_initial_space, len(spaced.names)) == (True, 2)


def test_rows_named_in_a_field_without_a_name() -> None:
    """What R's write.table writes by itself."""
    found = told('"starts" "rent"\n' + "".join(f'"Town_{i}" {i} {i / 7:.1f}\n' for i in range(30)))
    assert (found.spelling.delimiter, found.names) == (b" ", ("row_name", "starts", "rent"))
    assert found.certainty > 0.2


@given(st.binary(max_size=400))
def test_no_bytes_make_it_fail(raw: bytes) -> None:
    sniff(raw, raw, whole=True)
