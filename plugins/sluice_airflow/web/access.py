"""Who may see Sluice's routes, and what the routes work with."""

# No `from __future__ import annotations` in this package's routes: FastAPI resolves annotations at run time.
from functools import cache
from typing import Any, Literal

from airflow.api_fastapi.core_api.security import requires_access_dag

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
