"""Columns: shares against chance, names as hints."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

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


def test_nothing_is_found_in_nothing() -> None:
    assert find([]) == () and find(["", "  "]) == ()


@given(st.lists(st.text(max_size=60), max_size=40), st.text(max_size=20))
def test_any_text_is_survived(values: list[str], name: str) -> None:
    for finding in find(values, name=name):
        assert 0 < finding.share <= 1 and 0 < finding.confidence <= 1
