"""Every link that a letter or the navigation carries leads to a page that exists."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Match

from sluice.navigation import PAGES
from sluice.notifications import links
from sluice_airflow.web.app import app  # noqa: F401 - enters every page
from sluice_airflow.web.pages import pages

REQUEST = "onb-shop-0123456789ab"


@pytest.mark.parametrize(
    "path",
    [
        links.INBOX, links.request_page(REQUEST), links.evidence_page(REQUEST, "admission"), "/sluice/pages/board",
        "/sluice/pages/scoreboard", "/sluice/pages/queue", "/sluice/pages/sources/shop",
        *(f"/sluice/pages/{address}" for address, _ in PAGES),
    ],
)  # fmt: skip
def test_it_leads_somewhere(path: str) -> None:
    below = path.removeprefix("/sluice").partition("?")[0]
    scope = {"type": "http", "path": below, "method": "GET", "root_path": ""}
    assert any(r.matches(scope)[0] is Match.FULL for r in pages.routes if isinstance(r, APIRoute)), path
