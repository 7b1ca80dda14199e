"""Published sources: a list, a readable page for each, and each in other catalogs' forms."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from sluice.catalog_out import facts_of, page_data, source_lines
from sluice.errors import RefusedError, TerminalError
from sluice.stream.catalog_out import FORMS, exported
from sluice_airflow.web.access import refusals, tools
from sluice_airflow.web.pages import pages, show

routes = APIRouter()


@routes.get("/sources")
def list_sources() -> list[dict[str, Any]]:
    """Every published source."""
    with tools().ledger.reading() as tx:
        return source_lines(tx)


@routes.get("/sources/{source}", responses=refusals(404))
def show_source(source: str) -> dict[str, Any]:
    """What is known of a published source: owner, columns, quality history, lineage, cost, approvals."""
    return _data(source)


@routes.get("/sources/{source}/contract", response_class=Response, responses=refusals(404))
def contract_with_results(source: str) -> Response:
    """The contract with its results: ODCS, YAML."""
    return _exported(source, "odcs")


@routes.get("/sources/{source}/dcat", response_class=Response, responses=refusals(404))
def as_dcat(source: str) -> Response:
    """The source as DCAT 3, JSON-LD."""
    return _exported(source, "dcat")


@pages.get("/sources")
def sources_page(request: Request) -> HTMLResponse:
    """Every published source, for people."""
    with tools().ledger.reading() as tx:
        lines = source_lines(tx)
    return show(request, "sources.html.jinja", lines=lines)


@pages.get("/sources/{source}")
def source_page(request: Request, source: str) -> HTMLResponse:
    """One published source, for people."""
    return show(
        request, "source.html.jinja", it=_data(source), note=tools().access.note, enforced=tools().access.enforced
    )


def _data(source: str) -> dict[str, Any]:
    try:
        with tools().ledger.reading() as tx:
            return page_data(facts_of(tx, source))
    except TerminalError as error:
        raise _missing(error) from error


def _exported(source: str, form: str) -> Response:
    try:
        return Response(exported(tools(), source, form), media_type=FORMS[form])
    except TerminalError as error:
        raise _missing(error) from error


def _missing(error: TerminalError) -> RefusedError:
    return RefusedError(error.code, error.message, status=404, mend=error.mend or "GET /sluice/sources lists them.")
