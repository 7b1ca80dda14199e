"""Every route there is, found in the app itself: none changes anything by being looked at, none takes what it should not."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import sqlalchemy as sa
from pages_site import Site
from seeding import Stream

RECORD = ("request", "stage_event", "decision", "artifact", "delegation", "policy_version", "outbox")
"""The tables that say what happened. The flow pages' lines are derived from them and may be renewed by a look."""


def routes(method: str) -> list[str]:
    from sluice_airflow.web.app import app

    found = {r.path for r in app.routes if method in getattr(r, "methods", ())}  # type: ignore[attr-defined]
    return sorted(found - {"/openapi.json"})


def filled(path: str, request: str) -> str:
    values = {
        "request_id": request,
        "source": request.split("-")[1],
        "table": "customers",
        "name": "sluice.css",
        "number": "1",
    }
    return re.sub(r"{(\w+)(:path)?}", lambda m: quote(values.get(m[1], "1")), path)


def record(site: Site) -> dict[str, Any]:
    """Everything that is on record, row by row."""
    engine = sa.create_engine(site.tools.settings.ledger, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return {
            table: connection.execute(sa.text(f'SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM sluice."{table}" t')).scalar()
            for table in RECORD
        }  # fmt: skip


def test_looking_changes_nothing(site: Site, stream: Stream) -> None:
    request = stream.request("web_shop")
    before = record(site)
    assert before["request"] and before["stage_event"] and before["artifact"]
    looked = 0
    for path in routes("GET"):
        for query in ("", "?gate=admission", "?verdict=approve&role=security&gate=admission&comment=x"):
            answer = httpx.get(f"{site.url}{filled(path, request)}{query}", headers={"as": "sara"}, timeout=60)
            assert answer.status_code < 500 or answer.status_code == 503, (path, answer.text)  # 503: not yet
            looked += answer.status_code == 200
    assert looked > 30
    assert record(site) == before


def test_what_changes_something_takes_json_of_this_site_only(site: Site, stream: Stream) -> None:
    request = stream.request("web_shop")
    before = record(site)
    posts = [filled(path, request) for method in ("POST", "PUT", "PATCH", "DELETE") for path in routes(method)]
    assert len(posts) >= 5
    for path in posts:

        def post(**sent: Any) -> tuple[int, str]:
            answer = httpx.post(f"{site.url}{path}", **({"headers": {}} | sent), timeout=60)  # noqa: B023
            assert answer.status_code < 500, (path, answer.text)  # noqa: B023
            return answer.status_code, answer.json().get("code", "")

        assert post(json={}, headers={"as": "sara", "Origin": "https://evil.example"}) == (403, "CROSS_ORIGIN"), path
        assert post(json={}, headers={"as": "sara", "Origin": "null"}) == (403, "CROSS_ORIGIN"), path
        assert post(data={"gate": "admission"}, headers={"as": "sara"}) == (415, "JSON_ONLY"), path
        assert post(content=b"{}", headers={"as": "sara", "Content-Type": "text/plain"}) == (415, "JSON_ONLY"), path
        assert post(json={"comment": "x" * 200_000}, headers={"as": "sara"}) == (413, "TOO_LARGE"), path
        assert post(json={"surprise": 1}, headers={"as": "sara"})[0] in (400, 403, 404, 409, 422), path
        assert post(content=b"{broken", headers={"as": "sara", "Content-Type": "application/json"})[0] == 422, path
        assert httpx.get(f"{site.url}{path}", headers={"as": "sara"}).status_code in (200, 404, 405), path
    assert record(site) == before


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE"])
def test_there_is_no_other_way_to_change_anything(site: Site, method: str) -> None:
    assert routes(method) == []
