"""Blocking and withdrawing over the routes: who may, with which status, and the forecast in a request's overview."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from pages_site import Site
from seeding import Stream

pytestmark = pytest.mark.browser


def test_block_unblock_withdraw_and_forecast(stream: Stream, site: Site) -> None:
    request = stream.request("shop")

    def post(user: str, action: str, **body: Any) -> tuple[int, Any]:
        answer = httpx.post(f"{site.url}/requests/{request}/{action}", json=body, headers={"as": user})
        return answer.status_code, answer.json()

    assert post("remy", "block", reason_code="lunch")[0] == 400
    assert post("remy", "block", reason_code="lunch")[1]["code"] == "REASON_CODE"
    assert post("remy", "block", comment="no code")[0] == 422
    status, said = post("remy", "block", reason_code="source_access", comment="no key")
    assert (status, said["blocked"]) == (200, ["admission"])
    assert post("remy", "block", reason_code="outage")[1]["code"] == "NOTHING_TO_BLOCK"
    assert post("remy", "unblock")[1]["unblocked"] == ["admission"]
    assert post("bea", "withdraw", comment="no")[1]["code"] == "NOT_YOURS"
    overview = httpx.get(f"{site.url}/requests/{request}?forecast=true", headers={"as": "remy"}).json()
    assert overview["forecast"]["p50"] is None
    assert "it takes 20" in overview["forecast"]["reason"]
    assert "forecast" not in httpx.get(f"{site.url}/requests/{request}", headers={"as": "remy"}).json()
    assert post("remy", "withdraw", comment="not needed") == (200, {"request": request, "state": "cancelled"})
    assert post("remy", "unblock")[1]["code"] == "REQUEST_CLOSED"


def test_the_request_page_has_a_button_for_whoever_may(stream: Stream, site: Site, as_user: Any) -> None:
    request = stream.request("shop")
    assert "If it cannot go on" not in as_user("nobody", f"pages/requests/{request}").inner_text("main")
    page = as_user("sara", f"pages/requests/{request}")
    assert page.get_by_text("Withdraw the request").count() == 0, "it is not hers"
    page.get_by_text("Say what it waits for").click()
    page.get_by_label("It waits because").select_option("legal_review")
    page.get_by_label("In words").fill("The licence is with our lawyers.")
    page.get_by_role("button", name="It is blocked").click()
    page.get_by_role("button", name="It can go on").wait_for()
    assert "The licence is with our lawyers." in page.inner_text("main")
    page.get_by_role("button", name="It can go on").click()
    page.get_by_role("button", name="It can go on").wait_for(state="detached")
    own = as_user("remy", f"pages/requests/{request}")
    own.get_by_text("Withdraw the request").click()
    own.get_by_role("button", name="Withdraw").click()
    own.get_by_text("Say why in the comment.").wait_for()
    own.get_by_label("Why").fill("The project has ended.")
    own.get_by_role("button", name="Withdraw").click()
    own.get_by_role("button", name="Press again: withdraw for good").click()
    own.get_by_text("withdrawn by remy: The project has ended.").wait_for()
    assert "If it cannot go on" not in own.inner_text("main")


def test_an_owner_says_who_stands_in_for_somebody_who_is_away(stream: Stream, site: Site, as_user: Any) -> None:
    page = as_user("admin", "pages/inbox")
    page.get_by_text("Say when somebody is away").click()
    page.get_by_label("Who is away").fill("sara")
    page.get_by_label("Last day").fill((site.tools.now() + timedelta(days=7)).date().isoformat())
    page.get_by_label("Who signs meanwhile").fill("sam")
    page.get_by_role("button", name="Record").click()
    page.get_by_text("sam signs for sara").wait_for()
    stream.request("shop")
    assert "standing in for sara" in as_user("sam", "pages/inbox").inner_text("main")
    page.get_by_role("button", name="End it").click()
    page.get_by_text("sam signs for sara").wait_for(state="detached")
