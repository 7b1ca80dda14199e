"""The audit of a source: as a page that can be printed, as HTML to keep, as JSON."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from sluice.audit import audit_body, audit_page, source_audit
from sluice.errors import BadInputError, RefusedError
from sluice_airflow.web.access import refusals, tools
from sluice_airflow.web.pages import pages, show

routes = APIRouter()
KEPT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"


@routes.get("/sources/{source}/audit", responses=refusals(404))
def show_audit(source: str) -> dict[str, Any]:
    """Everything that was decided about a source: who, when, as whom, on which evidence, and why; and whether the record is whole."""
    return _report(source)


@routes.get("/sources/{source}/audit.html", response_class=HTMLResponse, responses=refusals(404))
def download_audit(source: str) -> HTMLResponse:
    """The same as one HTML file that needs nothing but itself, to keep and to send."""
    headers = {
        "Content-Security-Policy": KEPT_POLICY,
        "Content-Disposition": f'attachment; filename="audit-{_file_name(source)}.html"',
    }
    return HTMLResponse(audit_page(_report(source)), headers=headers)


@pages.get("/audit")
def audit_list_page(request: Request, source: Annotated[str, Query()] = "") -> HTMLResponse:
    """The sources there are, each with its audit."""
    with tools().ledger.reading() as tx:
        lines = tx.source_lines(source.strip())
    return show(request, "audit_list.html.jinja", lines=lines, source=source)


@pages.get("/audit/{source}")
def audit_of_source_page(request: Request, source: str) -> HTMLResponse:
    """The audit of a source."""
    report = _report(source)
    return show(request, "audit.html.jinja", source=source, body=audit_body(report))


def _report(source: str) -> dict[str, Any]:
    with tools().ledger.reading() as tx:
        try:
            return source_audit(tx, source, tools().now())
        except BadInputError as error:
            raise RefusedError(error.code, error.message, status=404, mend=error.mend) from error


def _file_name(source: str) -> str:
    return "".join(c if c.isalnum() and c.isascii() else "_" for c in source)[:63]
