"""Sluice's REST routes on the Airflow API server, under /sluice.

Airflow authenticates every route; what a person may decide is the policy's business alone. A change of state
needs JSON and comes from the same origin: the session cookie by itself is not enough.
"""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from functools import cache
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from sluice import data_docs
from sluice.adapters.gx.data_docs import index_page
from sluice.adapters.ledger import schema_is_current
from sluice.approval import Choice, decide
from sluice.errors import RefusedError, SluiceError, SourceError, TransientError
from sluice.ledger import Verdict
from sluice.onboarding import found
from sluice.overview import inbox, request_line, request_overview
from sluice.stages import GATES, Stage
from sluice.stream.tools import Tools, connect

DAG = "onboard_source"

app = FastAPI(
    title="Sluice",
    description="Onboarding requests, their evidence and the decisions on them.",
    # The generated pages would answer without a log-in; /sluice/openapi.json below does not.
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    # Who may see the DAG may see its requests; without a log-in nothing answers.
    dependencies=[Depends(requires_access_dag(method="GET", param_dag_id=DAG))],
)

Gate = Literal["admission", "publication"]
MAX_BODY = 100_000
PAGE_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""A page that Sluice shows loads nothing, runs nothing and is shown in no frame."""
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


@cache
def tools() -> Tools:
    """One set of tools per server process."""
    return connect()


class DecisionBody(BaseModel):
    """A decision as it is posted. `evidence_digest` names the evidence that was seen."""

    model_config = ConfigDict(extra="forbid")

    gate: Gate
    role: str = Field(min_length=1, max_length=100)
    verdict: Literal["approve", "reject", "return"]
    comment: str = Field(default="", max_length=4000)
    evidence_digest: str = Field(pattern=r"^[0-9a-f]{64}$")


@app.middleware("http")
async def same_origin_json_only(request: Request, call_next: Any) -> Any:
    """Refuse what a foreign page could make a logged-in browser send."""
    if request.method not in SAFE_METHODS:
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            return _error(403, "CROSS_ORIGIN", "the request comes from another site")
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            return _error(415, "JSON_ONLY", "send JSON (content-type: application/json)")
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            return _error(413, "TOO_LARGE", f"send at most {MAX_BODY:,} bytes, with a content-length")
    response = await call_next(request)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@app.exception_handler(SluiceError)
def sluice_error(_: Request, error: SluiceError) -> JSONResponse:
    """Every error says what, where and how to mend it."""
    status = error.status if isinstance(error, RefusedError) else 503 if isinstance(error, TransientError) else 422
    return _error(status, error.code, error.message, error.where, error.mend)


@app.exception_handler(RequestValidationError)
def invalid_request(_: Request, error: RequestValidationError) -> JSONResponse:
    """A request of the wrong shape, in the same form as every other error."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return _error(422, "BAD_REQUEST", first["msg"], where, "See /sluice/openapi.json.")


def _error(status: int, code: str, message: str, where: str = "", mend: str = "") -> JSONResponse:
    return JSONResponse({"code": code, "message": message, "where": where, "mend": mend}, status_code=status)


@app.get("/openapi.json", include_in_schema=False)
def openapi() -> dict[str, Any]:
    """The description of these routes, for those who are logged in."""
    return app.openapi()


@app.get("/health")
def health() -> dict[str, Any]:
    """Whether the ledger answers and its tables are at the newest version."""
    return {"ledger": "current" if schema_is_current(tools().settings.ledger) else "needs migration"}


@app.get("/requests")
def list_requests(
    source: Annotated[str | None, Query()] = None, digest: Annotated[str | None, Query()] = None
) -> list[dict[str, Any]]:
    """Requests, oldest first; of one source, or of one contract digest."""
    with tools().ledger.reading() as tx:
        return [request_line(r) for r in tx.requests(source=source, digest=digest)]


@app.get("/requests/{request_id}")
def show_request(request_id: str) -> dict[str, Any]:
    """Where a request stands: stages, gates, tables, checks, durations."""
    with tools().ledger.reading() as tx:
        return request_overview(tx, _existing(tx, request_id), tools().now())


@app.get("/requests/{request_id}/evidence")
def show_evidence(request_id: str, gate: Annotated[Gate, Query()]) -> dict[str, Any]:
    """The evidence pack that the gate decides on."""
    with tools().ledger.reading() as tx:
        _existing(tx, request_id)
        for artifact in tx.artifacts(request_id):
            if artifact.stage == gate:
                return artifact.content
    raise RefusedError("NO_EVIDENCE", f"the {gate} gate has no evidence yet", status=404)


@app.get("/requests/{request_id}/data-docs", response_class=HTMLResponse)
def show_data_docs(request_id: str) -> HTMLResponse:
    """The tables of a request whose checks have run, each with a link to its Data Docs."""
    with tools().ledger.reading() as tx:
        request = _existing(tx, request_id)
        checks = found(tx, request, Stage.CHECK)
    pages = {name: f"data-docs/{name}" for name, docs in data_docs.kept(checks).items() if "page" in docs}
    return _page(index_page(request.source, checks, pages))


@app.get("/requests/{request_id}/data-docs/{table:path}", response_class=HTMLResponse)
def show_table_docs(request_id: str, table: str) -> HTMLResponse:
    """What the checks of a table found: the Data Docs that Great Expectations' renderers made, as they were kept."""
    with tools().ledger.reading() as tx:
        uri = data_docs.page_uri(tx, _existing(tx, request_id), table)
    try:
        return _page(tools().store.read(uri))
    except SourceError as error:
        raise RefusedError(
            "NO_DATA_DOCS", f"the page of {table!r} is not in the lake any more", where=uri, status=404
        ) from error


def _page(html: str | bytes) -> HTMLResponse:
    return HTMLResponse(html, headers={"Content-Security-Policy": PAGE_POLICY, "Referrer-Policy": "no-referrer"})


@app.post("/requests/{request_id}/decisions", status_code=201)
def post_decision(request_id: str, body: DecisionBody, user: GetUserDep) -> dict[str, Any]:
    """Decide as one of your roles, on the evidence you saw."""
    choice = Choice(
        request_id,
        Stage(body.gate),
        body.role,
        Verdict(body.verdict),
        user.get_name(),
        body.comment,
        body.evidence_digest,
    )
    with tools().ledger.transaction() as tx:
        decision = decide(tx, tools().policy(), choice, tools().now())
    return {
        "seq": decision.seq,
        "hash": decision.hash,
        "by": decision.actor,
        "role": decision.role,
        "verdict": decision.verdict.value,
    }


@app.get("/inbox")
def show_inbox(user: GetUserDep) -> list[dict[str, Any]]:
    """What waits for your signature."""
    with tools().ledger.reading() as tx:
        return inbox(tx, tools().policy(), user.get_name(), tools().now())


@app.get("/policy")
def show_policy(user: GetUserDep) -> dict[str, Any]:
    """The roles, who may sign as them, and which you hold."""
    policy = tools().policy()
    return {
        "digest": policy.digest,
        "roles": {r.name: {"description": r.description, "members": list(r.members)} for r in policy.roles.values()},
        "yours": list(policy.roles_of(user.get_name())),
        "gates": {gate.value: dict(policy.signatures[gate]) for gate in GATES},
    }


def _existing(tx: Any, request_id: str) -> Any:
    request = tx.request(request_id)
    if request is None:
        raise RefusedError(
            "NO_REQUEST", f"there is no request {request_id!r}", status=404, mend="GET /sluice/requests lists them."
        )
    return request
