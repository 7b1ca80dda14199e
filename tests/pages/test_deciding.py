"""Deciding over the routes and on the pages: every way to decide, and every refusal with its status and code."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pages_site import Site
from seeding import Stream

from sluice.ledger import RequestState
from sluice.stages import Stage

pytestmark = pytest.mark.browser

POLICY = """\
owners: {members: [olga]}
roles:
  business: {description: Needs it., members: [bea, ben], calendar: office}
  compliance: {description: The law., members: [carl], calendar: office}
  security: {description: Access., members: [sara, sam, sid], calendar: office}
  governance: {description: Order., members: [gus, grp], groups: [stewards]}
calendars:
  office: {zone: Europe/Brussels, hours: {mon-fri: ["09:00-17:30"]}}
tiers:
  by_classification: {public: low, internal: standard, confidential: high, restricted: high}
  bulk: [low]
gates:
  admission:
    expires_after: 20 business days
    veto: [governance]
    low: [business]
    standard: [business, compliance]
    high: [business, {role: security, signatures: 2}]
  publication:
    low: [business]
    standard: [business, compliance]
    high: [business, {role: security, signatures: 2}]
"""


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    return tmp_path / "policy.yaml"


@pytest.fixture
def post(site: Site) -> Callable[..., tuple[int, Any]]:
    def send(user: str, path: str, **body: Any) -> tuple[int, Any]:
        answer = httpx.post(f"{site.url}/{path}", json=body, headers={"as": user})
        return answer.status_code, answer.json()

    return send


def get(site: Site, user: str, path: str) -> Any:
    return httpx.get(f"{site.url}/{path}", headers={"as": user}).json()


def words(page: Any) -> str:
    return " ".join(page.inner_text("main").split())


def public(stream: Stream, source: str, title: str = "Opening hours") -> str:
    """A request of the lightest tier at its first gate."""
    data = "id,email,country,joined,spent\n1,,BE,2025-01-01,1.00\n"
    text = f"""\
apiVersion: v3.1.0
kind: DataContract
id: {source}
name: {title}
version: 1.0.0
status: active
servers: [{{server: files, type: local, path: ., format: csv}}]
schema:
  - name: customers
    properties:
      - {{name: id, logicalType: integer, classification: public}}
      - {{name: email, logicalType: string, classification: public}}
      - {{name: country, logicalType: string, classification: public}}
      - {{name: joined, logicalType: date, classification: public}}
      - {{name: spent, logicalType: number, classification: public}}
