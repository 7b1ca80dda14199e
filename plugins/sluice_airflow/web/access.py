"""Who may see Sluice's routes, and what the routes work with."""

# No `from __future__ import annotations` in this package's routes: FastAPI resolves annotations at run time.
from functools import cache
from typing import Any, Literal

from airflow.api_fastapi.core_api.security import requires_access_dag
from pydantic import BaseModel

from sluice.errors import RefusedError
from sluice.ledger import Request
from sluice.stream.tools import Tools, connect

DAG = "onboard_source"

readers = requires_access_dag(method="GET", param_dag_id=DAG)
"""Who may see the DAG may see its requests; without a log-in nothing answers."""

Gate = Literal["admission", "publication"]


@cache
def tools() -> Tools:
    """One set of tools per server process."""
    return connect()


def existing(tx: Any, request_id: str) -> Request:
    """The request, or RefusedError 404."""
    request: Request | None = tx.request(request_id)
    if request is None:
        raise RefusedError(
            "NO_REQUEST", f"there is no request {request_id!r}", status=404, mend="GET /sluice/requests lists them."
        )
    return request


class Refusal(BaseModel):
    """Why something was refused. `code` is stable; `mend` says what to do next; `details` are for machines."""

    code: str
    message: str
    where: str = ""
    mend: str = ""
    details: dict[str, Any] = {}


_WHY = {
    400: "A reason is missing, or the decision contradicts itself",
    403: "Not your role, your own request, the same person again, or from another site",
    404: "There is no such thing",
    409: "Already decided, not open, closed, or the evidence is not what was seen (STALE_EVIDENCE says what changed)",
    410: "Expired: it went unanswered too long",
    413: "The body is too large",
    415: "Only JSON is read",
    422: "The body has another shape than described here",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What the description of a route says of its refusals."""
    always = () if statuses == (404,) else (413, 415, 422)
    return {status: {"model": Refusal, "description": _WHY[status]} for status in sorted({*statuses, *always})}
