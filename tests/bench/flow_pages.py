"""`python -m bench.flow_pages`: how fast the flow pages answer when the ledger holds a hundred thousand requests.

A fresh PostgreSQL (as on a laptop, writing to the disk), a simulated history, the real web app on a real port; every
page and JSON route is asked for in turn, with other filters each time. A tenth of the requests come after a new event
was written, so that renewing what the pages read is in the times.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

PAGES = ("scoreboard", "board", "board?lanes=use_case", "stream", "flow", "forecast", "what-if", "requests")
ROUTES = ("flow", "board")
FILTERS = ("", "tier=low", "days=365", "days=30", "use_case=use+case+7", "days=0", "tier=high&days=180")
LIMIT = 0.300


def main() -> int:
    """Load, read, measure; prints the figures, and fails when the 95th percentile is above the limit."""
    parser = argparse.ArgumentParser(prog="bench.flow_pages", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--home", type=Path, help="keep the database in this folder, to measure again without loading")
    given = parser.parse_args()
    with ledger(given.home) as settings:
        from sluice.stream.tools import connect

        tools = connect(settings)
        events = load(tools, given.requests)
        reading = read(tools)
        with server(tools) as address:
            found = measure(tools, address, given.rounds)
    everything = [t for own in found.values() for t in own]
    print(
        f"{given.requests:,} requests, {events:,} events; read once in {reading:.0f} s; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print("| page | wall p50 | wall p95 | CPU p50 | CPU p95 | n |\n|---|---:|---:|---:|---:|---:|")
    for name, own in [*found.items(), ("all", everything)]:
        wall, cpu = ([t[i] for t in own] for i in (0, 1))
        cells = [f"{quantile(v, q) * 1000:.0f} ms" for v in (wall, cpu) for q in (0.5, 0.95)]
        print(f"| {name} | {' | '.join(cells)} | {len(own)} |")
    return 0 if quantile([t[0] for t in everything], 0.95) <= LIMIT else 1


@contextmanager
def ledger(kept: Path | None = None) -> Iterator[Any]:
    """Settings of a PostgreSQL of its own with a migrated ledger."""
    from free_ports import free_ports
    from sluice.adapters.ledger import forget_connections, migrate
    from sluice.settings import load as settings_of
    from sluice.stack import postgres

    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as home:
        settings = settings_of({"SLUICE_HOME": str(kept or home), "SLUICE_POSTGRES_PORT": str(port)})
        postgres.start(settings)
        postgres.wait(settings)
        try:
            migrate(settings.ledger)
            yield replace(settings, lake="s3://nothing")
        finally:
            forget_connections(settings.ledger)
            postgres.stop(settings)


def load(tools: Any, requests: int) -> int:
    """A simulated history, in the bulk."""
    from bench.simulated_load import load_many
    from sluice.simulation.scenarios import SLUICE

    begun = time.monotonic()
    with tools.ledger.reading() as tx:
        if tx.newest_event():
            return int(tx.newest_event())
    # A company's worth of approvers, so that the history ends as it goes instead of queueing for ever.
    roles = {name: replace(role, people=1000) for name, role in SLUICE.roles.items()}
    scenario = replace(SLUICE, per_week=500.0, roles=roles)
    signatures = {"admission": ["security"], "publication": ["security"]}
    with tools.ledger.transaction() as tx:
        count = load_many(tx, scenario, requests=requests, now=datetime.now(UTC), seed=1, signatures=signatures)
        tx.add_baseline(measured_before())
    print(f"loaded in {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return int(count)


def measured_before() -> Any:
    """A frozen history of 2,000 tickets, which the scoreboard compares with."""
    from sluice.flow.baseline import freeze
    from sluice.histories import Obtained, PastCase

    dice, end = random.Random(2), datetime(2026, 1, 1, tzinfo=UTC)
    leads = [86400 * dice.gammavariate(6, 3.5) for _ in range(2000)]
    past = [
        PastCase(f"T-{i}", "published", dice.choice(("low", "medium", "high")), "", end - timedelta(seconds=s), end, s)
        for i, s in enumerate(leads)
    ]
    return freeze(past, name="tickets", obtained=Obtained.MEASURED, statement="made up", digest="d" * 64, form="csv",
                  now=end, by="bench")  # fmt: skip


def read(tools: Any) -> float:
    """Make every request's line; seconds."""
    from sluice.insight.reading import catch_up

    begun = time.monotonic()
    catch_up(tools.ledger, lambda: True, tools.policy().calendar_of)
    return time.monotonic() - begun


@contextmanager
def server(tools: Any) -> Iterator[str]:
    """The web app without a log-in."""
    import uvicorn
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi import FastAPI

    from free_ports import free_ports
    from sluice_airflow.web import access
    from sluice_airflow.web.app import app

    access.connect = lambda: tools  # type: ignore[assignment]
    app.dependency_overrides |= {
        access.readers: lambda: None, get_user: lambda: SimpleAuthManagerUser(username="olga", role="user"),
    }  # fmt: skip
    outer = FastAPI()
    outer.mount("/sluice", app)
    (port,) = free_ports(1)
    running = uvicorn.Server(uvicorn.Config(outer, host="127.0.0.1", port=port, log_level="warning", ws="none"))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}/sluice"
    finally:
        running.should_exit = True
        thread.join(10)


def measure(tools: Any, address: str, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Seconds of every answer, by page: on the wall, and of this process (the server, and the client's little)."""
    import httpx

    from sluice.histories import Origin
    from sluice.ledger import RequestState
    from sluice.stages import Event, Stage

    dice = random.Random(1)
    with tools.ledger.reading() as tx:
        alive = [r.id for r in tx.requests(state=RequestState.OPEN, origin=Origin.SIMULATED)]
    addresses = {p: f"{address}/pages/{p}" for p in PAGES} | {f"GET /sluice/{r}": f"{address}/{r}" for r in ROUTES}
    addresses["request"] = f"{address}/pages/requests/{alive[0]}"
    found: dict[str, list[tuple[float, float]]] = {}
    with httpx.Client(timeout=120) as client:
        begun = time.monotonic()
        client.get(addresses["board"]).raise_for_status()
        print(f"first page of the process in {time.monotonic() - begun:.1f} s", file=sys.stderr)
        for number in range(rounds):
            for name, at in addresses.items():
                if dice.random() < 0.1:
                    with tools.ledger.transaction() as tx:
                        tx.append(
                            dice.choice(alive), Stage.ADMISSION, 1, Event.PAUSED, datetime.now(UTC), reason_code="other"
                        )
                query = FILTERS[number % len(FILTERS)]
                url = at + (("&" if "?" in at else "?") + query if query and name != "request" else "")
                begun, worked = time.monotonic(), time.process_time()
                client.get(url).raise_for_status()
                found.setdefault(name, []).append((time.monotonic() - begun, time.process_time() - worked))
    Path(os.environ.get("BENCH_OUT", os.devnull)).write_text(json.dumps(found))
    return found


def quantile(values: list[float], share: float) -> float:
    """The value at this share, nearest rank."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


if __name__ == "__main__":
    sys.exit(main())
