"""What every page has in common: it loads our own files only, in the right look, and says errors in words."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pages_site import Site

pytestmark = pytest.mark.browser


def test_a_page_loads_nothing_from_elsewhere_and_runs_no_script_of_others(site: Site) -> None:
    answer = httpx.get(f"{site.url}/pages/requests")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe-eval" not in policy
    assert "Nothing has been asked for yet" in answer.text
    assert "http://" not in answer.text and "https://" not in answer.text
    for asset in ("sluice.css", "sluice.js"):
        assert httpx.get(f"{site.url}/static/{asset}").status_code == 200


@pytest.mark.parametrize("name", ["..%2Fapp.py", "nothing.css", "%2e%2e%2fpages.py"])
def test_no_other_file_is_an_asset(site: Site, name: str) -> None:
    assert httpx.get(f"{site.url}/static/{name}").status_code == 404


def test_the_keyboard_comes_first_to_the_skip_link_and_the_browser_complains_of_nothing(
    site: Site, browser: Any
) -> None:
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"{site.url}/pages/requests")
    assert page.get_by_role("heading", name="Requests").is_visible()
    assert page.locator("link[rel=stylesheet]").count() == 1
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip", "the keyboard meets the skip link first"
    assert said == []
    page.close()


def test_a_phone_needs_no_scrolling_sideways(site: Site, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740})
    page.goto(f"{site.url}/pages/requests")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()
