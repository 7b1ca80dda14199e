"""Data Docs: what the checks of a request found, as Great Expectations renders it."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from sluice import data_docs
from sluice.adapters.gx.data_docs import index_page
from sluice.errors import RefusedError, SourceError
from sluice.onboarding import found
from sluice.stages import Stage
from sluice_airflow.web.access import existing, tools

routes = APIRouter()
PAGE_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
"""A kept page loads nothing and runs nothing; only pages of this server may frame it."""


@routes.get("/requests/{request_id}/data-docs", response_class=HTMLResponse)
def show_data_docs(request_id: str) -> HTMLResponse:
    """The tables of a request whose checks have run, each with a link to its Data Docs."""
    with tools().ledger.reading() as tx:
        request = existing(tx, request_id)
        checks = found(tx, request, Stage.CHECK)
    pages = {name: f"data-docs/{name}" for name, docs in data_docs.kept(checks).items() if "page" in docs}
    return _page(index_page(request.source, checks, pages))


@routes.get("/requests/{request_id}/data-docs/{table:path}", response_class=HTMLResponse)
def show_table_docs(request_id: str, table: str) -> HTMLResponse:
    """What the checks of a table found: the Data Docs that Great Expectations' renderers made, as they were kept."""
    with tools().ledger.reading() as tx:
        uri = data_docs.page_uri(tx, existing(tx, request_id), table)
    try:
        return _page(tools().store.read(uri))
    except SourceError as error:
        raise RefusedError(
            "NO_DATA_DOCS", f"the page of {table!r} is not in the lake any more", where=uri, status=404
        ) from error


def _page(html: str | bytes) -> HTMLResponse:
    return HTMLResponse(html, headers={"Content-Security-Policy": PAGE_POLICY, "Referrer-Policy": "no-referrer"})
