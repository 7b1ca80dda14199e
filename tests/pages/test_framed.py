"""The pages in Airflow's sandboxed frame: no pop-ups, no way out of the frame, the log-in in a cookie that is Lax."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from pages_site import Site
from seeding import Stream

pytestmark = pytest.mark.browser


def test_from_the_inbox_to_the_evidence_to_the_data_docs_and_back_and_decide(
    site: Site, stream: Stream, browser: Any
) -> None:
    request = stream.to_publication("web_shop")
    context = browser.new_context()
    root = site.url.removesuffix("/sluice")
    context.add_cookies([{"name": "as", "value": "carl", "url": root, "sameSite": "Lax"}])
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{root}/frame?src={quote(f'/sluice/pages/inbox?run={request}')}")
    frame = page.frame_locator("iframe")
    frame.get_by_role("link", name="See the evidence").click()
    frame.get_by_role("link", name="Go to the decision").click()
    frame.get_by_role("link", name="Data Docs of customers").click()
    frame.get_by_text("Every check holds.").wait_for()
    frame.get_by_role("link", name="Back to the evidence").click()
    frame.get_by_role("heading", name="As compliance").wait_for()  # the log-in came along
    frame.get_by_label("Comment").fill("Fine.")
    frame.get_by_role("button", name="Approve").click()
    frame.get_by_text("You have signed as compliance.").wait_for()
    frame.get_by_role("link", name="Everything ever decided about web_shop").click()
    frame.get_by_text("The record is whole").wait_for()
    with page.expect_download() as download:
        frame.get_by_role("link", name="Keep as a file").click()
    assert download.value.suggested_filename == "audit-web_shop.html"
    with site.ledger.reading() as tx:
        assert [(d.actor, d.role) for d in tx.decisions(request)][-1] == ("carl", "compliance")
    assert [s for s in said if "refused" in s.lower() or "blocked" in s.lower()] == []
    context.close()
