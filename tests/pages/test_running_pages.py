"""Incidents and costs in a browser: what is wrong, whom it hurts, until when; what it costs. Hostile words do nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import httpx
import pytest
from pages_site import Site

from shop import Shop
from sluice.stream.restore import restore
from sluice.stream.watch import watch
from sluice_airflow.web.app import app
from sluice_airflow.web.incidents import restorers

pytestmark = pytest.mark.browser
HOSTILE = '<script>document.title="owned"</script><img src=x onerror="document.title=1">'


@pytest.fixture
def troubled(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Site, Shop]:
    """A source with two publications, of which the newer is bad."""
    monkeypatch.setitem(app.dependency_overrides, restorers, lambda: None)
    shop = Shop(tmp_path, site.tools.settings.ledger, site.tools.layout.root, "web_shop")
    shop.deliver([(1, "ann", "1.00"), (2, "bob", "2.00")])
    shop.publish()
    shop.text = shop.text.replace("version: 1.0.0", "version: 1.0.1")
    shop.deliver([(1, "ann", "-1.00")])
    shop.publish()
    return site, shop


def test_whoever_sees_bad_data_reports_it_and_the_data_from_before_is_back(
    troubled: tuple[Site, Shop], browser: Any
) -> None:
    site, shop = troubled
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    page.goto(f"{site.url}/pages/incidents")
    assert "No incident is open" in page.content()
    page.get_by_label("What is wrong").fill(HOSTILE)
    button = page.get_by_role("button", name="Report it")
    button.click()
    page.get_by_role("button", name="Press again").click()
    page.get_by_text("The data from before is back").wait_for()
    assert [r[0] for r in shop.rows()] == [1, 2]
    page.goto(f"{site.url}/pages/incidents")
    assert "1 incident is open" in page.content() and page.title().startswith("Incidents")
    page.get_by_role("link", name="inc-web_shop-1").click()
    page.get_by_role("heading", name="How long it took").wait_for()
    assert "owned" not in page.title() and HOSTILE in page.inner_text("main")
    assert "pricing" in page.inner_text("main") and "analyst" in page.inner_text("main")
    page.close()


def test_it_closes_only_with_a_cause_and_only_by_those_who_work_on_it(troubled: tuple[Site, Shop]) -> None:
    site, shop = troubled
    restore(dataclasses.replace(site.tools), shop.source, actor="ann", reason="prices are negative")
    where = f"{site.url}/incidents/{shop.source}"
    stranger = httpx.post(where, json={"verdict": "close", "cause": "mine"}, headers={"as": "ann"})
    assert stranger.status_code == 403 and stranger.json()["code"] == "NOT_YOURS"
    bare = httpx.post(where, json={"verdict": "close"}, headers={"as": "olga"})
    assert bare.status_code == 400 and bare.json()["code"] == "CAUSE_NEEDED"
    assert httpx.post(where, json={"comment": "we look into it"}, headers={"as": "olga"}).status_code == 201
    done = httpx.post(where, json={"verdict": "close", "cause": "a sign was lost"}, headers={"as": "olga"})
    assert done.status_code == 201 and done.json()["open"] is False
    assert [i["open"] for i in httpx.get(f"{site.url}/incidents").json()] == [False]
    assert httpx.get(f"{site.url}/incidents/nothing_there").status_code == 404
    assert httpx.get(f"{site.url}/pages/incidents/nothing_there").status_code == 404


def test_what_it_costs_is_there_for_people_and_for_tools(troubled: tuple[Site, Shop], browser: Any) -> None:
    site, shop = troubled
    told = httpx.get(f"{site.url}/costs").json()
    assert told["sources"][0]["source"] == shop.source and told["sources"][0]["runs"] == 2
    rows = httpx.get(f"{site.url}/costs.csv")
    assert rows.headers["content-type"].startswith("text/csv") and rows.text.startswith("BilledCost,")
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(f"{site.url}/pages/costs")
    assert "CC-42" in page.inner_text("main") and "list prices of eu-west-1" in page.inner_text("main")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "a phone does not scroll sideways"
    page.close()


def test_a_source_ends_when_another_person_agrees_and_anybody_can_see_how(
    troubled: tuple[Site, Shop], browser: Any
) -> None:
    site, shop = troubled
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    page.goto(f"{site.url}/pages/offboardings")
    page.get_by_label("Its data").select_option("destroy")
    page.get_by_label("Why it ends").fill(HOSTILE)
    page.get_by_role("button", name="Ask").click()
    page.get_by_role("button", name="Press again").click()
    page.get_by_text("Another person must agree").wait_for()
    (asked,) = httpx.get(f"{site.url}/offboardings").json()
    where = f"{site.url}/offboardings/{shop.source}"
    own = httpx.post(where, json={"verdict": "agree"}, headers={"as": asked["asked_by"]})
    assert (own.status_code, own.json()["code"]) == (403, "OWN_REQUEST")
    assert httpx.post(where, json={"verdict": "agree"}, headers={"as": "mallory"}).json()["code"] == "NOT_YOUR_ROLE"
    assert len(shop.rows()) == 1
    agreed = httpx.post(where, json={"verdict": "agree"}, headers={"as": "gus"})
    assert agreed.status_code == 201 and agreed.json()["state"] == "agreed"
    assert watch(site.tools)["ended"] == [shop.source]
    page.goto(f"{site.url}/pages/offboardings/{asked['id']}")
    said = page.inner_text("main")
    assert "It is over." in said and "proof_of_destruction.json" in said and HOSTILE in said and "gus" in said
    page.goto(f"{site.url}/pages/offboardings")
    assert page.get_by_role("link", name=shop.source).count() == 1
    assert httpx.get(f"{site.url}/pages/offboardings/nobody").status_code == 404
    page.close()
