"""The audit of a source: found, read, printed, kept and handed to a machine; and what the policy says, over REST."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from looking import too_faint, unnamed
from pages_site import Site
from seeding import CONTRACT, Stream

from sluice.ledger import Verdict
from sluice.stages import Stage

pytestmark = pytest.mark.browser


def words(page: Any) -> str:
    return " ".join(page.inner_text("main").split())


@pytest.fixture
def decided(stream: Stream) -> str:
    """A request with a history: signed, taken back, signed again, rejected."""
    request = stream.request("web_shop")
    stream.decide(request, Stage.ADMISSION, "security", comment="Access is right.")
    stream.decide(request, Stage.ADMISSION, "security", Verdict.REVOKE, comment="Not after all.")
    stream.decide(request, Stage.ADMISSION, "compliance", Verdict.REJECT, comment="No licence for this.")
    return request


def test_who_when_as_whom_and_why_on_one_page(site: Site, stream: Stream, decided: str, as_user: Any) -> None:
    stream.request("licences")
    page = as_user("carl", "pages/audit")
    assert page.get_by_role("row", name="web_shop").count() == 1
    page.get_by_role("link", name="web_shop").click()
    said = words(page)
    for part in ("The record is whole", decided, "sara", "Access is right.", "was taken back", "Not after all.", "carl",
                 "No licence for this.", "rejected", stream.digest(decided, Stage.ADMISSION)[:12]):  # fmt: skip
        assert part in said, part
    assert too_faint(page) == [] and unnamed(page) == []
    page.goto(f"{site.url}/pages/audit?source=lic")
    assert "licences" in words(page) and "web_shop" not in words(page)


def test_it_prints_whole_and_fits_a_phone(decided: str, as_user: Any) -> None:
    page = as_user("carl", "pages/audit/web_shop", viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.emulate_media(media="print")
    assert not page.get_by_role("navigation").is_visible() and not page.get_by_text("Keep as a file").is_visible()
    assert page.get_by_text("No licence for this.").first.is_visible()
    assert len(page.pdf()) > 10_000


def test_json_and_a_file_to_keep_say_the_same(site: Site, decided: str) -> None:
    report = httpx.get(f"{site.url}/sources/web_shop/audit", headers={"as": "carl"}).json()
    assert report["record"]["whole"]
    (gate,) = report["requests"][0]["gates"]
    assert [(d["verdict"], d["by"], d["comment"]) for d in gate["decisions"]] == [
        ("approve", "sara", "Access is right."), ("revoke", "sara", "Not after all."), ("reject", "carl", "No licence for this."),
    ]  # fmt: skip
    kept = httpx.get(f"{site.url}/sources/web_shop/audit.html", headers={"as": "carl"})
    assert kept.headers["content-disposition"] == 'attachment; filename="audit-web_shop.html"'
    assert (
        "No licence for this." in kept.text
        and "<script" not in kept.text
        and "http" not in kept.text.split("</style>")[1]
    )
    assert httpx.get(f"{site.url}/sources/nothing/audit").status_code == 404
    assert httpx.get(f"{site.url}/pages/audit/nothing").status_code == 404


def test_what_a_request_was_promised_and_what_a_contract_would_be(site: Site, stream: Stream, tmp_path: Path) -> None:
    request = stream.request("web_shop")
    promised = httpx.get(f"{site.url}/requests/{request}/policy").json()
    assert promised["tier"] == "high" and promised["promised_digest"] == promised["in_force_digest"]
    assert {s["role"] for s in promised["gates"]["admission"]["sign"]} >= {"compliance"}
    written = CONTRACT.format(source="other", title="T", version="1.0.0", purpose="P", email="internal")
    explained = httpx.post(f"{site.url}/policy/explain", json={"contract_yaml": written}).json()
    assert explained["tier"] in ("standard", "high") and explained["reasons"]
    bad = httpx.post(f"{site.url}/policy/explain", json={"contract_yaml": "kind: nonsense"})
    assert bad.status_code == 422 and bad.json()["message"]
    assert httpx.post(f"{site.url}/policy/explain", json={"contract_yaml": written, "x": 1}).status_code == 422
