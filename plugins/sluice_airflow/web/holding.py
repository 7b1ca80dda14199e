"""REST: what blocks a request, and withdrawing it."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from sluice.holding import block, unblock, withdraw
from sluice_airflow.web.access import refusals, tools
from sluice_airflow.web.people import person

routes = APIRouter()


class HoldingBody(BaseModel):
    """Why, in words."""

    model_config = ConfigDict(extra="forbid")

    comment: Annotated[str, Field(max_length=4000)] = ""


class BlockBody(HoldingBody):
    """Why, by a code of the list and in words."""

    reason_code: Annotated[str, Field(min_length=1, max_length=64)]


@routes.post("/requests/{request_id}/block", responses=refusals(400, 403, 404, 409))
def post_block(request_id: str, body: BlockBody, user: GetUserDep) -> dict[str, Any]:
    """Say what a request waits for: its clock tells the wait from work from now on."""
    with tools().ledger.transaction() as tx:
        stages = block(tx, tools().policy(), request_id, body.reason_code, body.comment, person(user), tools().now())
    return {"request": request_id, "blocked": [s.value for s in stages], "reason_code": body.reason_code}


@routes.post("/requests/{request_id}/unblock", responses=refusals(403, 404, 409))
def post_unblock(request_id: str, body: HoldingBody, user: GetUserDep) -> dict[str, Any]:
    """Say that it goes on."""
    with tools().ledger.transaction() as tx:
        stages = unblock(tx, tools().policy(), request_id, body.comment, person(user), tools().now())
    return {"request": request_id, "unblocked": [s.value for s in stages]}


@routes.post("/requests/{request_id}/withdraw", responses=refusals(400, 403, 404, 409))
def post_withdraw(request_id: str, body: HoldingBody, user: GetUserDep) -> dict[str, Any]:
    """End a request that is not wanted any more."""
    with tools().ledger.transaction() as tx:
        withdraw(tx, tools().policy(), request_id, body.comment, person(user), tools().now())
    return {"request": request_id, "state": "cancelled"}
