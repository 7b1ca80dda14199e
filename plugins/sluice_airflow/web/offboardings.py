"""The end of a source's life: asked for by one person, agreed by another, every step and the proof to be seen.

Deciding is recorded here; `watch_sources` carries it out within minutes, and goes on where it was interrupted.
"""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from typing import Annotated, Any, Literal

from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from sluice.errors import BadInputError, RefusedError, TerminalError
from sluice.running import offboarding
from sluice.running.offboarding import Offboarding
from sluice.running.offboarding_pages import document, lines
from sluice.stream.offboard import ask
from sluice_airflow.web.access import refusals, tools
from sluice_airflow.web.pages import pages, show
from sluice_airflow.web.people import person

routes = APIRouter()
enders = requires_access_dag(method="PUT", param_dag_id="offboard_source")
"""Who may run `offboard_source` may ask for a source's end; to agree to one is for the policy's roles."""

Text = Annotated[str, Field(max_length=2000)]


class AskBody(BaseModel):
    """Which source ends, why, and what is to become of its data unless something keeps it."""

    model_config = ConfigDict(extra="forbid")

    source: Annotated[str, Field(max_length=63)]
    comment: Text
    data: Literal["keep", "destroy"] = "keep"


class DecideBody(BaseModel):
    """Another person's word; to refuse needs a reason."""

    model_config = ConfigDict(extra="forbid")

    verdict: Literal["agree", "refuse"]
    comment: Text = ""


@routes.get("/offboardings")
def list_offboardings() -> list[dict[str, Any]]:
    """Every offboarding: those that are not over first."""
    with tools().ledger.reading() as tx:
        return lines(offboarding.offboardings(tx))


@routes.get("/offboardings/{name}", responses=refusals(404))
def one_offboarding(name: str) -> dict[str, Any]:
    """An offboarding by its id, or a source's newest one."""
    return document(_found(name))


@routes.post("/offboardings", status_code=201, responses=refusals(400, 403, 404), dependencies=[Depends(enders)])
def ask_for_the_end(body: AskBody, user: GetUserDep) -> dict[str, Any]:
    """Ask for a source's end. Nothing happens to it until somebody else agrees."""
    try:
        return document(ask(tools(), body.source, person(user).name, body.comment, destroy=body.data == "destroy"))
    except BadInputError as error:
        raise RefusedError(error.code, error.message, status=400, mend=error.mend) from error
    except TerminalError as error:
        raise RefusedError(error.code, error.message, status=404, mend=error.mend) from error


@routes.post("/offboardings/{name}", status_code=201, responses=refusals(400, 403, 404, 409))
def decide(name: str, body: DecideBody, user: GetUserDep) -> dict[str, Any]:
    """Agree, or not: for another person, in one of the policy's roles for it."""
    current = _found(name)
    with tools().ledger.transaction() as tx:
        return document(
            offboarding.decide(
                tx, tools().policy(), current.source, person(user).name, body.verdict == "agree", body.comment, tools().now()
            )
        )  # fmt: skip


@pages.get("/offboardings")
def offboardings_page(request: Request) -> HTMLResponse:
    """Which sources end or have ended."""
    with tools().ledger.reading() as tx:
        found = lines(offboarding.offboardings(tx))
        sources = [p.source for p in tx.published_sources()]
    return show(request, "offboardings.html.jinja", offboardings=found, sources=sources)


@pages.get("/offboardings/{name}")
def offboarding_page(request: Request, name: str) -> HTMLResponse:
    """One source's end: who asked, who agreed, every step, and what became of the data."""
    found = _found(name)
    with tools().ledger.reading() as tx:
        held = offboarding.hold(tx, found.source)
    roles = tools().policy().running.offboarding
    return show(
        request, "offboarding.html.jinja", it=document(found), roles=roles, hold=held.content["reason"] if held else ""
    )


def _found(name: str) -> Offboarding:
    with tools().ledger.reading() as tx:
        known = offboarding.offboardings(tx)
    found = [x for x in known if name in (x.id, x.source)]
    if not found:
        raise RefusedError("NOTHING_ASKED", f"nobody has asked to offboard {name!r}", status=404,
                           mend="`sluice offboard SOURCE --reason …` asks.")  # fmt: skip
    return found[-1]
