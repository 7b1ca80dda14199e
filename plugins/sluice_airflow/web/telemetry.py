"""Prometheus' door: /sluice/metrics, for those who are logged in at Airflow, or who show the scrape token."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
import hmac

from fastapi import APIRouter, Request
from fastapi.responses import Response

from sluice.adapters.prometheus import CONTENT_TYPE, exposition
from sluice.errors import TransientError
from sluice.pull.floor import STRETCHES, Floor
from sluice.stages import GATES
from sluice.telemetry.metrics import flow_metrics, outbox_metric
from sluice_airflow.web.access import tools
from sluice_airflow.web.flow import all_lines

routes = APIRouter()
READING_SECONDS = 8.0
"""How long a scrape may read new history; Prometheus waits for twenty seconds (include/deploy/prometheus.yaml)."""


@routes.get("/metrics")
def metrics() -> Response:
    """The flow's metrics in Prometheus' text format."""
    return scrape()


def scrape() -> Response:
    """What a scrape gets."""
    lines, behind = all_lines(READING_SECONDS)
    if behind:  # a counter that is too low would look like a restart
        raise TransientError(
            "METRICS_BEHIND", f"{behind:,} events are still to be read", mend="The next scrape goes on."
        )
    now, policy = tools().now(), tools().policy()
    limits = policy.wip
    with tools().ledger.reading() as tx:
        # Each counter is there from the start: one that appears as 1 has not increased, to Prometheus.
        returns = {(gate.value, role): 0 for gate in GATES for role in policy.roles} | tx.return_counts()
        counts = tx.message_counts()
        floor = Floor.now(tx, limits)
        held = {entry: len(floor.turn(entry)[1]) for entry in STRETCHES}
    return Response(
        exposition([*flow_metrics(lines, returns, held, now), outbox_metric(counts)]), media_type=CONTENT_TYPE
    )


def may_scrape(request: Request) -> bool:
    """Whether this is a scrape that shows the token of SLUICE_METRICS_TOKEN; without one, nobody may without a log-in."""
    token = tools().settings.metrics_token
    if not token or request.method != "GET" or not request.url.path.endswith("/sluice/metrics"):
        return False
    shown = request.headers.get("authorization", "")
    return hmac.compare_digest(shown.encode(), f"Bearer {token}".encode())
