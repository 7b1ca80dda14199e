"""Lineage through a real HTTP sink: every pass once, in OpenLineage's own models, replayed after an outage."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from made_up import histories, load
from sinks import Webhook, webhook
from sluice.adapters.lineage import emit, transport
from sluice.errors import TerminalError
from sluice.histories import Origin
from sluice.ledger import Artifact, Verdict
from sluice.onboarding import begin, complete, fail
from sluice.outbox import MessageState
from sluice.settings import Settings
from sluice.stages import Stage
from sluice.stream.lineage import read_lineage
from told import MONDAY, ROLES, World, a_world


@pytest.fixture
def sink() -> Iterator[Webhook]:
    with webhook() as hook:
        yield hook


@pytest.fixture
def world(services: Settings, ledger_url: str, tmp_path: Path, sink: Webhook) -> Iterator[World]:
    with a_world(services, ledger_url, tmp_path) as made:
        settings = dataclasses.replace(made.tools.settings, openlineage=f"http://127.0.0.1:{sink.port}")
        made.tools = dataclasses.replace(made.tools, settings=settings)
        yield made


def onboarded(world: World) -> str:
    """A request through every stage."""
    with world.tools.ledger.transaction() as tx:
        request = world.requested(tx, use_case="Churn")
        world.asked(tx, request)
    for role in ROLES:
        world.decided(request, role)
    manifest = {"rows_staged": 7}
    report = {"results": [{"name": "id is unique", "success": True, "column": "id", "severity": "error"},
                          {"name": "broken", "success": None, "column": None, "severity": "error"}]}  # fmt: skip
    content: dict[Stage, Any] = {Stage.LAND: manifest, Stage.PROFILE: {}, Stage.CHECK: report}
    with world.tools.ledger.transaction() as tx:
        for stage, found in content.items():
            begin(tx, request.id, stage, world.now, table="orders")
            complete(tx, request, stage, world.now, table="orders", found=Artifact(stage, "orders", "a" * 64, found))
        from sluice.approval import open_gate

        open_gate(tx, request.id, Stage.PUBLICATION, Artifact(Stage.PUBLICATION, None, "f" * 64, {}), world.now)
    for role, who in ROLES.items():
        from sluice.approval import Choice, decide

        with world.tools.ledger.transaction() as tx:
            decide(
                tx,
                world.tools.policy(),
                Choice(request.id, Stage.PUBLICATION, role, Verdict.APPROVE, who, "", "f" * 64),
                world.now,
            )
    entry = {"identifier": "shop.orders", "location": "s3://lake/tables/shop/orders"}
    with world.tools.ledger.transaction() as tx:
        begin(tx, request.id, Stage.REGISTER, world.now, table="orders")
        complete(
            tx,
            request,
            Stage.REGISTER,
            world.now,
            table="orders",
            found=Artifact(Stage.REGISTER, "orders", "b" * 64, entry),
        )
        begin(tx, request.id, Stage.PUBLISH, world.now)
        snapshots = {"orders": {"identifier": "shop.orders", "rows": 7, "snapshot_id": 1}}
        complete(tx, request, Stage.PUBLISH, world.now, found=Artifact(Stage.PUBLISH, None, "c" * 64, snapshots))
    return request.id


def round_(world: World) -> None:
    while read_lineage(world.tools):
        pass
    world.tell()


def test_every_stage_starts_and_completes_with_what_it_read_and_wrote(world: World, sink: Webhook) -> None:
    request = onboarded(world)
    round_(world)
    events = sink.bodies
    stages = [(e["job"]["name"], e["eventType"]) for e in events]
    for stage in Stage:
        assert stages.count((f"shop.{stage}", "START")) == stages.count((f"shop.{stage}", "COMPLETE")) == 1, stage
    runs: dict[str, set[str]] = {}
    for e in events:
        runs.setdefault(e["job"]["name"], set()).add(e["run"]["runId"])
        facet = e["run"]["facets"]["sluice_onboarding"]
        assert (facet["requestId"], facet["attempt"], facet["useCase"]) == (request, 1, "Churn")
        assert e["schemaURL"].startswith("https://openlineage.io/spec/")
        assert e["run"]["facets"]["parent"]["job"]["name"] == "shop.onboarding"
    assert all(len(ids) == 1 for ids in runs.values()), "start and end are one run"
    done = {e["job"]["name"]: e for e in events if e["eventType"] == "COMPLETE"}
    land = done["shop.land"]
    assert [d["name"] for d in land["inputs"]] == ["shop/orders.csv"]
    assert land["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 7
    assertions = done["shop.check"]["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert [(a["assertion"], a["success"], a["column"]) for a in assertions] == [("id is unique", True, "id")]
    (published,) = done["shop.publish"]["outputs"]
    assert (published["namespace"], published["name"]) == ("s3://lake", "tables/shop/orders")
    assert [f["name"] for f in published["facets"]["schema"]["fields"]] == ["id"]
    assert published["facets"]["symlinks"]["identifiers"][0]["name"] == "shop.orders"
    text = json.dumps(events)
    assert not [who for who in (*ROLES.values(), "remy") if f'"{who}"' in text], "no person is named"


def test_an_outage_loses_nothing_and_repeats_nothing(world: World, sink: Webhook) -> None:
    onboarded(world)
    sink.status = 503
    round_(world)
    refused = len(sink.calls)
    assert refused <= 3, "a sink that is down is not hammered"
    sink.status, sink.calls[:] = 200, []
    for _ in range(3):
        world.now += timedelta(minutes=5)
        round_(world)
    assert len(sink.calls) == 2 * len(Stage)
    ids = [(e["run"]["runId"], e["eventType"]) for e in sink.bodies]
    assert len(set(ids)) == len(ids)


def test_a_failure_that_is_final_fails_and_one_that_is_tried_again_does_not(world: World, sink: Webhook) -> None:
    with world.tools.ledger.transaction() as tx:
        request = world.requested(tx)
        fail(tx, request.id, Stage.ADMISSION, world.now, "[TIMEOUT] S3", final=False)
    round_(world)
    assert "FAIL" not in [e["eventType"] for e in sink.bodies]
    with world.tools.ledger.transaction() as tx:
        fail(tx, request.id, Stage.ADMISSION, world.now, "[EMPTY_FILE] orders.csv")
    round_(world)
    (failed,) = [e for e in sink.bodies if e["eventType"] == "FAIL"]
    assert failed["run"]["facets"]["errorMessage"]["message"] == "[EMPTY_FILE] orders.csv"


def test_a_no_aborts(world: World, sink: Webhook) -> None:
    with world.tools.ledger.transaction() as tx:
        request = world.requested(tx)
        world.asked(tx, request)
    world.decided(request, "security", Verdict.REJECT, "no licence")
    round_(world)
    assert [(e["job"]["name"], e["eventType"]) for e in sink.bodies][-1] == ("shop.admission", "ABORT")


def test_simulated_history_is_no_lineage(world: World, sink: Webhook) -> None:
    load(world.tools.ledger, list(histories(5, now=MONDAY, origin=Origin.SIMULATED)))
    round_(world)
    assert sink.calls == []


def test_without_a_transport_nothing_is_read_and_with_one_the_history_is_told(world: World, sink: Webhook) -> None:
    configured = world.tools
    world.tools = dataclasses.replace(configured, settings=dataclasses.replace(configured.settings, openlineage=None))
    onboarded(world)
    round_(world)
    with world.tools.ledger.reading() as tx:
        assert "lineage" not in {lane for lane, _ in tx.message_counts()}
    world.tools = configured
    round_(world)
    assert len(sink.calls) == 2 * len(Stage)


def test_the_transport_is_configurable(tmp_path: Path) -> None:
    file = tmp_path / "lineage.jsonl"
    emit(f"file:{file}", {"eventType": "START"})
    emit(f"file:{file}", {"eventType": "COMPLETE"})
    assert [json.loads(line)["eventType"] for line in file.read_text().splitlines()] == ["START", "COMPLETE"]
    assert transport('{"type": "kafka", "topic": "x"}')["type"] == "kafka"
    with pytest.raises(TerminalError, match="LINEAGE_TRANSPORT"):
        transport("somewhere")


def test_dead_lineage_is_sent_again_on_request(world: World, sink: Webhook) -> None:
    onboarded(world)
    world.tools = dataclasses.replace(
        world.tools, settings=dataclasses.replace(world.tools.settings, openlineage="nonsense")
    )
    round_(world)
    with world.tools.ledger.transaction() as tx:
        dead = tx.messages(state=MessageState.DEAD, lane="lineage", limit=1000)
        assert len(dead) == 2 * len(Stage)
        tx.retry_messages([m.seq for m in dead], world.now)
    world.tools = dataclasses.replace(
        world.tools, settings=dataclasses.replace(world.tools.settings, openlineage=f"http://127.0.0.1:{sink.port}")
    )
    world.tell()
    assert len(sink.calls) == len(dead)
