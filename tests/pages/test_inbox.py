"""The inbox: each person sees what waits for their own signature, in words, and can decide there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from pages_site import Site
from seeding import Stream

from sluice.stages import Stage

pytestmark = pytest.mark.browser


def inbox(site: Site, user: str) -> Any:
    return httpx.get(f"{site.url}/inbox", headers={"as": user}).json()


def test_it_shows_what_waits_for_my_role_and_the_evidence_at_a_glance(site: Site, stream: Stream, as_user: Any) -> None:
    request = stream.to_publication("web_shop", email="internal")
    page = as_user("carl", "pages/inbox")
    card = page.get_by_role("article", name="Web shop customers")
    said = " ".join(card.inner_text().split())
    assert "May people see this data?" in said and "asked by remy" in said
    assert "risk: high" in said and "as compliance" in said
    assert "personal data was found where none was declared" in said
    assert "found where the contract declares none: customers.email (email)" in said
    assert "203 rows read, 3 set aside in quarantine (1.48 %)" in said
    assert "2 checks, all hold" in said
    assert "less than 0.01 USD a month" in said
    assert "Also waits for business, security, governance, architecture" in said
    assert "@example.org" not in said, "profiles, not rows"
    (line,) = inbox(site, "carl")
    assert (line["request"], line["gate"], line["role"], line["tier"]) == (request, "publication", "compliance", "high")
    assert inbox(site, "remy") == [] and inbox(site, "olga") == []
    assert "You hold no role" in as_user("olga", "pages/inbox").inner_text("main")


def test_approving_in_the_inbox_is_recorded_and_moves_to_my_history(site: Site, stream: Stream, as_user: Any) -> None:
    request = stream.request("web_shop")
    page = as_user("sara", "pages/inbox")
    page.get_by_text("Decide here").click()
    page.get_by_label("Comment").fill("Access is as it should be.")
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("Nothing waits for you").wait_for()
    assert "Access is as it should be." in page.get_by_role("table").inner_text()
    with site.ledger.reading() as tx:
        (decision,) = tx.decisions(request)
    assert (decision.actor, decision.role, decision.verdict) == ("sara", "security", "approve")


def test_to_reject_needs_a_reason_and_a_second_press(site: Site, stream: Stream, as_user: Any) -> None:
    request = stream.request("web_shop")
    page = as_user("sara", "pages/inbox")
    page.get_by_text("Decide here").click()
    page.get_by_role("button", name="Reject").click()
    page.get_by_text("Say why in the comment.").wait_for()
    page.get_by_label("Comment").fill("No licence.")
    page.get_by_role("button", name="Reject").click()
    with site.ledger.reading() as tx:
        assert tx.decisions(request) == []
    page.get_by_role("button", name="Press again: reject for good").click()
    page.get_by_text("Nothing waits for you").wait_for()
    with site.ledger.reading() as tx:
        assert [(d.verdict, d.comment) for d in tx.decisions(request)] == [("reject", "No licence.")]


def test_by_when_an_answer_is_expected_and_what_is_late(site: Site, stream: Stream, as_user: Any) -> None:
    """Service levels and expiry are two things: one is missed, the other ends the request."""
    stream.request("web_shop")
    (line,) = inbox(site, "sara")
    assert [(d["stage"], d["standing"]) for d in line["service_levels"]] == [
        ("admission", "in time"),
        (None, "in time"),
    ]
    assert line["should_by"] == line["service_levels"][0]["due"] < line["expires_at"]
    said = " ".join(as_user("sara", "pages/inbox").inner_text("article").split())
    assert "Answer by" in said and "admission should be done within 2 business days" in said
    assert "Published by" in said and "Expires" in said and "late by" not in said
    now = site.tools.now()
    object.__setattr__(site.tools, "now", lambda: now + timedelta(days=6))
    said = " ".join(as_user("sara", "pages/inbox").inner_text("article").split())
    assert "late by" in said
    assert inbox(site, "sara")[0]["service_levels"][0]["standing"] == "missed"


def test_the_tab_of_a_run_shows_that_run_alone(stream: Stream, as_user: Any) -> None:
    one = stream.request("one", title="Only this one")
    stream.request("other", title="Not this one")
    said = as_user("bea", f"pages/inbox?run={one}").inner_text("main")
    assert "Only this one" in said and "Not this one" not in said
    assert "not an onboarding request" in as_user("bea", "pages/inbox?run=manual__2026").inner_text("main")


def test_the_longest_wait_comes_first_and_what_is_urgent_before_it(site: Site, stream: Stream) -> None:
    first, second = stream.request("first"), stream.request("second")
    urgent = stream.request("urgent", priority="expedite")
    assert [w["request"] for w in inbox(site, "ada")] == [urgent, first, second]
    stream.decide(first, Stage.ADMISSION, "architecture")
    assert [w["request"] for w in inbox(site, "ada")] == [urgent, second]
