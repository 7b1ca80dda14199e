"""One source from its first day to its last through the real scheduler: refreshed, taken back, paid for, ended by two people."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from running import Stack
from test_onboarding import ask, exists, published

pytestmark = pytest.mark.stack


def started(stack: Stack, dag: str, conf: dict[str, Any], user: str = "remy", seconds: float = 180) -> str:
    """A run of the DAG, as soon as Airflow knows it, to its end; how it ended."""
    deadline, api = time.monotonic() + seconds, stack.api(user)
    while True:
        answer = httpx.post(
            f"{stack.url}/api/v2/dags/{dag}/dagRuns", json={"conf": conf, "logical_date": None}, headers=stack.token(user)
        )  # fmt: skip
        if answer.status_code == 200:
            break
        assert answer.status_code == 404 and time.monotonic() < deadline, answer.text
        time.sleep(1)
    run = answer.json()["dag_run_id"]
    while (state := api.get(f"/api/v2/dags/{dag}/dagRuns/{run}")["state"]) not in ("success", "failed"):
        assert time.monotonic() < deadline, state
        time.sleep(1)
    return str(state)


def test_a_source_lives_and_ends(stack: Stack, source: Callable[..., Path]) -> None:
    contract = source("life")
    request = ask(stack, contract)
    for gate in ("admission", "publication"):
        stack.approve(request, gate)
    assert stack.wait(request, lambda o: o["state"] != "open")["state"] == "published"

    orders = contract.parent / "orders.csv"
    orders.write_text("id,Placed on,amount\n1,2026-01-31,10.50\n3,2026-02-03,4.00\n")
    assert started(stack, "refresh_life", {}) == "success"
    good = published(stack, "life.orders")
    assert sorted(r["id"] for r in good) == [1, 3]
    events = stack.api("admin").get("/api/v2/assets/events")["asset_events"]
    extras = [e["extra"] for e in events if e["uri"] == "glue://life/orders" and "refresh_id" in e["extra"]]
    assert [e["rows"] for e in extras] == [2], "whoever subscribed to the table runs now"

    orders.write_text("id,Placed on,amount\n1,2026-01-31,-10.50\n3,2026-02-03,-4.00\n")
    assert started(stack, "refresh_life", {}) == "success", "no check knows that amounts are not negative"
    assert started(stack, "restore_source", {"source": "life", "reason": "amounts are negative"}) == "success"
    assert published(stack, "life.orders") == good
    incident = stack.json("incident", "show", "life")
    assert incident["open"] and incident["owner"] == "olga" and incident["measured"]["restore"]["seconds"] < 30
    blocked = stack.run("refresh", "life", "--user", "remy")
    assert blocked.returncode == 1 and "INCIDENT_OPEN" in blocked.stderr
    assert stack.run("incident", "close", "life", "--user", "bea").returncode == 2, "it needs its cause"
    closed = stack.json("incident", "close", "life", "--user", "bea", "--cause", "a sign was lost in the export")
    assert not closed["open"] and "bea closed it" in closed["timeline"][-2]["text"] + closed["timeline"][-1]["text"]
    same = stack.run("refresh", "life")
    assert same.returncode == 2 and "TAKEN_BACK" in same.stderr, "the same file is still what an incident took back"

    (costs,) = stack.json("cost", "life")["sources"]
    assert costs["runs"] >= 3 and costs["compute_seconds"] > 0 and costs["bytes_stored"]["warehouse"] > 0
    focus = stack.run("cost", "life", "--focus", "-")
    assert focus.returncode == 0 and len(focus.stdout.splitlines()) > 5

    asked = {"source": "life", "what": "ask", "reason": "the shop closed", "destroy": True}
    assert started(stack, "offboard_source", asked) == "success"
    assert exists(stack, "life.orders"), "one person ends nothing"
    own = stack.run("offboard", "life", "--approve", "--user", "remy")
    assert own.returncode == 1 and "OWN_REQUEST" in own.stderr
    ended = stack.json("offboard", "life", "--approve", "--user", "gus")
    assert ended["state"] == "done" and ended["data"]["fate"] == "destroyed"
    assert (ended["asked_by"], ended["agreed_by"]) == ("remy", "gus")
    assert not exists(stack, "life.orders") and stack.json("status", request)["state"] == "offboarded"
