"""Blocking and withdrawing over the routes: who may, with which status, and the forecast in a request's overview."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pages_site import Site
from seeding import Stream

pytestmark = pytest.mark.browser


def test_block_unblock_withdraw_and_forecast(stream: Stream, site: Site) -> None:
    request = stream.request("shop")

    def post(user: str, action: str, **body: Any) -> tuple[int, Any]:
        answer = httpx.post(f"{site.url}/requests/{request}/{action}", json=body, headers={"as": user})
        return answer.status_code, answer.json()

    assert post("remy", "block", reason_code="lunch")[0] == 400
    assert post("remy", "block", reason_code="lunch")[1]["code"] == "REASON_CODE"
    assert post("remy", "block", comment="no code")[0] == 422
    status, said = post("remy", "block", reason_code="source_access", comment="no key")
    assert (status, said["blocked"]) == (200, ["admission"])
    assert post("remy", "block", reason_code="outage")[1]["code"] == "NOTHING_TO_BLOCK"
    assert post("remy", "unblock")[1]["unblocked"] == ["admission"]
    assert post("bea", "withdraw", comment="no")[1]["code"] == "NOT_YOURS"
    overview = httpx.get(f"{site.url}/requests/{request}?forecast=true", headers={"as": "remy"}).json()
    assert overview["forecast"]["p50"] is None
    assert "it takes 20" in overview["forecast"]["reason"]
    assert "forecast" not in httpx.get(f"{site.url}/requests/{request}", headers={"as": "remy"}).json()
    assert post("remy", "withdraw", comment="not needed") == (200, {"request": request, "state": "cancelled"})
    assert post("remy", "unblock")[1]["code"] == "REQUEST_CLOSED"
