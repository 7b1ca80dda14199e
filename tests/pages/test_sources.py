"""Published sources on their pages: a list, and for each what people and other catalogs want to know."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import yaml
from pages_site import Site
from seeding import Stream

from sluice.stages import Stage
from sluice.stream.publish import publish
from sluice.stream.register import register

pytestmark = pytest.mark.browser


def test_a_published_source_has_a_page_for_people_and_forms_for_programs(
    site: Site, stream: Stream, as_user: Any
) -> None:
    assert "Nothing is published yet" in as_user("olga", "pages/sources").inner_text("main")
    assert httpx.get(f"{site.url}/sources/web_shop").status_code == 404
    request = stream.to_publication("web_shop")
    stream.approve(request, Stage.PUBLICATION)
    with site.ledger.reading() as tx:
        known = tx.request(request)
    assert known is not None
    for table in known.tables:
        register(site.tools, request, table)
    publish(site.tools, request)

    page = as_user("olga", "pages/sources")
    page.get_by_role("link", name="web_shop").click()
    page.get_by_role("heading", level=1).wait_for()
    said = " ".join(page.inner_text("main").split())
    assert "Who approved it" in said and "publication" in said
    assert "Where it comes from" in said and "customers" in said
    assert "@example.org" not in said, "no rows"
    data = httpx.get(f"{site.url}/sources/web_shop").json()
    assert data["source"] == "web_shop" and data["tables"][0]["columns"]
    assert [line["source"] for line in httpx.get(f"{site.url}/sources").json()] == ["web_shop"]
    contract = httpx.get(f"{site.url}/sources/web_shop/contract")
    assert contract.headers["content-type"].startswith("application/yaml")
    assert yaml.safe_load(contract.text)["id"] == "web_shop"
    linked = httpx.get(f"{site.url}/sources/web_shop/dcat")
    assert linked.headers["content-type"].startswith("application/ld+json")
    assert json.loads(linked.text)["@graph"][0]["dct:identifier"] == "web_shop"
