"""The ready queue: what waits to start, in which order and why; and what one more expedited request would delay."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from sluice.pull.expediting import cost_of_expediting
from sluice.pull.floor import STRETCHES, Floor
from sluice.pull.queue import entries
from sluice_airflow.web.access import tools
from sluice_airflow.web.pages import pages, show

routes = APIRouter()


@routes.get("/queue")
def ready_queue() -> list[dict[str, Any]]:
    """Each entry of the stream: its room, and what is ready there in the order in which it will start."""
    limits, now = tools().policy().wip, tools().now()
    with tools().ledger.reading() as tx:
        return entries(Floor.now(tx, limits), now)


@routes.get("/queue/expedite")
def expedite() -> dict[str, Any]:
    """What an expedited request would delay if it were asked for now, in days and in words."""
    with tools().ledger.reading() as tx:
        return cost_of_expediting(tx, tools().policy(), tools().now()).as_dict()


@pages.get("/queue")
def queue_page(request: Request) -> HTMLResponse:
    """What waits to start."""
    policy, now = tools().policy(), tools().now()
    limits = policy.wip
    with tools().ledger.reading() as tx:
        floor = Floor.now(tx, limits)
        found = entries(floor, now)
        cost = cost_of_expediting(tx, policy, now).as_dict()
    held = sum(len(e["queue"]) for e in found)
    return show(request, "queue.html.jinja", entries=found, cost=cost, held=held, started=floor.started,
                total=limits.total, known=len(STRETCHES))  # fmt: skip
