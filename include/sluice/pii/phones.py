"""Phone numbers by libphonenumber: international ones anywhere, national ones as the countries of our users write them."""

from __future__ import annotations

import re

import phonenumbers

REGIONS = ("FR", "GB", "DE", "BE", "NL", "CH", "IE", "AT", "IT")
"""Countries whose national numbers begin with a zero, most of our users' first."""

_AMERICAN = re.compile(
    r"(?:1[ .-]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}(?: ?(?:x|ext\.?) ?\d{1,6})?"
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}|\d{2}[-/.]\d{2}[-/.]\d{4}")


def is_phone(value: str) -> bool:
    """A number with its country code (`+33 …`, `0033 …`), or a national one: with a leading zero, or as Americans write it."""
    digits = re.sub(r"\D", "", value)
    if not 7 <= len(digits) <= 17 or len(set(digits)) < 3 or _DATE.fullmatch(value):
        return False
    if value.startswith(("+", "00")):
        # An extension is no part of it, nor is the zero in brackets that people leave between.
        plain = re.sub(r"\(0\)|\s*(?:x|ext\.?)\s*\d+$", "", value)
        return _possible("+" + plain[2:] if plain.startswith("00") else plain)
    if value.startswith(("0", "(0")):
        return any(_valid(value, region) for region in REGIONS)
    return bool(_AMERICAN.fullmatch(value))


def is_bare_international(value: str) -> bool:
    """Digits that begin with a country code, without the sign for it: 33612345678, as telephone systems keep them."""
    return value.isdigit() and _valid(f"+{value}", None)


def _possible(text: str) -> bool:
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return False
    known = phonenumbers.region_code_for_country_code(number.country_code or 0) != "ZZ"
    return known and phonenumbers.is_possible_number(number)


def _valid(text: str, region: str | None) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, region))
    except phonenumbers.NumberParseException:
        return False
