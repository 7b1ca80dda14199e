"""Sluice on the Airflow API server, under /sluice: REST for programs, pages for people.

Airflow authenticates every route; what a person may decide is the policy's business alone. A change of state
needs JSON and comes from the same origin: the session cookie by itself is not enough.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from airflow.api_fastapi.app import get_auth_manager
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response

from sluice.errors import RefusedError, SluiceError, TransientError
from sluice_airflow.web import (  # noqa: F401 - pages enter themselves
    audit,
    costs,
    decisions,
    delegations,
    documents,
    evidence,
    flow,
    flow_pages,
    forecast,
    holding,
    inbox,
    incidents,
    lists,
    offboardings,
    policies,
    queue,
    request_page,
    requests,
    scoreboard,
    sources,
    telemetry,
    vega,
    whatif,
)
from sluice_airflow.web.access import readers
from sluice_airflow.web.pages import error_page, is_page, pages, static

MAX_BODY = 100_000
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

app = FastAPI(
    title="Sluice",
    description="Onboarding requests, their evidence and the decisions on them.",
    # The generated pages would answer without a log-in; /sluice/openapi.json below does not.
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    dependencies=[Depends(readers)],
)
ROUTES = (
    audit.routes,
    costs.routes,
    decisions.routes,
    delegations.routes,
    documents.routes,
    flow.routes,
    forecast.routes,
    holding.routes,
    incidents.routes,
    offboardings.routes,
    queue.routes,
    request_page.routes,
    policies.routes,
    requests.routes,
    sources.routes,
    scoreboard.routes,
    whatif.routes,
    pages,
    telemetry.routes,
    static,
)
for part in ROUTES:
    app.include_router(part)


@app.get("/openapi.json", include_in_schema=False)
def openapi() -> dict[str, Any]:
    """The description of these routes, for those who are logged in."""
    return app.openapi()


@app.middleware("http")
async def same_origin_json_only(request: Request, call_next: Any) -> Any:
    """Refuse what a foreign page could make a logged-in browser send."""
    if request.method not in SAFE_METHODS:
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            return _error(request, 403, "CROSS_ORIGIN", "the request comes from another site")
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            return _error(request, 415, "JSON_ONLY", "send JSON (content-type: application/json)")
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            return _error(request, 413, "TOO_LARGE", f"send at most {MAX_BODY:,} bytes, with a content-length")
    if telemetry.may_scrape(request):
        try:
            return await run_in_threadpool(telemetry.scrape)
        except SluiceError as error:
            return sluice_error(request, error)
    response = await call_next(request)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@app.exception_handler(SluiceError)
def sluice_error(request: Request, error: SluiceError) -> Response:
    """Every error says what, where and how to mend it."""
    status = error.status if isinstance(error, RefusedError) else 503 if isinstance(error, TransientError) else 422
    details = error.details if isinstance(error, RefusedError) else {}
    return _error(request, status, error.code, error.message, error.where, error.mend, details)


@app.exception_handler(RequestValidationError)
def invalid_request(request: Request, error: RequestValidationError) -> Response:
    """A request of the wrong shape, in the same form as every other error."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return _error(request, 422, "BAD_REQUEST", first["msg"], where, "See /sluice/openapi.json.")


@app.exception_handler(HTTPException)
def http_error(request: Request, error: HTTPException) -> Response:
    """A person without a log-in is led to Airflow's, and from there back to the page."""
    if error.status_code == 401 and is_page(request):
        target = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
        login = get_auth_manager().get_url_login()
        return RedirectResponse(f"{login}{'&' if '?' in login else '?'}next={quote(target, safe='')}", status_code=303)
    return JSONResponse({"detail": error.detail}, status_code=error.status_code, headers=error.headers)


def _error(
    request: Request,
    status: int,
    code: str,
    message: str,
    where: str = "",
    mend: str = "",
    details: Mapping[str, object] | None = None,
) -> Response:
    body = {"code": code, "message": message, "where": where, "mend": mend}
    if is_page(request):
        return error_page(request, status, body)
    return JSONResponse(body | ({"details": dict(details)} if details else {}), status_code=status)
