"""`python -m bench.pending_approvals`: what a thousand pending approvals cost a triggerer, and how soon a decision is seen.

A fresh PostgreSQL, five signatures asked of each of two hundred requests, their thousand triggers in one event loop as
the triggerer runs them. First nothing happens for a minute: that is what waiting costs. Then somebody decides every two
seconds, and the time from the decision to the trigger's event is taken; Airflow's own resumption comes on top.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.flow_pages import ledger

ROLES = {"business": "bea", "compliance": "carl", "security": "sara", "governance": "gus", "architecture": "ada"}
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: source_{number}
version: 1.0.0
status: active
servers: [{{server: files, type: local, path: shop, format: csv}}]
schema: [{{name: orders, properties: [{{name: id, logicalType: integer, classification: public}}]}}]
"""
DIGEST = "e" * 64
CPU_LIMIT, SEEN_LIMIT = 0.05, 20.0


def main() -> int:
    """Fill, wait, decide; prints the figures, and fails when a limit is broken."""
    parser = argparse.ArgumentParser(prog="bench.pending_approvals", description=__doc__)
    parser.add_argument("--pending", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--decisions", type=int, default=20)
    given = parser.parse_args()
    with ledger() as settings:
        os.environ["SLUICE_LEDGER_URL"] = settings.ledger
        requests = fill(settings.ledger, given.pending // len(ROLES))
        figures = asyncio.run(measure(settings.ledger, requests, given.seconds, given.decisions))
    print(json.dumps(figures, indent=2))
    good = figures["waiting_share_of_a_core"] <= CPU_LIMIT and figures["seen_seconds"]["most"] <= SEEN_LIMIT
    return 0 if good else 1


def fill(url: str, requests: int) -> list[str]:
    """Requests that wait at admission for all five roles."""
    from sluice.adapters.ledger import PostgresLedger
    from sluice.approval import open_gate
    from sluice.contract.reading import read_contract
    from sluice.ledger import Artifact
    from sluice.onboarding import Ask, open_request
    from sluice.policy import load_policy
    from sluice.stages import Stage

    policy, now = load_policy(Path("include/policy.yaml")), datetime.now(UTC)
    made = []
    with PostgresLedger(url).transaction() as tx:
        for number in range(requests):
            contract = read_contract(CONTRACT.format(number=number))
            request = open_request(
                tx, contract, Ask("remy"), policy, run_id=f"run-{number}", requested_at=now, started_at=now, now=now
            )
            open_gate(tx, request.id, Stage.ADMISSION, Artifact(Stage.ADMISSION, None, DIGEST, {}), now)
            made.append(request.id)
    return made


async def measure(url: str, requests: list[str], seconds: float, decisions: int) -> dict[str, Any]:
    """CPU time of this process while everything waits, then the seconds from each decision to its event."""
    from sluice_airflow.approvals import QUIET_SECONDS, ApprovalTrigger

    seen: dict[tuple[str, str], float] = {}

    async def wait(request: str, role: str) -> None:
        async for _ in ApprovalTrigger(request, "admission", role).run():
            seen[request, role] = time.monotonic()

    tasks = [asyncio.create_task(wait(request, role)) for request in requests for role in ROLES]
    began = time.process_time()
    await asyncio.sleep(QUIET_SECONDS + 30)
    first_look = time.process_time() - began
    cpu, wall = time.process_time(), time.monotonic()
    await asyncio.sleep(seconds)
    waiting = (time.process_time() - cpu) / (time.monotonic() - wall)

    decided: dict[tuple[str, str], float] = {}
    cpu, wall = time.process_time(), time.monotonic()
    for number in range(decisions):
        request, role = requests[number % len(requests)], list(ROLES)[number % len(ROLES)]
        await asyncio.to_thread(decide, url, request, role)
        decided[request, role] = time.monotonic()
        await asyncio.sleep(2)
    busy = (time.process_time() - cpu) / (time.monotonic() - wall)
    await asyncio.sleep(10)
    waits = [seen[key] - at if key in seen else float("inf") for key, at in decided.items()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {
        "pending": len(tasks),
        "first_look_cpu_seconds": round(first_look, 2),
        "waiting_share_of_a_core": round(waiting, 4),
        "deciding_share_of_a_core": round(busy, 4),
        "seen_seconds": {
            "median": round(statistics.median(waits), 2),
            "most": round(max(waits), 2),
            "decisions": len(waits),
        },
    }


def decide(url: str, request: str, role: str) -> None:
    """Approve, as the role's only member."""
    from sluice.adapters.ledger import PostgresLedger
    from sluice.approval import Choice
    from sluice.approval import decide as record
    from sluice.ledger import Verdict
    from sluice.policy import load_policy
    from sluice.stages import Stage

    policy = load_policy(Path("include/policy.yaml"))
    with PostgresLedger(url).transaction() as tx:
        record(
            tx,
            policy,
            Choice(request, Stage.ADMISSION, role, Verdict.APPROVE, ROLES[role], "", DIGEST),
            datetime.now(UTC),
        )


if __name__ == "__main__":
    sys.exit(main())
