"""Columns: shares against chance, names as hints."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from sluice.pii import find


def test_one_number_in_ten_passes_a_check_digit_and_proves_nothing() -> None:
    r = random.Random(1)
    assert find(f"4{r.randrange(10**15):015d}" for _ in range(2_000)) == ()


def test_a_finding_says_what_how_much_how_sure_and_gives_no_value_away() -> None:
    (found,) = find([*(f"person{i}@example.org" for i in range(30)), *(f"none {i}" for i in range(10))], name="e_mail")
    assert (found.kind, found.share) == ("email", 0.75)
    assert 0.8 < found.confidence <= 1
    assert "person" not in found.example and "@" in found.example


def test_a_mail_address_in_a_remark_is_found() -> None:
    texts = [f"called on day {i}" for i in range(500)] + ["write to ana@example.org please", "or <bob@example.org>."]
    assert [f.kind for f in find(texts)] == ["email"]


def test_a_name_alone_makes_no_personal_data() -> None:
    assert find(["red", "green", "blue"], name="email") == ()
    assert find([f"{i:09d}" for i in range(200, 400)], name="ssn") == ()


def test_a_name_lets_less_evidence_do() -> None:
    plates = ["AB-123-CD", "GH-731-KL", "ZX-004-MN", "CV-220-TR"]
    assert find(plates) == ()
    assert [f.kind for f in find(plates, name="immatriculation")] == ["fr_licence_plate"]


def _of(make: Callable[[random.Random], str], name: str) -> list[str]:
    r = random.Random(7)
    return [f.kind for f in find(dict.fromkeys(make(r) for _ in range(60)), name=name)]


def _card(r: random.Random) -> str:
    digits = f"4{r.randrange(10**14):014d}"
    return digits + luhn.calc_check_digit(digits)


def _nir(r: random.Random) -> str:
    return f"{r.randint(1, 2)}{r.randint(30, 99)}{r.randint(1, 12):02}{r.randint(1, 95):02}{r.randint(1, 989):03}{r.randint(1, 999):03}"


@pytest.mark.parametrize(
    ("kind", "make", "name"),
    [
        ("date_of_birth", lambda r: f"{r.randint(1935, 2005)}{r.randint(1, 12):02}{r.randint(1, 28):02}", "dob"),
        ("fr_nir", _nir, "num_secu"),
        ("phone", lambda r: f"336{r.randrange(10**8):08d}", "phone"),
    ],
)
def test_numbers_without_their_form_are_believed_under_a_name_that_speaks(kind: str, make: Any, name: str) -> None:
    assert _of(make, name) == [kind]
    assert _of(make, "c7") == []


def test_what_systems_call_phone_is_not_a_phone() -> None:
    assert _of(lambda r: str(r.randint(1_600_000_000_000, 1_700_000_000_000)), "phone_ms") == []
    assert _of(lambda r: str(r.randrange(10**10, 10**11)), "phone_id") == []


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("payment_card", lambda r: f"paid with {_card(r)} on Monday"),
        ("fr_nir", lambda r: f"assuré {(n := _nir(r))}{97 - int(n) % 97:02}, vu"),
        ("phone", lambda r: f"rappeler au 06 {r.randint(10, 99)} {r.randint(10, 99)} {r.randint(10, 99)} {r.randint(10, 99)} svp"),
        ("ip_address", lambda r: f"{r.randint(64, 223)}.{r.randint(0, 255)}.{r.randint(0, 255)}.9:{r.randint(1024, 65000)}"),
    ],
)  # fmt: skip
def test_found_within_what_stands_around_it(kind: str, make: Any) -> None:
    assert _of(make, "c7") == [kind]


def test_order_numbers_in_remarks_are_no_cards() -> None:
    assert _of(lambda r: f"order {r.randrange(10**15, 10**16)} sent", "remark") == []


def test_nothing_is_found_in_nothing() -> None:
    assert find([]) == () and find(["", "  "]) == ()


@given(st.lists(st.text(max_size=60), max_size=40), st.text(max_size=20))
def test_any_text_is_survived(values: list[str], name: str) -> None:
    for finding in find(values, name=name):
        assert 0 < finding.share <= 1 and 0 < finding.confidence <= 1


def test_a_form_that_only_two_values_together_have_is_nobodys() -> None:
    remarks = ["4111 1111", "1111 1111", "note"] * 40
    assert find(remarks, name="remark") == ()
    paid = ["4111 1111 1111 1111", "5500 0000 0000 0004", "4012 8888 8888 1881", "5105 1051 0510 5100"]
    found = find([*remarks, *(f"paid with {card} then" for card in paid)], name="remark")
    assert [f.kind for f in found] == ["payment_card"]
