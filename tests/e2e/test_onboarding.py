"""From contract to published table on the real stack: the way through, the ways out, and the ways around."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from running import ROLES, Stack, airflows_answer, catalog_of

from sluice.adapters.ledger import PostgresLedger, forget_connections
from sluice.chain import broken_link
from sluice.settings import load

pytestmark = pytest.mark.stack
Source = Callable[..., Path]


def published(stack: Stack, identifier: str) -> list[dict[str, Any]]:
    """The rows that a reader of the catalog sees."""
    with catalog_of(stack) as catalog:
        return list(catalog.scan(identifier).to_pylist())


def exists(stack: Stack, identifier: str) -> bool:
    with catalog_of(stack) as catalog:
        return catalog.entry(identifier) is not None and any(s.current for s in catalog.snapshots(identifier))


@pytest.fixture
def ledger(stack: Stack) -> Iterator[PostgresLedger]:
    url = load(stack.environment).ledger
    yield PostgresLedger(url)
    forget_connections(url)


def ask(stack: Stack, contract: Path) -> str:
    return str(stack.json("request", str(contract))["id"])


def test_approved_at_both_gates_it_is_published(stack: Stack, source: Source, ledger: PostgresLedger) -> None:
    contract = source("shop")
    request = ask(stack, contract)
    assert ask(stack, contract) == request, "asking twice gives the same request"
    waiting = stack.wait(request, lambda o: bool(o["waiting_for"]))
    assert sorted(waiting["waiting_for"]) == sorted(ROLES)
    assert not exists(stack, "shop.orders")
    inbox = stack.json("inbox", "--user", "sara")
    mine = [(i["request"], i["gate"], i["role"]) for i in inbox if i["request"] == request]
    assert mine == [(request, "admission", "security")], "other tests leave requests open"
    assert stack.json("inbox", "--user", "remy") == []
    stack.approve(request, "admission")

    pack = stack.wait(request, lambda o: o["gates"]["publication"]["open"])
    assert not exists(stack, "shop.orders"), "invisible until published"
    assert [(t["name"], t["rows_read"], t["rows_staged"], t["rows_quarantined"]) for t in pack["tables"]] == [
        ("orders", 3, 2, 1), ("lines", 3, 3, 0),
    ]  # fmt: skip
    evidence = stack.json("evidence", request, "--gate", "publication")
    assert evidence["tables"][0]["quarantine_reasons"] == {"CAST": 1}
    assert evidence["quality"]["success"]
    assert set(evidence["quality"]["data_docs"]) == {"orders", "lines"}
    the_data_docs_are_pages_that_run_nothing(stack, request)
    stack.approve(request, "publication")

    done = stack.wait(request, lambda o: o["state"] != "open")
    assert done["state"] == "published", done["reason"]
    assert stack.wait_run(request) == "success"
    rows = sorted(published(stack, "shop.orders"), key=lambda r: r["id"])
    assert rows == [
        {"id": 1, "placed_on": date(2026, 1, 31), "amount": Decimal("10.50")},
        {"id": 3, "placed_on": date(2026, 2, 1), "amount": Decimal("0.10")},
    ]
    assert len(published(stack, "shop.lines")) == 3

    stages = {s["stage"]: s for s in done["flow"]["stages"]}
    assert list(stages) == ["request", "admission", "land", "profile", "check", "publication", "register", "publish"]
    for s in stages.values():
        assert s["done"]
        assert s["work"] + s["wait"] == pytest.approx(s["elapsed"], abs=0.01)
    assert stages["admission"]["work"] == 0
    assert stages["land"]["work"] > 0
    assert done["flow"]["lead_seconds"] >= max(s["elapsed"] for s in stages.values())
    with ledger.reading() as tx:
        decisions = tx.decisions(request)
        assert sorted((d.gate, d.role, d.actor) for d in decisions) == sorted(
            (g, r, u) for g in ("admission", "publication") for r, u in ROLES.items()
        )
        assert broken_link(tx.decisions()) is None
    assert stack.run("ledger", "verify").returncode == 0
    events = [
        e
        for e in stack.api("admin").get("/api/v2/assets/events")["asset_events"]
        if e["extra"].get("request_id") == request
    ]
    assert sorted((e["uri"], e["extra"]["rows"]) for e in events) == [
        ("glue://shop/lines", 3),
        ("glue://shop/orders", 2),
    ]


def the_data_docs_are_pages_that_run_nothing(stack: Stack, request: str) -> None:
    (waiting,) = (i for i in stack.json("inbox", "--user", "sara") if i["request"] == request)
    assert waiting["data_docs"]["orders"] == f"/sluice/requests/{request}/data-docs/orders"
    assert f"/sluice/requests/{request}/data-docs" in stack.run("evidence", request, "--gate", "publication").stdout
    for path, said in (
        (waiting["data_docs"]["orders"], "Every check holds."),
        (f"/sluice/requests/{request}/data-docs", "lines"),
    ):
        assert httpx.get(stack.url + path).status_code == 401
        answer = httpx.get(stack.url + path, headers=stack.token("sara"))
        assert answer.status_code == 200, answer.text
        assert said in answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        policy = answer.headers["content-security-policy"]
        assert {"sandbox allow-same-origin", "default-src 'none'", "frame-ancestors 'self'"} <= set(policy.split("; "))
        assert "script-src" not in policy
    missing = httpx.get(f"{stack.url}{waiting['data_docs']['orders']}x", headers=stack.token("sara"))
    assert (missing.status_code, missing.json()["code"]) == (404, "NO_DATA_DOCS")


def test_rejected_it_ends_red_and_says_why(stack: Stack, source: Source) -> None:
    request = ask(stack, source("rejected"))
    stack.wait(request, lambda o: o["gates"]["admission"]["open"])
    said = stack.run("decide", request, "--gate", "admission", "--role", "security", "--reject")
    assert said.returncode == 1
    assert "needs a reason" in said.stderr
    said = stack.run(
        "decide", request, "--gate", "admission", "--role", "security", "--reject", "--comment", "no licence for this"
    )
    assert said.returncode == 0, said.stderr
    done = stack.wait(request, lambda o: o["state"] != "open")
    assert (done["state"], done["reason"]) == (
        "rejected",
        "rejected at admission by sara (security): no licence for this",
    )
    assert stack.wait_run(request) == "failed"
    assert "no licence for this" in stack.api("admin").task_error(request, "conclude")
    assert not exists(stack, "rejected.orders")
    late = stack.run("decide", request, "--gate", "admission", "--role", "business", "--approve")
    assert late.returncode == 1
    assert "rejected" in late.stderr


def test_a_failed_check_stops_before_the_gate_and_names_the_rule(stack: Stack, source: Source) -> None:
    request = ask(stack, source("orphans", lines="order_id,sku\n1,apple\n7,ghost\n"))
    stack.approve(request, "admission")
    done = stack.wait(request, lambda o: o["state"] != "open")
    assert done["state"] == "failed"
    assert "CHECKS_FAILED" in done["reason"]
    assert [(f["table"], f["severity"]) for f in done["checks"]["failures"]] == [("lines", "error")]
    assert not done["gates"]["publication"]["open"]
    assert stack.wait_run(request) == "failed"
    assert not exists(stack, "orphans.lines")


def test_marking_tasks_in_airflow_publishes_nothing_and_costs_nothing(stack: Stack, source: Source) -> None:
    """The attack that any user of Airflow could try: mark every waiting signature a success."""
    request = ask(stack, source("forged"))
    stack.wait(request, lambda o: o["gates"]["admission"]["open"])
    api = stack.api("admin")
    base = f"/api/v2/dags/onboard_source/dagRuns/{request}/taskInstances"

    def waiting() -> list[dict[str, Any]]:
        listed = api.get(base, limit="200")["task_instances"]
        return [t for t in listed if t["task_id"] == "admission.signature" and t["state"] == "deferred"]

    deadline = time.monotonic() + 60
    while len(waiting()) < 5:
        assert time.monotonic() < deadline
        time.sleep(1)
    assert sorted(t["rendered_map_index"] for t in waiting()) == sorted(ROLES), "the grid names who is waited for"
    for index in range(5):
        answer = airflows_answer(
            "PATCH", f"{stack.url}{base}/admission.signature/{index}",
            json={"new_state": "success"}, headers=stack.token("admin"),
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
    still = stack.json("status", request)
    assert (still["state"], sorted(still["waiting_for"])) == ("open", sorted(ROLES)), "the request waits as before"
    assert not exists(stack, "forged.orders")
    stack.run("decide", request, "--gate", "admission", "--role", "security", "--reject", "--comment", "enough seen")


def test_the_requester_a_stranger_and_a_foreign_page_are_refused(
    stack: Stack, source: Source, ledger: PostgresLedger
) -> None:
    request = ask(stack, source("refusals"))
    overview = stack.wait(request, lambda o: o["gates"]["admission"]["open"])
    digest = overview["gates"]["admission"]["evidence_digest"]
    url = f"{stack.url}/sluice/requests/{request}/decisions"
    body = {"gate": "admission", "role": "security", "verdict": "approve", "evidence_digest": digest}

    def post(
        user: str | None, more: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        answer = httpx.post(
            url, json=body | (more or {}), headers=(stack.token(user) if user else {}) | (headers or {})
        )
        return answer.status_code, answer.json().get("code", "")

    assert post(None)[0] == 401
    assert post("remy") == (403, "OWN_REQUEST")
    assert post("bea") == (403, "NOT_YOUR_ROLE")
    assert post("admin") == (403, "NOT_YOUR_ROLE")
    assert post("sara", {"evidence_digest": "0" * 64}) == (409, "STALE_EVIDENCE")
    assert post("sara", {"verdict": "maybe"}) == (422, "BAD_REQUEST")
    assert post("sara", headers={"Origin": "https://evil.example"}) == (403, "CROSS_ORIGIN")
    form = httpx.post(url, data=body, headers=stack.token("sara"))
    assert form.status_code == 415
    assert post("sara") == (201, "")
    assert post("sara") == (409, "ALREADY_DECIDED")
    with ledger.reading() as tx:
        assert len(tx.decisions(request)) == 1


def test_every_route_asks_who_is_there(stack: Stack) -> None:
    """Every route of the app itself, described or not: a program without a log-in gets 401, a person is led to the log-in."""
    import re

    from sluice_airflow.web.app import app

    routes = [(r.path, method) for r in app.routes for method in sorted(getattr(r, "methods", ()))]  # type: ignore[attr-defined]
    assert len(routes) > 30
    for path, method in routes:
        filled = re.sub(r"{\w+(:path)?}", "x", path)
        answer = httpx.request(method, f"{stack.url}/sluice{filled}", json={} if method == "POST" else None)
        if path.startswith("/pages/"):
            assert (answer.status_code, "login" in answer.headers["location"]) == (303, True), (method, path)
            assert f"next=%2Fsluice{filled.replace('/', '%2F')}" in answer.headers["location"], "and back to the page"
        else:
            assert answer.status_code == 401, (method, path, answer.status_code)
    for path in ("/nowhere", "/docs", "/redoc"):
        assert httpx.get(f"{stack.url}/sluice{path}").status_code in (401, 404), path
    described = stack.api("bea").get("/sluice/openapi.json")["paths"]
    assert {path.replace(":path}", "}") for path, _ in routes} >= set(described)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("apiVersion: v3.1.0", "apiVersion: v2.2.2"), "CONTRACT_VERSION"),
        (("domain: retail", "domain: retail\ncolour: blue"), "UNKNOWN_KEY"),
        (("name: lines", "name: orders"), "DUPLICATE_TABLE"),
        (("logicalType: date", "logicalType: day"), "UNKNOWN_TYPE"),
        (("classification: public, description: Euros.", "classification: secret, description: Euros."), "BAD_CLASSIFICATION"),
        (("path: .,", "path: s3://a:hunter2hunter2@b,"), "SECRET"),
        (("path: .,", "path: nowhere,"), "FILE_NOT_FOUND"),
        (("domain: retail", "domain: [retail"), "YAML_SYNTAX"),
    ],
)  # fmt: skip
def test_bad_input_is_one_screen_exit_2_and_leaves_nothing(
    stack: Stack, source: Source, change: tuple[str, str], said: str
) -> None:
    contract = source("bad")
    contract.write_text(contract.read_text().replace(*change))
    done = stack.run("request", str(contract))
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) <= 24
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr
    assert [r for r in stack.json("status") if r["source"] == "bad"] == []


def test_an_empty_file_and_a_missing_contract(stack: Stack, source: Source, tmp_path: Path) -> None:
    done = stack.run("request", str(source("emptied", orders="")))
    assert (done.returncode, "EMPTY_FILE" in done.stderr) == (2, True)
    done = stack.run("request", str(tmp_path / "none.yaml"))
    assert (done.returncode, "CONTRACT_NOT_FOUND" in done.stderr) == (2, True)


def test_a_bad_contract_pasted_into_the_form_ends_red_and_leaves_nothing(stack: Stack) -> None:
    api = stack.api("remy")
    assert api.trigger("pasted-1", {"contract_yaml": "apiVersion: v3.1.0\nkind: DataContract\n"})
    assert stack.wait_run("pasted-1") == "failed"
    assert "MISSING_KEY" in api.task_error("pasted-1", "request.open")
    assert "No request was opened" in api.task_error("pasted-1", "conclude")


def test_a_second_run_of_the_same_contract_is_refused_with_the_first_ones_name(stack: Stack, source: Source) -> None:
    contract = source("twice")
    request = ask(stack, contract)
    stack.wait(request, lambda o: o["gates"]["admission"]["open"])
    api = stack.api("remy")
    assert api.trigger("another-run", {"contract_yaml": contract.read_text(), "base": str(contract.parent)})
    assert stack.wait_run("another-run") == "failed"
    assert request in api.task_error("another-run", "request.open")
    assert len([r for r in stack.json("status") if r["source"] == "twice"]) == 1


@pytest.mark.parametrize("deleted", [False, True], ids=["marked failed", "deleted"])
def test_an_open_request_gets_its_run_back_when_it_is_asked_for_again(
    stack: Stack, source: Source, deleted: bool
) -> None:
    contract = source(f"revived_{int(deleted)}")
    request = ask(stack, contract)
    stack.wait(request, lambda o: o["gates"]["admission"]["open"])
    done = stack.run("decide", request, "--gate", "admission", "--role", "security", "--approve")
    assert done.returncode == 0, done.stderr
    run = f"{stack.url}/api/v2/dags/onboard_source/dagRuns/{request}"
    failed = airflows_answer("PATCH", run, json={"state": "failed"}, headers=stack.token("admin"))
    assert failed.status_code == 200
    if deleted:
        assert airflows_answer("DELETE", run, headers=stack.token("admin")).status_code == 204
    assert ask(stack, contract) == request
    for role, user in ROLES.items():
        if role != "security":
            done = stack.run("decide", request, "--gate", "admission", "--role", role, "--user", user, "--approve")
            assert done.returncode == 0, done.stderr
    reached = stack.wait(request, lambda o: o["state"] != "open" or o["gates"]["publication"]["open"])
    assert reached["state"] == "open", reached["reason"]
    assert len(reached["gates"]["admission"]["decisions"]) == 5
