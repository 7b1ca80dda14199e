"""REST: requests, where they stand, their evidence, and the policy."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Query

from sluice.adapters.ledger import schema_is_current
from sluice.errors import RefusedError
from sluice.evidence_changes import evidence_now
from sluice.forecast.reading import as_json
from sluice.overview import request_line, request_overview
from sluice.stages import GATES, Stage
from sluice_airflow.web.access import Gate, existing, refusals, tools
from sluice_airflow.web.forecast import outlook_of
from sluice_airflow.web.people import person

routes = APIRouter()
PAGE = 1000


@routes.get("/health")
def health() -> dict[str, Any]:
    """Whether the ledger answers and its tables are at the newest version."""
    return {"ledger": "current" if schema_is_current(tools().settings.ledger) else "needs migration"}


@routes.get("/requests")
def list_requests(
    source: Annotated[str | None, Query()] = None,
    digest: Annotated[str | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE, description="at most so many")] = PAGE,
    offset: Annotated[int, Query(ge=0, description="after so many; fewer than `limit` are the last")] = 0,
) -> list[dict[str, Any]]:
    """Requests, oldest first, a page at a time; of one source, or of one contract digest."""
    with tools().ledger.reading() as tx:
        return [request_line(r) for r in tx.requests(source=source, digest=digest, limit=limit, offset=offset)]


@routes.get("/requests/{request_id}")
def show_request(
    request_id: str, forecast: Annotated[bool, Query(description="with the dates by which it should be done")] = False
) -> dict[str, Any]:
    """Where a request stands: stages, gates, tables, checks, durations; and its forecast when asked."""
    with tools().ledger.reading() as tx:
        request = existing(tx, request_id)
        overview = request_overview(tx, request, tools().now())
        return overview | ({"forecast": as_json(outlook_of(tx, request))} if forecast else {})


@routes.get("/requests/{request_id}/evidence", responses=refusals(404))
def show_evidence(
    request_id: str,
    gate: Annotated[Gate, Query()],
    digest: Annotated[str | None, Query(description="evidence as it was; without it, as it is")] = None,
) -> dict[str, Any]:
    """The evidence pack that the gate decides on; of the current one also what changed since last time."""
    with tools().ledger.reading() as tx:
        request = existing(tx, request_id)
        pack = tx.evidence(request_id, Stage(gate), digest) if digest else evidence_now(tx, request, Stage(gate))
    if pack is None:
        which = f"under the digest {digest[:12]}" if digest else "yet"
        raise RefusedError("NO_EVIDENCE", f"the {gate} gate has no evidence {which}", status=404)
    return pack


@routes.get("/policy")
def show_policy(user: GetUserDep) -> dict[str, Any]:
    """The roles, who may sign as them, and which you hold."""
    policy, who = tools().policy(), person(user)
    return {
        "digest": policy.digest,
        "roles": {r.name: {"description": r.description, "members": list(r.members)} for r in policy.roles.values()},
        "yours": list(policy.roles_of(who.name, who.groups)),
        "gates": {gate.value: dict(policy.signatures[gate]) for gate in GATES},
    }
