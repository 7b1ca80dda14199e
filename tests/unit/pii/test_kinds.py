"""Single values: what is of a kind, and what merely looks like it."""

from __future__ import annotations

import pytest

from sluice.pii.kinds import KINDS
from sluice.pii.masking import mask


def is_kind(name: str, value: str) -> bool:
    """Whether it is, under whatever name."""
    believed = [k for k in KINDS if k.name == name and not k.needs_hint]
    return any(k.shape.fullmatch(value) is not None and k.valid(value) for k in believed)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("email", "ana.lopez@example.org"), ("email", "a+b@mail.example.co.uk"), ("email", "o'neil@example.ie"),
        ("iban", "DE89370400440532013000"), ("iban", "GB29 NWBK 6016 1331 9268 19"),
        ("iban", "FR1420041010050500013M02606"), ("iban", "fr14 2004 1010 0505 0001 3m02 606"),
        ("payment_card", "4111111111111111"), ("payment_card", "5500 0000 0000 0004"), ("payment_card", "3400-000000-00009"),
        ("payment_card", "6011000000000004"), ("payment_card", "2223003122003222"), ("payment_card", "3530111333300000"),
        ("fr_nir", "255081416802538"), ("fr_nir", "2 55 08 14 168 025 38"), ("fr_nir", "180012A00100161"),
        ("phone", "+33 6 12 34 56 78"), ("phone", "+14155552671"), ("phone", "+44 (20) 7946-0958"), ("phone", "06 12 34 56 78"),
        ("phone", "(212) 555-0123"), ("phone", "0033 6 12 34 56 78"), ("phone", "030 123456"),
        ("fr_siren", "732829320"), ("fr_siret", "732 829 320 00074"), ("vat_number", "FR83404833048"),
        ("fr_licence_plate", "AB-123-CD"), ("fr_licence_plate", "1234 ABC 75"),
        ("ip_address", "192.168.0.12"), ("ip_address", "2001:db8::1"), ("mac_address", "00:1A:2b:3c:4d:5e"),
        ("es_dni", "12345678Z"), ("gb_nino", "AB 12 34 56 C"), ("us_ssn", "078-05-1121"), ("pl_pesel", "44051401359"),
        ("person_name", "Marie Curie"), ("person_name", "DUPONT, Jean-Pierre"), ("person_name", "Dr. Anke Müller"),
        ("address", "12 bis rue Victor Hugo, 75011 Paris"), ("address", "Hauptstraße 7"), ("address", "10 Downing Street, London SW1A 2AA"),
        ("address", "BP 1204"),
    ],
)  # fmt: skip
def test_recognised(kind: str, value: str) -> None:
    assert is_kind(kind, value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("email", "user@localhost"), ("email", "@handle"), ("email", "a@b"), ("email", "x..y@example.org"),
        ("email", "see a@example.org"), ("email", "a@-example.org"), ("email", ".a@example.org"),
        ("iban", "DE88370400440532013000"), ("iban", "XX89370400440532013000"), ("iban", "DE8937040044053201300"),
        ("iban", "N14228"), ("iban", "GB29NWBK60161331926818"),
        ("payment_card", "4111111111111112"), ("payment_card", "411111111111111"), ("payment_card", "0000000000000000"),
        ("payment_card", "9999999999999995"), ("payment_card", "1234567812345670"), ("payment_card", "20130101120000"),
        ("payment_card", "1356998400000000"), ("payment_card", "4４１１１１１１１１１１１１１１"),
        ("fr_nir", "255081416802539"), ("fr_nir", "955081416802538"), ("fr_nir", "255131416802538"), ("fr_nir", "2550814168025"),
        ("phone", "33612345678"), ("phone", "+0612345678"), ("phone", "+1"), ("phone", "+1234567890123456789"), ("phone", "+5.5"),
        ("phone", "+-3"), ("phone", "2024-01-31"), ("phone", "31/01/2024"), ("phone", "0000012345"),
        ("fr_licence_plate", "AO-123-CD"), ("fr_licence_plate", "WW-123-AA"), ("gb_nino", "QQ123456C"), ("ip_address", "1.2.0.4"),
        ("ip_address", "256.1.1.1"), ("person_name", "Martin & Fils SARL"), ("person_name", "premium chair"), ("person_name", "Delta Airlines"),
        ("address", "version 12"), ("address", "plain remark number 3805"), ("address", "drive 3 of 12 is full"), ("address", "rue sans numéro"), ("address", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"),
    ],
)  # fmt: skip
def test_hard_negatives(kind: str, value: str) -> None:
    assert not is_kind(kind, value)


@pytest.mark.parametrize(
    "value", ["", " ", "N14228", "EWR", "2013-01-01", "UA", "1545", "48.8566", "United Air Lines Inc."]
)
def test_what_flights_are_made_of_is_nobody(value: str) -> None:
    assert not any(is_kind(k.name, value) for k in KINDS)


@pytest.mark.parametrize(
    ("value", "form"),
    [("Jürg.O'Neil@example.org", "xxxx.x'xxxx@xxxxxxx.xxx"), ("+33 6 12", "+99 9 99"), ("山田", "xx"), ("a\nb", "x?x")],
)
def test_a_mask_shows_the_form_alone(value: str, form: str) -> None:
    assert mask(value) == form


def test_a_long_mask_is_cut() -> None:
    assert len(mask("9" * 500)) == 40
