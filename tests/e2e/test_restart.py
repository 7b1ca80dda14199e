"""Everything is killed in the middle of landing, and again in the middle of a gate; the request still finishes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from running import PROJECT, ROLES, Stack, catalog_of, kill

from sluice.adapters.ledger import PostgresLedger, forget_connections
from sluice.cli.demo import deliver
from sluice.settings import load

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1200)]


def test_a_stack_killed_in_land_and_in_a_gate_finishes_without_a_duplicate_row(stack: Stack, tmp_path: Path) -> None:
    settings = load(stack.environment)
    deliver(settings)
    text = (PROJECT / "include" / "contracts" / "nyc_flights.odcs.yaml").read_text()
    assert "\nid: nyc_flights\n" in text
    contract = settings.sources / "again.odcs.yaml"
    contract.write_text(text.replace("\nid: nyc_flights\n", "\nid: nyc_again\n"))
    request = stack.json("request", str(contract))["id"]
    stack.approve(request, "admission")
    url = settings.ledger
    ledger = PostgresLedger(url)
    deadline = time.monotonic() + 60
    while True:
        with ledger.reading() as tx:
            if any(e.stage == "land" and e.event == "started" and e.table == "flights" for e in tx.events(request)):
                break
        assert time.monotonic() < deadline
    forget_connections(url)
    assert kill(stack) > 5
    up = stack.run("up")
    assert up.returncode == 0, up.stdout + up.stderr

    stack.wait(request, lambda o: o["gates"]["publication"]["open"], 400)
    signed = stack.run("decide", request, "--gate", "publication", "--role", "security", "--approve")
    assert signed.returncode == 0, signed.stderr
    assert kill(stack) > 5
    up = stack.run("up")
    assert up.returncode == 0, up.stdout + up.stderr
    assert f"{request} lands again" in up.stdout

    landed = stack.wait(request, lambda o: o["gates"]["publication"]["open"], 400)
    assert landed["gates"]["publication"]["missing"] == [r for r in ROLES if r != "security"], (
        "the same content keeps its signature"
    )
    for role, user in ROLES.items():
        if role != "security":
            done = stack.run("decide", request, "--gate", "publication", "--role", role, "--user", user, "--approve")
            assert done.returncode == 0, done.stderr
    done = stack.wait(request, lambda o: o["state"] != "open", 240)
    assert done["state"] == "published", done["reason"]
    assert stack.wait_run(request) == "success"

    with catalog_of(stack) as catalog:
        flights = catalog.load("nyc_again.flights")
        assert len(flights.snapshots()) == 1
        assert flights.scan(selected_fields=("carrier",)).to_arrow().num_rows == 336_776
    assert [r["state"] for r in stack.json("status") if r["source"] == "nyc_flights"] in ([], ["lost"]), (
        "the lake forgot it, and it shows"
    )
