"""String formats against Python's own readers of addresses, and against values that only look right."""

import ipaddress
import re
import uuid

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluice.checks.formats import PATTERNS, string_format
from sluice.contract.model import Column, Table
from sluice.contract.types import resolve

TABLE = Table("t", "t", "t.csv", ())


def matches(name: str, value: str) -> bool:
    """What Python's engine says; DuckDB's must say the same."""
    pattern = PATTERNS[name][0]
    here = re.search(pattern, value) is not None
    there = duckdb.execute("SELECT regexp_matches(?, ?)", [value, pattern]).fetchone()[0]
    assert here == there or value.endswith("\n"), (name, value)
    return there


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("email", ["a@b.co", "x.y+z@mail.example.org", "jürgen@example.de", "o'hara@example.ie"],
         ["a@b", "a b@c.de", "@c.de", "a@", "a@@b.de", ".a@b.de", "a.@b.de", "a@-b.de", "a@b..de", "<a@b.de>", ""]),
        ("uuid", [str(uuid.uuid4()), "00000000-0000-0000-0000-000000000000"], ["x" * 36, str(uuid.uuid4())[:-1], uuid.uuid4().hex]),
        ("uri", ["https://example.org/a?b=c#d", "urn:isbn:0451450523", "mailto:a@b.de", "s3://bucket/key"],
         ["example.org", "//a/b", "http:", "http://a b", "1http://a"]),
        ("hostname", ["example.org", "a", "xn--bcher-kva.example", "host-1.local."], ["-a.de", "a-.de", "a..b", "a_b.de", "x" * 64, "", "."]),
        ("ipv4", ["0.0.0.0", "255.255.255.255", "10.1.2.3"], ["256.1.1.1", "1.2.3", "01.2.3.4", "1.2.3.4.5", " 1.2.3.4"]),
        ("ipv6", ["::", "::1", "2001:db8::1", "1:2:3:4:5:6:7:8", "1::8", "::ffff:1.2.3.4", "fe80::1:2:3", "1:2:3:4:5:6:7::"],
         ["1:2:3:4:5:6:7", ":::", "1::2::3", "12345::", "1:2:3:4:5:6:7:8:9", "g::", "::1.2.3.256"]),
        ("byte", ["", "QQ==", "QUI=", "QUJD"], ["Q", "QQ=", "QQ", "Q Q=", "QQ==="]),
    ],
)  # fmt: skip
def test_what_is_one_and_what_is_not(name: str, good: list[str], bad: list[str]) -> None:
    assert [v for v in good if not matches(name, v)] == []
    assert [v for v in bad if matches(name, v)] == []


@given(st.ip_addresses(v=6))
def test_every_ipv6_address_in_every_spelling(address: ipaddress.IPv6Address) -> None:
    assert matches("ipv6", str(address)) and matches("ipv6", address.exploded)


@given(st.text(alphabet="0123456789abcdefg:.", max_size=24))
def test_an_address_is_what_python_calls_one(text: str) -> None:
    for name, kind in (("ipv4", ipaddress.IPv4Address), ("ipv6", ipaddress.IPv6Address)):
        try:
            kind(text)
            known = True
        except ValueError:
            known = False
        assert matches(name, text) == known


def test_a_format_nobody_knows_is_for_people_and_other_types_have_their_own() -> None:
    [rule] = string_format(TABLE, Column("p", "p", resolve("string", None), options={"format": "phone"}))
    assert rule.kind == "text" and "phone" in rule.description
    assert string_format(TABLE, Column("p", "p", resolve("string", None), options={"format": "password"})) == []
    assert string_format(TABLE, Column("d", "d", resolve("date", None), options={"format": "dd.MM.yyyy"})) == []
