"""The flow's pages in a browser: what is stuck, on whom, since when."""

from __future__ import annotations

import csv
import functools
import io
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pages_site import Site
from shots import shoot

import made_up
from sluice import navigation
from sluice.flow.baseline import claim, claimed_duration
from sluice.histories import Origin
from sluice.insight.reading import catch_up
from sluice.stages import Event, Stage, StageEvent

pytestmark = pytest.mark.browser
get = functools.partial(httpx.get, timeout=60)
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
    catch_up(site.ledger, lambda: True, site.tools.policy().calendar_of)
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
        answer = get(link)
        assert answer.headers["content-type"] == "text/csv; charset=utf-8", link
        rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
        assert len(rows) > 1 and {len(r) for r in rows} == {len(rows[0])}, link
    tab.close()
    assert get(f"{history.url}/flow/tables/nothing.csv").status_code == 404


def test_filters_choose_and_stay_chosen(history: Site, browser: Any) -> None:
    tab = browser.new_page()
    tab.goto(f"{history.url}/pages/board")
    everything = tab.locator(".work-card").count()
    tab.get_by_label("Use case").select_option("Use case 5")
    tab.wait_for_url("**use_case=Use+case+5**")
    chosen = tab.locator(".work-card")
    assert 0 < chosen.count() < everything
    assert {c.strip() for c in tab.locator(".work-card .clip").all_inner_texts()} == {"Use case 5"}
    assert tab.get_by_label("Use case").input_value() == "Use case 5"
    tab.close()
    whole, low = (get(f"{history.url}/flow{q}").json() for q in ("?days=0", "?days=0&tier=low"))
    assert 0 < low["requests"] < whole["requests"] == 200
    assert get(f"{history.url}/flow?days=1").json()["requests"] < whole["requests"]
    assert get(f"{history.url}/flow?days=nonsense").status_code == 422
    for chosen, said in (
        ("tier=purple", "purple (none)"),
        ("days=17", "last 17 days"),
        ("use_case=Moon", "Moon (none)"),
    ):
        assert f"selected>{said}</option>" in get(f"{history.url}/pages/board?{chosen}").text, (
            "what is filtered by is shown"
        )
    for emptied in ("forecast?not_asked=", "what-if?limit=", "what-if?factor="):
        assert get(f"{history.url}/pages/{emptied}").status_code == 200


def test_one_request_and_too_few_to_say_anything(site: Site, browser: Any) -> None:
    at_that_time(site)
    (made,) = made_up.histories(1, days=2)
    made_up.load(site.ledger, [made])
    tab = browser.new_page()
    for page in (*PAGES, f"requests/{made.request.id}"):
        tab.goto(f"{site.url}/pages/{page}")
        tab.wait_for_selector("meta[http-equiv=refresh]", state="detached", timeout=60_000)
        text = tab.inner_text("main")
        assert "nan" not in text.lower().split() and "None" not in text.replace("None yet", ""), page
    tab.goto(f"{site.url}/pages/requests/{made.request.id}")
    assert "No forecast" in tab.inner_text("main")
    tab.close()


def test_simulated_requests_are_labelled_on_every_page_and_never_mixed_with_real_ones(site: Site, browser: Any) -> None:
    at_that_time(site)
    made_up.load(site.ledger, list(made_up.histories(30, days=20, origin=Origin.SIMULATED)))
    for page in PAGES:
        assert "Simulated." in get(f"{site.url}/pages/{page}").text, page
    assert "No dates are promised" in whole_forecast(site)
    with site.ledger.reading() as tx:
        waiting = next(r for r in tx.requests(origin=Origin.SIMULATED) if r.state == "open")
    assert "Promised by" not in get(f"{site.url}/pages/requests/{waiting.id}").text
    for page, _ in navigation.PAGES:
        assert get(f"{site.url}/pages/{page}").status_code == 200, page
    with site.ledger.reading() as tx:
        assert tx.published_sources() == [], "nobody refreshes, pays for or looks after a simulated source"
    real = made_up.request(900, made_up.NOW)
    with site.ledger.transaction() as tx:
        tx.add_request(real)
        tx.append(real.id, Stage.REQUEST, 1, Event.REQUESTED, made_up.NOW)
        tx.append(real.id, Stage.REQUEST, 1, Event.READY, made_up.NOW)
    found = get(f"{site.url}/board").json()
    assert found["under_way"] == 1 and not found["simulated"]
    assert "Simulated." not in get(f"{site.url}/pages/board").text
    assert get(f"{site.url}/board?data=simulated").json()["simulated"]
    assert "Simulated." in get(f"{site.url}/pages/board?data=simulated").text


def whole_forecast(site: Site) -> str:
    """The forecast page once it is made."""
    while "The forecast is being made" in (text := get(f"{site.url}/pages/forecast").text):
        time.sleep(0.2)
    return text


