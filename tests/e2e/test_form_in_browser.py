"""The request form as a requester sees it, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from running import PROJECT, Stack

from browsers import chromium
from sluice.navigation import PAGES

pytestmark = [pytest.mark.stack, pytest.mark.browser]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


def logged_in(stack: Stack, browser: Any, user: str) -> Any:
    page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    page.goto(stack.url)
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", stack.password(user))
    page.keyboard.press("Enter")
    page.locator("input[name=password]").wait_for(state="detached", timeout=30_000)
    return page


def test_airflows_menu_leads_to_every_page(stack: Stack, browser: Any) -> None:
    page = logged_in(stack, browser, "bea")
    page.get_by_text("Plugins").first.click()
    page.get_by_role("menuitem", name="Sluice").click()
    page.get_by_role("menuitem", name="Inbox").wait_for()
    assert [item.inner_text() for item in page.get_by_role("menuitem").all()] == [
        "Sluice",
        *(name for _, name in PAGES),
    ]
    page.get_by_role("menuitem", name="Inbox").click()
    inside = page.frame_locator("iframe")
    inside.get_by_role("heading", name="What waits for you").wait_for(timeout=30_000)
    for address, name in PAGES:
        inside.get_by_role("link", name=name, exact=True).first.click()
        inside.locator(f"nav a[aria-current=page][href$='pages/{address}']").wait_for(timeout=30_000)
        assert inside.get_by_text("This did not work").count() == 0, name


def test_a_requester_chooses_a_contract_and_triggers(stack: Stack, browser: Any, tmp_path: Path) -> None:
    page = logged_in(stack, browser, "remy")
    page.goto(f"{stack.url}/dags/onboard_source")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.get_by_role("dialog")
    for title in (
        "Contract",
        "Pasted contract",
        "Folder of the source",
        "Use case",
        "Class of service",
        "Due date",
        "Comment",
    ):
        form.get_by_text(title).first.wait_for(timeout=30_000)
    assert form.get_by_text("(paste one below)").count()
    page.screenshot(path=tmp_path / "form.png", full_page=True)

    contract = (PROJECT / "tests" / "e2e" / "no_such_source.odcs.yaml").read_text()
    form.locator("textarea").first.fill(contract)
    form.get_by_role("button", name="Trigger").last.click()
    page.wait_for_url(re.compile(r"/runs/"), timeout=30_000)
    run_id = unquote(page.url.split("/runs/")[1].split("/")[0].split("?")[0])
    assert stack.wait_run(run_id) == "failed", "its source does not exist"
    assert "FILE_NOT_FOUND" in stack.api("admin").task_error(run_id, "request.open")
    assert [r for r in stack.json("status") if r["source"] == "no_such_source"] == []
