"""Names, groups of files, and YAML that says what it was given."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.contract import document as yaml_document
from sluice.draft.grouping import Entry, group
from sluice.draft.look import Look
from sluice.draft.naming import catalog_names, identifier, stem
from sluice.draft.yaml_text import Block, Inline, scalar, write

TEXT = st.text(
    st.characters(
        exclude_characters=[chr(c) for c in (*range(9), 11, 12, *range(14, 32), 0x7F)], exclude_categories=["Cs"]
    )
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, min_size=1, max_size=4).map(Inline),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(TEXT, VALUES, min_size=1, max_size=5))
def test_yaml_comes_back_as_it_was(data: dict[str, Any]) -> None:
    assert yaml_document.parse(write(Block(data)), "f").data == data


@given(st.lists(st.dictionaries(TEXT, VALUES, min_size=1, max_size=3), min_size=1, max_size=3))
def test_blocks_in_lists_come_back_with_remarks_before_them(items: list[dict[str, Any]]) -> None:
    blocks = [Block(i) for i in items]
    for block in blocks:
        block.remark("", "a remark\nwith: a line end")
        block.remark(next(iter(block)), "another")
    assert yaml_document.parse(write(Block(schema=blocks)), "f").data == {"schema": items}


@pytest.mark.parametrize("text", ["NO", "null", "1.0", "2013-01-05", "~", "a: b", "#x", "", " x", "0x1", "y", "é"])
def test_what_yaml_would_misread_stands_in_quotes(text: str) -> None:
    assert yaml_document.parse(f"k: {scalar(text)}", "f").data == {"k": text}


@pytest.mark.parametrize(
    ("path", "name"),
    [("in/flights.csv.zip", "flights"), ("a.tar.gz", "a"), ("x.JSON.GZ", "x"), (".csv", ".csv"), ("noext", "noext")],
)
def test_stems(path: str, name: str) -> None:
    assert stem(path) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [("2024-01", "s_2024_01"), ("Größe (cm)", "grosse_cm"), ("!!!", "s"), ("x" * 99, "x" * 63), ("_a", "a")],
)
def test_identifiers(text: str, name: str) -> None:
    assert identifier(text, "s") == name


def test_catalog_names_are_given_only_where_names_clash_or_say_nothing() -> None:
    assert catalog_names(["Id", "ID", "a b", "a_b", "%", "ok"]) == ["", "id_2", "", "a_b_2", "column_5", ""]


def entries(*locations: str, names: tuple[str, ...] = ("a", "b")) -> list[Entry]:
    return [Entry(where, Look("csv", names, {"delimiter": ","})) for where in locations]


def tables(found: list[Entry]) -> dict[str, tuple[str, ...]]:
    return {g.name: g.locations for g in group(found, "folder")}


def test_files_that_differ_in_numbers_are_one_table() -> None:
    assert tables(entries("sales-2024-01.csv", "sales-2024-02.csv", "stores.csv")) == {
        "sales": ("sales-*-*.csv",),
        "stores": ("stores.csv",),
    }


def test_files_with_other_columns_are_other_tables() -> None:
    found = entries("t1.csv", "t2.csv") + entries("t3.csv", names=("x",))
    assert tables(found) == {"t": ("t1.csv", "t2.csv"), "t3": ("t3.csv",)}


def test_partitions_are_one_table_named_by_its_folder() -> None:
    found = entries("sales/year=2023/part-0.csv", "sales/year=2024/part-0.csv", "sales/year=2024/part-1.csv")
    assert tables(found) == {"sales": ("sales/year=*/part-*.csv",)}


def test_terms_that_differ_are_left_to_detection() -> None:
    one = Entry("s1.csv", Look("csv", ("a",), {"delimiter": ",", "encoding": "utf-8"}))
    two = Entry("s2.csv", Look("csv", ("a",), {"delimiter": ",", "encoding": "cp1252"}))
    (found,) = group([one, two], "folder")
    assert found.look.terms == {"delimiter": ","}