def test_a_formula_in_a_name_reaches_no_spreadsheet(site: Site) -> None:
    at_that_time(site)
    evil = made_up.request(1, made_up.NOW, source='=HYPERLINK("http://x","y")', use_case="@SUM(A1)")
    with site.ledger.transaction() as tx:
        tx.add_request(evil)
        tx.append(evil.id, Stage.REQUEST, 1, Event.REQUESTED, made_up.NOW)
        tx.append(evil.id, Stage.REQUEST, 1, Event.READY, made_up.NOW)
    rows = list(csv.DictReader(io.StringIO(get(f"{site.url}/flow/tables/ageing.csv").text.removeprefix("\ufeff"))))
    assert rows[0]["Source"] == '\'=HYPERLINK("http://x","y")'
    assert rows[0]["Use case"] == "'@SUM(A1)"


def test_the_keyboard_reaches_filters_table_and_csv(history: Site, browser: Any) -> None:
    tab = browser.new_page()
    tab.goto(f"{history.url}/pages/stream")
    tab.wait_for_selector("html[data-charts=drawn]")
    tab.locator("#stages details summary").focus()
    tab.keyboard.press("Enter")
    assert tab.locator("#stages table").is_visible()
    reached = set()
    for _ in range(30):
        tab.keyboard.press("Tab")
        reached.add(
            tab.evaluate(
                "document.activeElement.tagName + ':' + (document.activeElement.textContent || '').trim().slice(0, 3)"
            )
        )
    assert "A:CSV" in reached and any(r.startswith("SUMMARY") for r in reached)
    tab.close()


@pytest.mark.parametrize("page", [*PAGES, "request", "lanes"])
def test_a_phone_reads_every_page_without_scrolling_sideways(history: Site, browser: Any, page: str) -> None:
    tab = browser.new_page(viewport={"width": 360, "height": 740})
    tab.goto(f"{history.url}/pages/{paths(history)[page]}")
    tab.wait_for_selector("meta[http-equiv=refresh]", state="detached", timeout=60_000)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    tab.close()


def test_a_run_leads_to_its_request_and_a_strange_one_says_so(history: Site) -> None:
    with history.ledger.transaction() as tx:
        tx.add_request(made_up.request(901, made_up.NOW, run_id="manual__2026-11-20T15:00:00+00:00"))
    answer = get(f"{history.url}/pages/requests/manual__2026-11-20T15:00:00+00:00")
    assert answer.status_code == 200 and "source_00901" in answer.text
    strange = get(f"{history.url}/pages/requests/manual__1999")
    assert strange.status_code == 404 and "not an onboarding request" in strange.text


def test_the_routes_are_described(site: Site) -> None:
    described = get(f"{site.url}/openapi.json").json()["paths"]
    assert {"/flow", "/board", "/forecast"} <= set(described)


def ten_thousand(site: Site) -> None:
    """Ten thousand open requests, all waiting for security."""
    requests = [made_up.request(n, made_up.NOW - timedelta(minutes=n)) for n in range(10_000)]
    steps = (
        (Stage.REQUEST, Event.REQUESTED, None), (Stage.REQUEST, Event.READY, None), (Stage.REQUEST, Event.STARTED, None),
        (Stage.REQUEST, Event.COMPLETED, None), (Stage.ADMISSION, Event.READY, None), (Stage.ADMISSION, Event.STARTED, None),
        (Stage.ADMISSION, Event.SUBMITTED, "security"),
    )  # fmt: skip
    events = [
        StageEvent(0, r.id, s, 1, e, r.requested_at, role=role) for r in reversed(requests) for s, e, role in steps
    ]
    with site.ledger.transaction() as tx:
        tx.load_history(requests, events)
    catch_up(site.ledger, lambda: True, site.tools.policy().calendar_of)


def test_ten_thousand_requests_stay_readable(site: Site, browser: Any) -> None:
    at_that_time(site)
    ten_thousand(site)
    tab = browser.new_page()
    tab.goto(f"{site.url}/pages/board", timeout=60_000)
    assert "10,000 under way; 10,000 wait for security" in tab.inner_text("main")
    assert "and 9,940 younger ones" in tab.inner_text("main")
    assert tab.locator(".work-card").count() == 60
    tab.close()
    for page in ("board", "board?lanes=use_case", "scoreboard", "stream", "flow", "requests"):
        answer = get(f"{site.url}/pages/{page}")
        assert answer.status_code == 200 and len(answer.content) < 2_000_000, page
    rows = get(f"{site.url}/flow/tables/ageing.csv").text.count("\r\n")
    assert rows == 10_001


def test_requests_are_listed_a_page_at_a_time_and_all_of_them(history: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from sluice.adapters import airflow_api

    with history.ledger.reading() as tx:
        known = [r.id for r in tx.requests()]
    first = get(f"{history.url}/requests?limit=3").json()
    second = get(f"{history.url}/requests?limit=3&offset=3").json()
    assert [r["id"] for r in (*first, *second)] == known[:6]
    assert get(f"{history.url}/requests?limit=100000").status_code == 422
    monkeypatch.setattr(airflow_api, "REQUESTS", 90)
    api = airflow_api.AirflowApi(history.url.removesuffix("/sluice"), "", "")
    found = api.requests()
    api.__exit__()
    assert [r["id"] for r in found] == known and len(known) == 200
