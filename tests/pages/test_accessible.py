"""Inbox and evidence page for everybody: contrast, labels, keyboard, a phone."""

from __future__ import annotations

from typing import Any

import pytest
from looking import too_faint, unnamed
from pages_site import Site
from seeding import Stream

from sluice.stages import Stage

pytestmark = pytest.mark.browser


@pytest.fixture
def addresses(stream: Stream) -> list[str]:
    """Pages with everything on them: asked, signed, void, personal data, quarantine."""
    request = stream.to_publication("web_shop", email="internal")
    stream.decide(request, Stage.PUBLICATION, "security")
    stream.request("licences", title="A_source_with_a_very_long_name_that_no_phone_has_room_for_" * 2)
    return ["pages/inbox", f"pages/requests/{request}/evidence", f"pages/requests/{request}/evidence?gate=admission"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(addresses: list[str], as_user: Any, scheme: str) -> None:
    for address in addresses:
        page = as_user("carl", address, color_scheme=scheme)
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        assert too_faint(page) == [], address


def test_every_control_has_a_name_and_every_table_its_heads(addresses: list[str], as_user: Any) -> None:
    for address in addresses:
        assert unnamed(as_user("carl", address)) == [], address


def test_a_phone_shows_everything_without_scrolling_sideways(addresses: list[str], as_user: Any) -> None:
    for address in addresses:
        page = as_user("carl", address, viewport={"width": 360, "height": 740}, has_touch=True)
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, address
        small = page.evaluate(
            "[...document.querySelectorAll('main button, main .button, main select, main input:not([type=hidden])')]"
            ".filter((e) => e.checkVisibility() && Math.min(e.getBoundingClientRect().height, e.getBoundingClientRect().width) < 24)"
            ".map((e) => e.outerHTML)"
        )
        assert small == [] or all("checkbox" in e for e in small), small


def test_the_keyboard_alone_is_enough_to_decide(site: Site, stream: Stream, as_user: Any) -> None:
    request = stream.request("web_shop")
    page = as_user("sara", "pages/inbox")

    def focused() -> str:
        said = page.evaluate(
            "(() => { const e = document.activeElement; const s = getComputedStyle(e);"
            " return JSON.stringify([e.tagName, (e.innerText || e.getAttribute('aria-label') || e.name || '').trim(), parseFloat(s.outlineWidth)]); })()"
        )
        return str(said)

    order = []
    for _ in range(30):
        page.keyboard.press("Tab")
        order.append(focused())
        if '"SUMMARY","Decide here"' in order[-1]:
            break
    else:
        pytest.fail(f"never got there: {order}")
    assert '"A","See the evidence"' in order[-2], "the evidence comes before the decision"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert '"comment"' in focused() and not focused().endswith(",0]"), "what has the focus shows it"
    page.keyboard.type("Fine with me.")
    page.keyboard.press("Tab")
    assert '"BUTTON","Approve"' in focused()
    page.keyboard.press("Enter")
    page.get_by_text("Nothing waits for you").wait_for()
    with site.ledger.reading() as tx:
        assert [d.comment for d in tx.decisions(request)] == ["Fine with me."]


def test_what_happened_is_told_to_who_cannot_see_it(stream: Stream, as_user: Any) -> None:
    stream.request("web_shop")
    page = as_user("sara", "pages/inbox")
    told = page.locator("#told")
    assert (told.get_attribute("role"), told.get_attribute("aria-live")) == ("status", "polite")
    page.get_by_text("Decide here").click()
    page.get_by_role("button", name="Reject").click()
    assert told.inner_text() == "Say why in the comment."
    assert page.evaluate("document.activeElement.name") == "comment", "the focus is where something is missing"
