"""The ready queue in a browser: what waits to start, why, and what an expedited request would cost."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pages_site import Site

from sluice.contract.reading import read_contract
from sluice.onboarding import Ask, open_request
from sluice.pull.letting import let_in
from sluice_airflow.web import access

pytestmark = pytest.mark.browser
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: {id}
version: 1.0.0
status: active
servers: [{{server: files, type: local, path: shop, format: csv}}]
schema: [{{name: orders, properties: [{{name: id, logicalType: integer, classification: public}}]}}]
"""


@pytest.fixture
def busy(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Four requests, and room for one."""
    ours = yaml.safe_load((Path(__file__).parents[2] / "include" / "policy.yaml").read_text())
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(ours | {"wip": {"stages": {"admission": 1}}}))
    tools = dataclasses.replace(site.tools, settings=dataclasses.replace(site.tools.settings, policy=file))
    access.tools.cache_clear()
    monkeypatch.setattr(access, "connect", lambda: tools)
    policy, now = tools.policy(), tools.now()
    with tools.ledger.transaction() as tx:
        for i, name in enumerate(("crm", "hr", "shop", "<script>alert(1)</script>")):
            contract = read_contract(CONTRACT.format(id=name if name.isalpha() else "web"))
            at = now - timedelta(hours=9 - i)
            open_request(
                tx,
                contract,
                Ask("remy", f"use of {name}"),
                policy,
                run_id=f"run-{i}",
                requested_at=at,
                started_at=at,
                now=at,
            )
            let_in(tx, policy.wip, now)
    return site


def test_the_page_says_who_waits_and_why(busy: Site, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: said.append("dialog"))
    page.goto(f"{busy.url}/pages/queue")
    assert page.get_by_text("3 requests wait to start.").is_visible()
    rows = page.locator("section[aria-labelledby=entry-admission] tbody tr").all_inner_texts()
    assert [r.split()[0] for r in rows] == ["1", "2", "3"]
    assert "hr" in rows[0] and "1 of at most 1 are at admission" in rows[0]
    assert "behind hr" in rows[1]
    assert "It delays 3 that wait to start" in page.inner_text("section[aria-labelledby=expedite]")
    assert said == []
    page.close()


def test_it_fits_a_phone(busy: Site, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740})
    page.goto(f"{busy.url}/pages/queue")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.close()


def test_the_routes_say_the_same(busy: Site) -> None:
    queue = httpx.get(f"{busy.url}/queue").json()
    assert [w["source"] for w in queue[0]["queue"]] == ["hr", "shop", "web"]
    cost = httpx.get(f"{busy.url}/queue/expedite").json()
    assert len(cost["delays"]) == 3
    assert cost["assumed"] and cost["days"] > 0


def test_an_empty_floor_says_so(site: Site) -> None:
    assert "Nothing waits to start." in httpx.get(f"{site.url}/pages/queue").text
