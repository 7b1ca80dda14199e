"""The evidence page: everything a decision rests on, bound to one digest; what changed meanwhile is told, not signed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from pages_site import Site
from seeding import Stream, customers

from sluice.stages import Stage

pytestmark = pytest.mark.browser


def words(page: Any, place: str = "main") -> str:
    return " ".join(page.inner_text(place).split())


def test_it_says_in_words_and_pictures_what_the_gate_decides_on(stream: Stream, as_user: Any, site: Site) -> None:
    request = stream.to_publication("web_shop", email="internal")
    page = as_user("carl", f"pages/requests/{request}/evidence?gate=publication")
    said = words(page)
    for sentence in (
        "May people see this data?",
        "Who our customers are, and what they are worth to us.",
        "No marketing without a separate consent.",
        "How long it is kept 2 years",
        "Found where the contract declares none: customers.email (email)",
        "xxxxxx99@xxxxxxx.xxx (masked)",
        "customers 203 200 3 (1.48 %) 0 a value is not of its column's type (3)",
        "2 evaluated: 2 hold, 0 required ones do not, 0 warn.",
        "Less than 0.01 USD a month, estimated from:",
        "compliance asked",
    ):
        assert sentence in said, sentence
    assert "@example.org" not in page.content(), "profiles, not rows"
    assert page.locator("svg.spread").count() >= 3
    assert all(page.locator("svg.spread").nth(i).get_attribute("aria-label") for i in range(3))
    digest = stream.digest(request, Stage.PUBLICATION)
    assert digest in said
    shown = httpx.get(f"{site.url}/requests/{request}/evidence?gate=publication", headers={"as": "carl"}).json()
    assert shown["evidence_digest"] == digest


def test_from_the_data_docs_there_is_a_way_back(stream: Stream, as_user: Any) -> None:
    request = stream.to_publication("web_shop")
    page = as_user("carl", f"pages/requests/{request}/evidence")
    page.get_by_role("link", name="Data Docs of customers").click()
    page.get_by_text("Every check holds.").wait_for()
    page.get_by_role("link", name="Back to the evidence").click()
    page.get_by_role("heading", name="Your decision").wait_for()


def test_deciding_on_what_changed_meanwhile_shows_the_change_and_records_nothing(
    site: Site, stream: Stream, as_user: Any, tmp_path: Path
) -> None:
    request = stream.to_publication("web_shop")
    page = as_user("sara", f"pages/requests/{request}/evidence?gate=publication")
    (tmp_path / "web_shop" / "customers.csv").write_text(customers(260, bad=9))
    stream.work(request)
    page.get_by_label("Comment").fill("Fine.")
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("The evidence changed since you looked at it. Nothing was recorded.").wait_for()
    assert "customers: 203 → 269 read, 3 → 9 set aside in quarantine" in words(page, ".changed")
    with site.ledger.reading() as tx:
        assert [d for d in tx.decisions(request) if d.gate is Stage.PUBLICATION] == []
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("You have signed as security.").wait_for()
    page.goto(f"{site.url}/pages/requests/{request}/evidence?gate=publication")
    assert "The evidence changed" not in words(page)


def test_a_signature_on_other_evidence_is_shown_as_void_and_why(stream: Stream, as_user: Any, tmp_path: Path) -> None:
    request = stream.to_publication("web_shop")
    stream.decide(request, Stage.PUBLICATION, "security", comment="As it was.")
    (tmp_path / "web_shop" / "customers.csv").write_text(customers(260))
    stream.work(request)
    said = words(as_user("sara", f"pages/requests/{request}/evidence"))
    assert "does not count" in said and "evidence changed" in said and "As it was." in said


def test_the_requester_and_those_not_asked_see_why_they_cannot_decide(stream: Stream, as_user: Any) -> None:
    request = stream.request("web_shop")
    assert "You asked for this yourself, so others decide." in words(
        as_user("remy", f"pages/requests/{request}/evidence")
    )
    assert "None of your roles is asked here." in words(as_user("olga", f"pages/requests/{request}/evidence"))
    stream.decide(request, Stage.ADMISSION, "security")
    assert "You have signed as security." in words(as_user("sara", f"pages/requests/{request}/evidence"))


def test_a_gate_without_evidence_says_when_it_will_have_some(site: Site, stream: Stream) -> None:
    request = stream.request("web_shop")
    answer = httpx.get(f"{site.url}/pages/requests/{request}/evidence?gate=publication", headers={"as": "carl"})
    assert answer.status_code == 404 and "has no evidence yet" in answer.text
    assert httpx.get(f"{site.url}/pages/requests/onb-none/evidence", headers={"as": "carl"}).status_code == 404
    assert httpx.get(f"{site.url}/pages/requests/{request}/evidence?gate=land").status_code == 422
