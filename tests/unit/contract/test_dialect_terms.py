"""Dialect terms: of a server, of a table on top of them, of a column; wrong ones with their line and mend."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from sluice.contract.model import Contract, Dialect
from sluice.contract.reading import read_contract
from sluice.errors import InvalidContractError


def contract(server: dict[str, Any] | None = None, table: dict[str, Any] | None = None,
             column: dict[str, Any] | None = None) -> Contract:  # fmt: skip
    def custom(terms: dict[str, Any] | None) -> dict[str, Any]:
        return {"customProperties": [{"property": k, "value": v} for k, v in terms.items()]} if terms else {}

    return read_contract(
        yaml.safe_dump(
            {
                "apiVersion": "v3.1.0", "kind": "DataContract", "id": "shop", "version": "1.0.0", "status": "active",
                "servers": [{"server": "s", "type": "local", "path": "shop", "format": "csv", **custom(server)}],
                "schema": [
                    {
                        "name": "orders", **custom(table),
                        "properties": [{"name": "paid", "logicalType": "number", **custom(column)}],
                    },
                    {"name": "others", "properties": [{"name": "x", "logicalType": "string"}]},
                ],
            },
            sort_keys=False,
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("term", "value", "field", "understood"),
    [
        ("delimiter", "||", "delimiter", "||"),
        ("delimiter", r"\x01", "delimiter", "\x01"),
        ("delimiter", r"\\t", "delimiter", r"\t"),
        ("delimiter", r"\t", "delimiter", "\t"),
        ("delimiter", "\\", "delimiter", "\\"),
        ("lineTerminator", r"\r\n", "line_terminator", "\r\n"),
        ("lineTerminator", r"\u241e", "line_terminator", "\u241e"),
        ("quoteChar", "", "quote_char", ""),
        ("quoteChar", None, "quote_char", ""),
        ("escapeChar", None, "escape_char", ""),
        ("commentChar", "//", "comment_char", "//"),
        ("commentRows", [2, 1], "comment_rows", (1, 2)),
        ("lineTerminator", "\r", "line_terminator", "\r"),
        ("lineTerminator", None, "line_terminator", None),
        ("header", False, "header", False),
        ("headerRows", 2, "header_rows", (1, 2)),
        ("headerRows", 0, "header_rows", ()),
        ("headerRows", [4], "header_rows", (4,)),
        ("headerRows", [1, 2], "header_rows", (1, 2)),
        ("headerJoin", "/", "header_join", "/"),
        ("caseSensitiveHeader", True, "case_sensitive_header", True),
        ("skipRows", 3, "skip_rows", 3),
        ("footerRows", 2, "footer_rows", 2),
        ("nullSequence", "-", "null_sequence", ("-",)),
        ("nullSequence", [], "null_sequence", ()),
        ("nullSequence", ["", "NA"], "null_sequence", ("", "NA")),
        ("encoding", "cp1252", "encoding", "cp1252"),
        ("compression", "GZ", "compression", "gz"),
        ("decimalChar", ",", "decimal_char", ","),
        ("groupChar", "\u202f", "group_char", "\u202f"),
        ("groupChar", "", "group_char", ""),
        ("trueValues", ["ja", "wahr"], "true_values", ("ja", "wahr")),
        ("falseValues", "nein", "false_values", ("nein",)),
        ("dateFormat", "dd.MM.yyyy", "date_format", "dd.MM.yyyy"),
        ("property", "data.rows", "property", "data.rows"),
        ("itemType", "array", "item_type", "array"),
        ("itemKeys", ["a", "b"], "item_keys", ("a", "b")),
        ("sheetName", "2024", "sheet_name", "2024"),
        ("sheetNumber", 2, "sheet_number", 2),
    ],
)  # fmt: skip
def test_a_term_is_understood_at_the_server_and_at_a_table(term: str, value: Any, field: str, understood: Any) -> None:
    at_server = contract(server={term: value})
    assert getattr(at_server.server.dialect, field) == understood
    at_table = contract(table={term: value})
    assert getattr(at_table.dialect_of(at_table.table("orders")), field) == understood
    assert at_table.dialect_of(at_table.table("others")) == Dialect()


def test_a_tables_own_terms_stand_in_place_of_the_servers() -> None:
    read = contract(server={"delimiter": ";", "encoding": "cp1252"}, table={"delimiter": "|", "quoteChar": None})
    orders, others = (read.dialect_of(t) for t in read.tables)
    assert (orders.delimiter, orders.quote_char, orders.encoding) == ("|", "", "cp1252")
    assert (others.delimiter, others.quote_char, others.encoding) == (";", None, "cp1252")


def test_a_columns_terms_join_its_options() -> None:
    read = contract(column={"decimalChar": ",", "groupChar": ".", "nullSequence": "k.A.", "unit": "EUR"})
    assert dict(read.tables[0].columns[0].options) == {"decimalChar": ",", "groupChar": ".", "nullSequence": ("k.A.",)}


@pytest.mark.parametrize(
    ("term", "value"),
    [
        ("delimiter", ""),
        ("delimiter", "\n"),
        ("delimiter", r"\n"),
        ("delimiter", r"\x00"),
        ("delimiter", 9),
        ("quoteChar", "''"),
        ("quoteChar", 1),
        ("escapeChar", "\\\\"),
        ("commentChar", "\n"),
        ("commentRows", 3),
        ("commentRows", [0]),
        ("lineTerminator", ""),
        ("header", "no"),
        ("headerRows", -1),
        ("headerRows", [0]),
        ("headerRows", ["1"]),
        ("headerRows", True),
        ("headerRows", 10**9),
        ("headerJoin", 1),
        ("caseSensitiveHeader", "yes"),
        ("skipRows", -1),
        ("footerRows", 1.5),
        ("nullSequence", [1]),
        ("encoding", "utf-9"),
        ("encoding", "rot13"),
        ("compression", "rar"),
        ("decimalChar", ""),
        ("decimalChar", "5"),
        ("groupChar", "-"),
        ("trueValues", []),
        ("trueValues", [True]),
        ("falseValues", " "),
        ("dateFormat", ""),
        ("itemType", "list"),
        ("sheetNumber", 0),
        ("delimeter", ","),
        ("headerrows", 2),
    ],
)
def test_a_wrong_term_is_named_with_its_line_and_mend(term: str, value: Any) -> None:
    for place, line in (("server", 12), ("table", 14)):
        with pytest.raises(InvalidContractError) as caught:
            contract(**{place: {term: value}})
        (finding,) = caught.value.findings
        assert (finding.code, finding.line) == ("BAD_DIALECT", line) and finding.mend and term in finding.message


@pytest.mark.parametrize(
    "terms",
    [
        {"delimiter": ";", "quoteChar": ";"},
        {"delimiter": "#", "commentChar": "#"},
        {"delimiter": "\\", "escapeChar": "\\"},
        {"decimalChar": ",", "groupChar": ","},
        {"trueValues": ["Y"], "falseValues": ["y"]},
        {"header": False, "headerRows": 1},
    ],
)
def test_terms_that_contradict_each_other(terms: dict[str, Any]) -> None:
    for place in ("server", "table"):
        with pytest.raises(InvalidContractError, match=r"both|header is false"):
            contract(**{place: terms})
    first, second = ({k: v} for k, v in terms.items())
    with pytest.raises(InvalidContractError, match=r"both|header is false"):
        contract(server=first, table=second)


@pytest.mark.parametrize("terms", [{"decimalChar": "."}, {"trueValues": []}, {"format": 5}, {"decimalchar": ","}])
def test_a_wrong_term_of_a_column(terms: dict[str, Any]) -> None:
    if terms == {"decimalChar": "."}:
        contract(column=terms)
        return
    with pytest.raises(InvalidContractError) as caught:
        contract(column=terms)
    assert [(f.code, f.line) for f in caught.value.findings] == [("BAD_DIALECT", 17)]
