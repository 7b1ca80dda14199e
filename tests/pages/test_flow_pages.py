"""The flow's pages in a browser: what is stuck, on whom, since when."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from pages_site import Site
from shots import shoot

import made_up
from sluice.flow.baseline import claim, claimed_duration

pytestmark = pytest.mark.browser
PAGES = ("scoreboard", "board", "stream", "flow", "forecast", "what-if")


@pytest.fixture
def history(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Two hundred made-up requests over two months, read as of the last one's time."""
    made_up.load(site.ledger, list(made_up.histories(200, days=60)))
    with site.ledger.transaction() as tx:
        tx.add_baseline(
            claim(
                "our users say three weeks",
                claimed_duration("3 weeks"),
                name="before",
                digest="0" * 64,
                now=made_up.NOW,
                by="dora",
            )
        )
    at_that_time(site)
    return site


def at_that_time(site: Site) -> None:
    object.__setattr__(site.tools, "now", lambda: made_up.NOW)


EMPTY = {
    "scoreboard": "Nothing is under way", "board": "Nothing is under way", "stream": "Nothing to show", "flow": "Nothing to show",
    "forecast": "Nothing has been asked for yet", "what-if": "0 published requests are too few",
}  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_a_page_without_any_request_says_so(site: Site, browser: Any, page: str) -> None:
    tab = browser.new_page()
    tab.goto(f"{site.url}/pages/{page}")
    tab.get_by_text(EMPTY[page]).first.wait_for()
    text = tab.inner_text("main")
    assert "NaN" not in text and "None" not in text
    tab.close()


def paths(site: Site) -> dict[str, str]:
    """A page's address by its name; the request is the oldest open one."""
    with site.ledger.reading() as tx:
        oldest = next(r for r in tx.requests() if r.state == "open")
    return {name: name for name in PAGES} | {"request": f"requests/{oldest.id}", "lanes": "board?lanes=use_case"}


@pytest.mark.parametrize("page", [*PAGES, "request", "lanes"])
def test_charts_are_drawn_under_the_strict_policy(history: Site, browser: Any, page: str) -> None:
    tab = browser.new_page(viewport={"width": 1200, "height": 900})
    said: list[str] = []
    tab.on("console", lambda m: said.append(m.text))
    tab.on("pageerror", lambda e: said.append(str(e)))
    tab.goto(f"{history.url}/pages/{paths(history)[page]}")
    tab.wait_for_selector("meta[http-equiv=refresh]", state="detached")
    figures = tab.locator("figure.chart:has(script)")
    if figures.count():
        tab.wait_for_selector("html[data-charts=drawn]")
        assert not [s for s in said if "WARN" not in s], said
        assert tab.locator("figure.chart .plot svg").count() == figures.count()
        assert tab.locator("figure.chart[data-drawn=yes]").count() == figures.count()
    assert said == []
    if shots := os.environ.get("SHOTS"):
        tab.close()
        shoot(browser, f"{history.url}/pages/{paths(history)[page]}", "olga", Path(shots), page)
        return
    tab.close()


@pytest.mark.parametrize("page", [*PAGES, "request"])
def test_every_chart_has_its_table_and_its_csv(history: Site, browser: Any, page: str) -> None:
    tab = browser.new_page()
    tab.goto(f"{history.url}/pages/{paths(history)[page]}")
    tab.wait_for_selector("meta[http-equiv=refresh]", state="detached", timeout=60_000)
    for figure in tab.locator("figure.chart").all():
        assert figure.locator("table").count() == 1
        link = figure.locator("a[download]").evaluate("a => a.href")
        answer = httpx.get(link, timeout=60)
        assert answer.headers["content-type"] == "text/csv; charset=utf-8", link
        rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
        assert len(rows) > 1 and {len(r) for r in rows} == {len(rows[0])}, link
    tab.close()
    assert httpx.get(f"{history.url}/flow/tables/nothing.csv").status_code == 404
