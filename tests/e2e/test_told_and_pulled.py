"""The whole of telling and pulling on the real stack: who waits, in which order, who is told, and what is measured."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from running import PROJECT, Stack

from free_ports import free_ports
from sinks import Mailbox, Webhook, mailbox, webhook

pytestmark = pytest.mark.stack


class Told:
    """A stack with room for one request at admission, and everything it tells."""

    def __init__(self, stack: Stack, box: Mailbox, events: Webhook, lineage: Webhook) -> None:
        self.stack, self.box, self.events, self.lineage = stack, box, events, lineage

    def until(self, what: Callable[[], Any], seconds: float = 150) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := what()):
            assert time.monotonic() < deadline
            time.sleep(1)
        return found

    def queue(self) -> list[str]:
        return [w["source"] for w in self.stack.api("admin").get("/sluice/queue")[0]["queue"]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    home = tmp_path_factory.mktemp("told").resolve()
    policy = (PROJECT / "include" / "policy.yaml").read_text().replace("calendar: office", "calendar: continuous")
    (home / "policy.yaml").write_text(policy.replace("stages: {admission: 40, ", "stages: {admission: 1, "))
    airflow, aws, postgres = free_ports(3)
    with mailbox() as box, webhook() as events, webhook() as lineage:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "SLUICE", "AWS"))} | {
            "SLUICE_HOME": str(home / "home"), "SLUICE_AIRFLOW_PORT": str(airflow), "SLUICE_AWS_PORT": str(aws),
            "SLUICE_POSTGRES_PORT": str(postgres), "SLUICE_POLICY": str(home / "policy.yaml"),
            "SLUICE_NOTIFY_MAIL": box.url, "SLUICE_NOTIFY_EVENTS": f"cloudevents://token@127.0.0.1:{events.port}/hook",
            "SLUICE_OPENLINEAGE": f"http://127.0.0.1:{lineage.port}", "SLUICE_METRICS_TOKEN": "scrape-me",
        }  # fmt: skip
        stack = Stack(home / "home", environment)
        up = stack.run("up", timeout=400)
        assert up.returncode == 0, up.stdout + up.stderr
        try:
            yield Told(stack, box, events, lineage)
        finally:
            stack.close()
            stack.run("down")


def test_one_is_let_in_the_expedited_one_is_next_and_everybody_is_told(told: Told, source: Callable[..., Path]) -> None:
    stack = told.stack
    shop = stack.json("request", str(source("shop")))["id"]
    stack.wait(shop, lambda o: o["gates"]["admission"]["open"])
    stack.json("request", str(source("crm")))
    told.until(lambda: told.queue() == ["crm"])
    refused = stack.run("request", str(source("fire")), "--class", "expedite", "--json")
    assert refused.returncode == 2
    assert "It delays 1 that wait to start (crm)" in refused.stderr
    asked = stack.run("request", str(source("fire2")), "--class", "expedite", "--yes")
    assert asked.returncode == 0, asked.stderr
    told.until(lambda: told.queue() == ["fire2", "crm"])
    told.until(lambda: told.box.to("sara@example.org"))
    assert [str(m["subject"]) for m in told.box.to("sara@example.org")] == ["Your decision is needed: shop, admission"]
    assert [e["type"] for e in told.events.bodies if e["subject"] == shop] == ["sluice.asked"]

    stack.approve(shop, "admission")
    told.until(lambda: told.queue() == ["crm"])
    stack.wait(shop, lambda o: o["gates"]["publication"]["open"], 240)
    stack.approve(shop, "publication")
    stack.wait(shop, lambda o: o["state"] == "published", 240)
    told.until(lambda: any("is published" in str(m["subject"]) for m in told.box.to("remy@example.org")))
    done = told.until(
        lambda: [e for e in told.lineage.bodies if e["job"]["name"] == "shop.publish" and e["eventType"] == "COMPLETE"]
    )
    assert done[0]["outputs"][0]["facets"]["schema"]["fields"]


def test_prometheus_reads_with_its_token_and_nothing_else_does(told: Told) -> None:
    url = told.stack.url
    assert httpx.get(f"{url}/sluice/metrics").status_code == 401
    assert httpx.get(f"{url}/sluice/metrics", headers={"Authorization": "Bearer wrong"}).status_code in (401, 403)
    token = {"Authorization": "Bearer scrape-me"}
    scraped = httpx.get(f"{url}/sluice/metrics", headers=token, timeout=30)
    assert scraped.status_code == 200
    assert "onboarding_lead_time_seconds_count 1.0" in scraped.text
    assert httpx.get(f"{url}/sluice/requests", headers=token).status_code in (401, 403)


def test_rounds_are_green_and_short(told: Told) -> None:
    runs = told.stack.api("admin").get("/api/v2/dags/keep_flowing/dagRuns", limit="100")["dag_runs"]
    ended = [r for r in runs if r["state"] in ("success", "failed")]
    assert ended
    assert {r["state"] for r in ended} == {"success"}
