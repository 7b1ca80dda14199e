"""The page of all requests: what was asked for, and how it stands."""

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from sluice.overview import request_line
from sluice_airflow.web.access import tools
from sluice_airflow.web.pages import NAVIGATION, pages, show

NAVIGATION.append(("requests", "Requests"))


@pages.get("/requests")
def requests_page(request: Request, state: Annotated[str, Query()] = "") -> HTMLResponse:
    """Every request, newest first; of one state if asked."""
    with tools().ledger.reading() as tx:
        lines = [request_line(r) for r in reversed(tx.requests())]
    states = sorted({line["state"] for line in lines})
    chosen = [line for line in lines if state in ("", line["state"])]
    return show(request, "requests.html.jinja", lines=chosen, states=states, state=state)