"""
    return stream.request(source, text=text, data=data)


class TestRefusals:
    def test_each_has_its_status_its_code_and_says_how_to_mend_it(self, stream: Stream, post: Any, site: Site) -> None:
        request = stream.request("shop")
        digest = stream.digest(request, Stage.ADMISSION)
        path = f"requests/{request}/decisions"

        def refused(user: str, **other: Any) -> tuple[int, str]:
            body = {"gate": "admission", "role": "security", "verdict": "approve", "evidence_digest": digest} | other
            status, said = post(user, path, **{k: v for k, v in body.items() if v is not None})
            assert status == 201 or said["message"], said
            return status, said.get("code", "")

        assert refused("remy") == (403, "OWN_REQUEST")
        assert refused("bea") == (403, "NOT_YOUR_ROLE")
        assert refused("carl", role="compliance") == (403, "ROLE_NOT_ASKED")
        assert refused("gus", role="governance") == (403, "ROLE_NOT_ASKED"), "a veto is no vote"
        assert refused("sara", evidence_digest="0" * 64) == (409, "STALE_EVIDENCE")
        assert refused("sara", evidence_digest=None) == (422, "BAD_REQUEST")
        assert refused("sara", verdict="maybe") == (422, "BAD_REQUEST")
        assert refused("sara", gate="land") == (422, "BAD_REQUEST")
        assert refused("sara", actor="bea") == (422, "BAD_REQUEST"), "nobody says who he is"
        assert refused("sara", verdict="reject") == (400, "COMMENT_NEEDED")
        assert refused("sara", verdict="return", comment="x", back_to="land") == (400, "BACK_TO")
        assert refused("sara", back_to="request") == (400, "BACK_TO")
        assert refused("sara", gate="publication") == (409, "GATE_NOT_OPEN")
        assert refused("sara", verdict="revoke", comment="x") == (409, "NOTHING_TO_REVOKE")
        assert refused("sara") == (201, "")
        assert refused("sara") == (409, "ALREADY_DECIDED")
        assert refused("sam") == (201, "") and refused("sid") == (409, "ALREADY_DECIDED"), "two of three are enough"
        assert post("sara", "requests/onb-none/decisions", gate="admission", role="security", verdict="approve", evidence_digest=digest)[0] == 404  # fmt: skip
        with site.ledger.transaction() as tx:
            tx.close_request(request, RequestState.EXPIRED, "expired at admission", site.tools.now())
        assert refused("bea", role="business") == (410, "EXPIRED")
        with site.ledger.transaction() as tx:
            tx.close_request(request, RequestState.FAILED, "land: no", site.tools.now())
        assert refused("bea", role="business") == (409, "REQUEST_CLOSED")
        with site.ledger.reading() as tx:
            assert [(d.actor, d.role) for d in tx.decisions(request)] == [("sara", "security"), ("sam", "security")]

    def test_a_stale_digest_is_answered_with_what_changed(self, stream: Stream, post: Any, tmp_path: Path) -> None:
        request = stream.request("shop")
        stream.approve(request, Stage.ADMISSION, "business", "security")
        stream.decide(request, Stage.ADMISSION, "security", actor="sam")
        stream.work(request)
        seen = stream.digest(request, Stage.PUBLICATION)
        (tmp_path / "shop" / "customers.csv").write_text("id,email,country,joined,spent\n1,,BE,2025-01-01,1.00\n")
        stream.work(request)
        status, said = post("sara", f"requests/{request}/decisions", gate="publication", role="security", verdict="approve", evidence_digest=seen)  # fmt: skip
        assert (status, said["code"]) == (409, "STALE_EVIDENCE")
        assert said["details"]["evidence_digest"] == stream.digest(request, Stage.PUBLICATION)
        assert any(change.startswith("data") for change in said["details"]["changed"])


class TestOnThePage:
    def test_a_return_names_the_stage_it_goes_back_to(self, site: Site, stream: Stream, as_user: Any) -> None:
        request = public(stream, "hours")
        stream.approve(request, Stage.ADMISSION, "business")
        stream.work(request)
        page = as_user("bea", f"pages/requests/{request}/evidence")
        page.get_by_label("Comment").fill("Half of it is missing.")
        page.get_by_label("back to").select_option("land")
        page.get_by_role("button", name="Return for correction").click()
        page.get_by_text("returned to land by bea").wait_for()
        with site.ledger.reading() as tx:
            returned = tx.decisions(request)[-1]
            found = tx.request(request)
        assert (returned.verdict, returned.back_to, returned.comment) == ("return", "land", "Half of it is missing.")
        assert found is not None and found.state is RequestState.OPEN

    def test_an_approval_can_be_taken_back_and_then_it_is_asked_again(
        self, site: Site, stream: Stream, as_user: Any
    ) -> None:
        request = stream.request("shop")
        stream.decide(request, Stage.ADMISSION, "security")
        page = as_user("sara", f"pages/requests/{request}/evidence")
        assert "You have signed as security." in words(page)
        page.get_by_text("Take back my approval as security").click()
        page.get_by_label("Why", exact=True).fill("I looked at the wrong one.")
        page.get_by_role("button", name="Take it back").click()
        page.get_by_role("button", name="Press again: take it back").click()
        page.get_by_text("approval taken back by sara").wait_for()
        page.get_by_role("button", name="Approve").wait_for()
        assert [w["signatures"] for w in get(site, "sara", "inbox")] == [{"needed": 2, "given": 0}]

    def test_who_only_has_a_veto_sees_no_button_to_approve(self, stream: Stream, as_user: Any) -> None:
        stream.request("shop")
        assert "What you may object to" not in words(as_user("bea", "pages/inbox"))
        page = as_user("gus", "pages/inbox")
        assert "Nothing waits for you" in words(page) and "Nothing here waits for you: others sign" in words(page)
        page.get_by_role("link", name="shop 1.0.0").click()
        assert page.get_by_role("button", name="Approve").count() == 0
        page.get_by_label("Comment").fill("We may not.")
        page.get_by_role("button", name="Reject").click()
        page.get_by_role("button", name="Press again: reject for good").click()
        page.get_by_text("rejected by gus").wait_for()

    def test_n_of_m_and_the_end_of_time_are_told(self, site: Site, stream: Stream, as_user: Any) -> None:
        request = stream.request("shop")
        stream.decide(request, Stage.ADMISSION, "security")
        said = words(as_user("sam", "pages/inbox"))
        assert "1 of 2 signatures of security are given" in said and "then the request expires" in said
        (line,) = get(site, "sam", "inbox")
        assert line["expires_at"] and line["signatures"] == {"needed": 2, "given": 1}
        assert get(site, "sara", "inbox") == []
        assert "1 of 2 still missing" in words(as_user("sam", f"pages/requests/{request}/evidence"))


class TestInBulk:
    def test_the_light_tier_is_decided_together(self, site: Site, stream: Stream, as_user: Any) -> None:
        requests = {public(stream, f"hours_{i}", f"Hours {i}") for i in range(3)}
        heavy = stream.request("shop")
        page = as_user("bea", "pages/inbox")
        assert page.get_by_label("Choose, to decide with others").count() == 3
        for i in range(3):
            page.get_by_label("Choose, to decide with others").nth(i).check()
        page.get_by_label("Comment for all of them").fill("Opening hours are public.")
        page.get_by_role("button", name="Approve the chosen").click()
        page.get_by_text("Recorded. Thank you.").wait_for()
        with site.ledger.reading() as tx:
            assert {d.request_id for d in tx.decisions() if d.comment == "Opening hours are public."} == requests
            assert tx.decisions(heavy) == []

    def test_what_may_not_be_is_refused_and_the_rest_is_recorded(self, stream: Stream, post: Any) -> None:
        light, heavy = public(stream, "hours"), stream.request("shop")
        chosen = [
            {
                "request": r,
                "gate": "admission",
                "role": "business",
                "evidence_digest": stream.digest(r, Stage.ADMISSION),
            }
            for r in (heavy, light)
        ]
        status, said = post("bea", "decisions", verdict="approve", decisions=chosen)
        assert status == 200
        assert [d["request"] for d in said["decided"]] == [light]
        assert [(r["request"], r["status"], r["code"]) for r in said["refused"]] == [(heavy, 403, "NOT_IN_BULK")]
        assert post("bea", "decisions", verdict="approve", decisions=[])[0] == 422
        assert post("bea", "decisions", verdict="revoke", decisions=chosen)[0] == 422
        other = public(stream, "more_hours")
        odd = [
            chosen[0] | {"request": r, "evidence_digest": stream.digest(other, Stage.ADMISSION)}
            for r in (other, "onb-\0")
        ]
        status, said = post("bea", "decisions", verdict="approve", decisions=odd)
        assert (status, [d["request"] for d in said["decided"]]) == (200, [other]), "what was recorded is told"
        assert [(r["status"], r["code"]) for r in said["refused"]] == [(422, "NOT_STORABLE")]
        assert post("bea", "decisions", verdict="approve", decisions=chosen * 51)[0] == 422


class TestBeingAway:
    def test_a_delegate_is_asked_labelled_and_signs_for_the_other(
        self, site: Site, stream: Stream, as_user: Any
    ) -> None:
        request = stream.request("shop", email="internal")
        page = as_user("carl", "pages/inbox")
        page.get_by_text("Say when you are away").click()
        last = (site.tools.now() + timedelta(days=7)).date().isoformat()
        page.get_by_label("Last day").fill(last)
        page.get_by_label("Who signs for you").fill("olga")
        page.get_by_label("Why").fill("Holiday.")
        page.get_by_role("button", name="Record").click()
        page.get_by_text("olga signs for you").wait_for()
        other = as_user("olga", "pages/inbox")
        said = words(other)
        assert "compliance standing in for carl" in said and "as compliance, for carl" in said
        other.get_by_text("Decide here").click()
        other.get_by_role("button", name="Approve").click()
        other.get_by_text("Nothing waits for you").wait_for()
        with site.ledger.reading() as tx:
            (decision,) = tx.decisions(request)
        assert (decision.actor, decision.on_behalf_of, decision.role) == ("olga", "carl", "compliance")
        assert "approved by olga, standing in for carl" in words(as_user("carl", f"pages/requests/{request}/evidence"))
        page.reload()
        page.get_by_role("button", name="I am back").click()
        page.get_by_text("olga signs for you").wait_for(state="detached")
        assert "You hold no role" in words(as_user("olga", "pages/inbox"))

    def test_the_requester_cannot_sign_through_somebody_who_is_away(
        self, stream: Stream, post: Any, site: Site
    ) -> None:
        request = stream.request("shop")
        days = {"first_day": "2026-01-01", "last_day": "2099-01-01"}
        assert post("bea", "delegations", delegate="remy", **days)[0] == 201
        assert get(site, "remy", "inbox") == []
        status, said = post("remy", f"requests/{request}/decisions", gate="admission", role="business", verdict="approve",
                            evidence_digest=stream.digest(request, Stage.ADMISSION))  # fmt: skip
        assert (status, said["code"]) == (403, "OWN_REQUEST")

    def test_who_stands_in_for_two_signs_by_the_right_that_is_left(self, site: Site, stream: Stream, post: Any) -> None:
        """Two of security must sign; olga stands in for sara, who has signed already, and for sam, who has not."""
        request = stream.request("shop")
        days = {"first_day": "2026-01-01", "last_day": "2099-01-01"}
        assert post("sara", "delegations", delegate="olga", **days)[0] == 201
        assert post("sam", "delegations", delegate="olga", **days)[0] == 201
        stream.decide(request, Stage.ADMISSION, "security")
        (line,) = get(site, "olga", "inbox")
        assert (line["role"], line["on_behalf_of"]) == ("security", "sam")
        status, said = post("olga", f"requests/{request}/decisions", gate="admission", role="security", verdict="approve",
                            evidence_digest=line["evidence_digest"])  # fmt: skip
        assert (status, said["on_behalf_of"]) == (201, "sam")
        assert get(site, "olga", "inbox") == []

    def test_what_cannot_be_is_refused(self, post: Any, site: Site) -> None:
        days = {"first_day": "2026-01-01", "last_day": "2099-01-01"}

        def refused(user: str, **body: Any) -> tuple[int, str]:
            status, said = post(user, "delegations", **body)
            return status, said.get("code", "")

        assert refused("remy", delegate="bea", **days) == (409, "NOTHING_TO_DELEGATE")
        assert refused("bea", delegate="bea", **days) == (400, "DELEGATE")
        assert refused("bea", delegate="ben", principal="carl", **days) == (403, "NOT_YOUR_DELEGATION")
        assert refused("bea", delegate="ben") == (400, "DELEGATION_DATES")
        assert refused("bea", delegate="ben", first_day="2025-01-01", last_day="2025-01-02") == (
            400,
            "DELEGATION_DATES",
        )
        assert refused("bea", delegate="ben", begins="2026-01-01T00:00:00", ends="2099-01-01T00:00:00") == (
            422,
            "BAD_REQUEST",
        )
        assert refused("bea", delegate="ben", first_day="2026-01-01", last_day="9999-12-31") == (422, "DATES")
        far = {"begins": "0001-01-01T00:00:00+14:00", "ends": "9999-12-31T23:59:59-14:00"}
        assert refused("bea", delegate="ben", **far) == (400, "DELEGATION_DATES")
        assert refused("bea", delegate="ben", role="security", **days) == (409, "NOTHING_TO_DELEGATE")
        assert refused("olga", delegate="ben", principal="carl", **days) == (201, ""), "a platform owner may"
        assert post("bea", "delegations/1/end")[1]["code"] == "NOT_YOUR_DELEGATION"
        assert post("carl", "delegations/9/end")[1]["code"] == "NO_DELEGATION"
        assert post("carl", "delegations/1/end")[0] == 201
        assert post("carl", "delegations/1/end")[1]["code"] == "ALREADY_ENDED"
        assert [d["in_force"] for d in get(site, "olga", "delegations")] == [False, False]
        assert get(site, "gus", "delegations") == []
        assert post("bea", "delegations", delegate="ben", **days)[1]["begins"] > "2026-11", (
            "nobody was away before it was said"
        )


def test_the_description_tells_of_every_route_and_its_refusals(site: Site) -> None:
    described = get(site, "bea", "openapi.json")
    paths = described["paths"]
    assert {
        "/requests/{request_id}/decisions",
        "/decisions",
        "/inbox",
        "/delegations",
        "/delegations/{number}/end",
    } <= set(paths)
    answers = paths["/requests/{request_id}/decisions"]["post"]["responses"]
    assert {"201", "400", "403", "404", "409", "410", "413", "415", "422"} <= set(answers)
    assert described["components"]["schemas"]["DecisionBody"]["additionalProperties"] is False
    assert not [p for p in paths if p.startswith(("/pages", "/static"))]
