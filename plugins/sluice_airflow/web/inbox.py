"""The inbox page: what waits for the person who looks, and what that person has decided."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from sluice.review.inbox import history, waiting_for
from sluice_airflow.web.access import tools
from sluice_airflow.web.pages import NAVIGATION, pages, show

NAVIGATION.append(("inbox", "Inbox"))

HISTORY = 20


@pages.get("/inbox")
def inbox_page(request: Request, user: GetUserDep, run: Annotated[str | None, Query()] = None) -> HTMLResponse:
    """What waits for me; of one DAG run if asked (the tab on the run)."""
    me, policy, now = user.get_name(), tools().policy(), tools().now()
    with tools().ledger.reading() as tx:
        waiting = waiting_for(tx, policy, me, now, run_id=run)
        decided = [] if run else history(tx, me, HISTORY)
        here = next((r for r in tx.requests() if r.run_id == run), None) if run else None
    return show(
        request,
        "inbox.html.jinja",
        me=me,
        roles=[policy.roles[name] for name in policy.roles_of(me)],
        waiting=waiting,
        decided=decided,
        run=run,
        request_here=here,
    )
