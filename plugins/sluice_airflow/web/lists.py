"""The page of all requests: what was asked for, and how it stands."""

from typing import Annotated, Any

import numpy as np
from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from sluice.insight.packing import Counts
from sluice.insight.pools import WORDS
from sluice.overview import request_line
from sluice_airflow.web.access import tools
from sluice_airflow.web.flow import Chosen_
from sluice_airflow.web.pages import pages, show

SHOWN = 300
"""Requests on the page, the newest first; the filters find the others."""


@pages.get("/requests")
def requests_page(
    request: Request,
    sight: Chosen_,
    state: Annotated[str, Query(max_length=32)] = "",
    source: Annotated[str, Query(max_length=63)] = "",
) -> HTMLResponse:
    """Requests, newest first; of one state, or whose source's name contains some letters."""
    known = sight.chosen.all
    which = np.ones(len(known), dtype=np.bool_)
    if state:
        which &= known.named("state", state)
    if source:
        which &= _containing(known.codes("source"), source.lower())
    found = known.ids[which][::-1]
    newest = [str(i) for i in found[:SHOWN]]
    with tools().ledger.reading() as tx:
        by_id = {r.id: r for r in tx.requests_of(newest)}
    lines = [request_line(by_id[i]) for i in newest]
    states = known.distinct("state")
    return show(
        request, "requests.html.jinja", lines=lines, states=states, state=state, source=source, count=len(found),
        simulated=sight.chosen.simulated, both=sight.chosen.both, data=sight.chosen.choice.data,
    )  # fmt: skip


def _containing(codes: Counts, letters: str) -> Any:
    """Which of the names contain these letters; each name is looked at once."""
    found = [code for code in np.flatnonzero(np.bincount(codes)) if letters in str(WORDS.names()[code]).lower()]
    return np.isin(codes, found)
