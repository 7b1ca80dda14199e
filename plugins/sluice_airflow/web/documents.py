"""Data Docs: what the checks of a request found, as Great Expectations renders it."""

from html import escape
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from sluice import data_docs
from sluice.adapters.gx.data_docs import index_page
from sluice.errors import RefusedError, SourceError
from sluice.onboarding import found
from sluice.stages import Stage
from sluice_airflow.web.access import existing, tools

routes = APIRouter()
PAGE_POLICY = "sandbox allow-same-origin; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
"""A kept page loads nothing and runs nothing; only pages of this server may frame it.

It keeps its origin, or the browser would take the way back for a stranger's link and leave the log-in at home.
"""
_BODY = "<body>\n"


@routes.get("/requests/{request_id}/data-docs", response_class=HTMLResponse)
def show_data_docs(asked: Request, request_id: str) -> HTMLResponse:
    """The tables of a request whose checks have run, each with a link to its Data Docs."""
    with tools().ledger.reading() as tx:
        request = existing(tx, request_id)
        checks = found(tx, request, Stage.CHECK)
    pages = {name: f"data-docs/{name}" for name, docs in data_docs.kept(checks).items() if "page" in docs}
    return _page(asked, request_id, index_page(request.source, checks, pages))


@routes.get("/requests/{request_id}/data-docs/{table:path}", response_class=HTMLResponse)
def show_table_docs(asked: Request, request_id: str, table: str) -> HTMLResponse:
    """What the checks of a table found: the Data Docs that Great Expectations' renderers made, as they were kept."""
    with tools().ledger.reading() as tx:
        uri = data_docs.page_uri(tx, existing(tx, request_id), table)
    try:
        return _page(asked, request_id, tools().store.read(uri).decode())
    except SourceError as error:
        raise RefusedError(
            "NO_DATA_DOCS", f"the page of {table!r} is not in the lake any more", where=uri, status=404
        ) from error


def _page(asked: Request, request_id: str, html: str) -> HTMLResponse:
    below = asked.url.path.split("/requests/", 1)[-1]
    address = f"{'../' * (below.count('/') + 1)}pages/requests/{quote(request_id, safe='')}/evidence?gate=publication"
    back = f'<p><a href="{escape(address)}">Back to the evidence</a></p>\n'
    return HTMLResponse(
        html.replace(_BODY, _BODY + back, 1),
        headers={"Content-Security-Policy": PAGE_POLICY, "Referrer-Policy": "no-referrer"},
    )
