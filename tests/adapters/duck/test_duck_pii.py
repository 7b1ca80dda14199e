"""Personal data is recognised by what a value is; what merely looks like it is not."""

from __future__ import annotations

import pytest

from sluice.adapters.duck.pii import KINDS, is_card, is_email, is_iban, is_nir, is_phone, kinds_in


@pytest.mark.parametrize(
    ("test", "value"),
    [
        (is_email, "ana.lopez@example.org"), (is_email, "a+b@mail.example.co.uk"), (is_email, "o'neil@example.ie"),
        (is_iban, "DE89370400440532013000"), (is_iban, "GB29 NWBK 6016 1331 9268 19"),
        (is_iban, "FR1420041010050500013M02606"), (is_iban, "fr14 2004 1010 0505 0001 3m02 606"),
        (is_card, "4111111111111111"), (is_card, "5500 0000 0000 0004"), (is_card, "3400-000000-00009"),
        (is_card, "6011000000000004"), (is_card, "2223003122003222"), (is_card, "3530111333300000"),
        (is_nir, "255081416802538"), (is_nir, "2 55 08 14 168 025 38"), (is_nir, "180012A00100161"),
        (is_phone, "+33 6 12 34 56 78"), (is_phone, "+14155552671"), (is_phone, "+44 (20) 7946-0958"),
    ],
)  # fmt: skip
def test_recognised(test, value: str) -> None:
    assert test(value)


@pytest.mark.parametrize(
    ("test", "value"),
    [
        (is_email, "user@localhost"), (is_email, "@handle"), (is_email, "a@b"), (is_email, "x..y@example.org"),
        (is_email, "see a@example.org"), (is_email, "a@-example.org"), (is_email, ".a@example.org"),
        (is_iban, "DE88370400440532013000"), (is_iban, "XX89370400440532013000"), (is_iban, "DE8937040044053201300"),
        (is_iban, "N14228"), (is_iban, "GB29NWBK60161331926818"),
        (is_card, "4111111111111112"), (is_card, "411111111111111"), (is_card, "0000000000000000"),
        (is_card, "9999999999999995"), (is_card, "1234567812345670"), (is_card, "20130101120000"),
        (is_card, "1356998400000000"), (is_card, "4４１１１１１１１１１１１１１１"),
        (is_nir, "255081416802539"), (is_nir, "955081416802538"), (is_nir, "255131416802538"),
        (is_nir, "2550814168025"),
        (is_phone, "06 12 34 56 78"), (is_phone, "33612345678"), (is_phone, "+0612345678"), (is_phone, "+1"),
        (is_phone, "+1234567890123456"), (is_phone, "+5.5"), (is_phone, "+-3"),
    ],
)  # fmt: skip
def test_hard_negatives(test, value: str) -> None:
    assert not test(value)


@pytest.mark.parametrize(
    "value", ["", " ", "N14228", "EWR", "2013-01-01", "UA", "1545", "48.8566", "United Air Lines Inc."]
)
def test_what_flights_are_made_of_is_nobody(value: str) -> None:
    assert not any(test(value) for test in KINDS.values())


def test_half_of_the_distinct_values_must_match() -> None:
    assert kinds_in(["a@example.org", "b@example.org", "n/a", "n/a", "n/a"]) == ["email"]
    assert kinds_in(["a@example.org", "x", "y"]) == []
    assert kinds_in([]) == []
