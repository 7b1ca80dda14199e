"""ODCS string formats (`logicalTypeOptions.format`) compiled to rules that values match.

ODCS v3.1.0 names password, byte, binary, email, uuid, uri, hostname, ipv4 and ipv6 and leaves their grammar to the
RFCs: 5321 (a mail address as a mail server takes it, unquoted), 9562, 3986, 1123, 791 and 4291. A format that is not
among them is listed for people: it never counts as passed.
"""

from __future__ import annotations

from sluice.checks.rules import Rule
from sluice.contract.model import Column, Table
from sluice.contract.types import Kind

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_GROUP = "[0-9A-Fa-f]{1,4}"
_IPV6 = "|".join(
    (
        rf"(?:{_GROUP}:){{7}}{_GROUP}",
        rf"(?:{_GROUP}:){{6}}{_IPV4}",
        # `::` stands for one group of zeros or more: `before` groups on its left, up to the rest on its right.
        *(
            rf"(?:{_GROUP}(?::{_GROUP}){{{before - 1}}})?::(?:{_GROUP}(?::{_GROUP}){{0,{6 - before}}})?"
            if before
            else rf"::(?:{_GROUP}(?::{_GROUP}){{0,6}})?"
            for before in range(7)
        ),
        rf"{_GROUP}(?::{_GROUP}){{6}}::",
        rf"(?:{_GROUP}(?::{_GROUP}){{0,4}})?::(?:{_GROUP}:){{0,4}}{_IPV4}",
    )
)
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*\.?"

PATTERNS = {
    "email": (rf"^[^\s@.,:;<>()\[\]\\\"]+(?:\.[^\s@.,:;<>()\[\]\\\"]+)*@{_LABEL}(?:\.{_LABEL})+$", "is a mail address"),
    "uuid": (r"^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$", "is a UUID"),
    "uri": (r"^[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+$", "is a URI"),
    "hostname": (rf"^{_HOST}$", "is a host name"),
    "ipv4": (rf"^{_IPV4}$", "is an IPv4 address"),
    "ipv6": (rf"^(?:{_IPV6})$", "is an IPv6 address"),
    "byte": (r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$", "is base64"),
}
_ANYTHING = ("password", "binary")
"""What ODCS gives as a hint for display: every text is one."""


def string_format(_: Table, column: Column) -> list[Rule]:
    """The rule of a text column's declared format; none for other types, whose format says how they are read."""
    named = column.options.get("format")
    if column.type.kind is not Kind.STRING or named is None or str(named).lower() in _ANYTHING:
        return []
    field = column.field_name
    if (known := PATTERNS.get(str(named).lower())) is None:
        said = f"{field} has the format {named!r}, which Sluice cannot check; a pattern could say it"
        return [Rule(f"{field}.format", "text", None, {}, "warning", "conformity", field, said)]
    pattern, said = known
    kwargs = {"column": field, "regex": pattern}
    kind = "expect_column_values_to_match_regex"
    return [Rule(f"{field}.format", "expectation", kind, kwargs, "error", "conformity", field, f"{field} {said}")]
