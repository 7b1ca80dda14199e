"""The inbox page: what waits for the person who looks, being away, and what that person has decided."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from sluice.approval import BACK_TO, roles_now
from sluice.review.absence import coming, zone_of
from sluice.review.inbox import history, inbox
from sluice.review.objecting import objections
from sluice_airflow.web.access import tools
from sluice_airflow.web.pages import pages, show
from sluice_airflow.web.people import person

HISTORY = 20


@pages.get("/inbox")
def inbox_page(request: Request, user: GetUserDep, run: Annotated[str | None, Query()] = None) -> HTMLResponse:
    """What waits for me; of one DAG run if asked (the tab on the run)."""
    me, policy, now = person(user), tools().policy(), tools().now()
    with tools().ledger.reading() as tx:
        found = inbox(tx, policy, me, now, run_id=run)
        decided = [] if run else history(tx, me.name, HISTORY)
        objecting = objections(tx, policy, me, now, run_id=run)
        here = tx.request_of_run(run) if run else None
        delegations = tx.delegations()
    rights = roles_now(policy, delegations, me, now)
    own, owner = policy.roles_of(me.name, me.groups), policy.is_owner(me.name, me.groups)
    return show(
        request,
        "inbox.html.jinja",
        me=me.name,
        roles=[(policy.roles[name], right.on_behalf_of) for name, right in rights.items()],
        own=own,
        waiting=found.waiting,
        now=now,
        more=found.more,
        objecting=objecting,
        back_to=BACK_TO,
        several=[w for w in found.waiting if w.bulk],
        decided=decided,
        run=run,
        request_here=here,
        owner=owner,
        everybodys=list(policy.roles),
        absences=[] if run else coming(delegations, None if owner else me.name, now),
        zone=zone_of(policy, own),
        today=now.astimezone(zone_of(policy, own)).date(),
    )
