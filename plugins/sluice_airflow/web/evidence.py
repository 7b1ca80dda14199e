"""The evidence page: what a gate decides on, in words and small pictures, and the decision itself."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from sluice import data_docs
from sluice.drift import exceeded, in_words
from sluice.policy import PARTS
from sluice.review.evidence import default_gate, evidence_view
from sluice.review.glance import bytes_in_words, money, personal_columns
from sluice.review.plain import REASONS
from sluice.stages import Stage
from sluice.trial_report import failed_rules
from sluice.trial_report.pictures import missing, picture
from sluice.trial_report.values import number, point, share, short, texts
from sluice_airflow.web.access import Gate, existing, tools
from sluice_airflow.web.pages import pages, show
from sluice_airflow.web.people import person

RULES, COLUMNS = 1_000, 300
"""How many rules, and how many columns of a table, the page shows; the JSON has them all."""
WORDS = {
    "picture": picture, "missing": missing, "texts": texts, "point": point, "share": share, "short": short, "value": number,
    "bytes": bytes_in_words, "drift": in_words, "money": money,
}  # fmt: skip


@pages.get("/requests/{request_id}/evidence")
def evidence_page(
    request: Request,
    request_id: str,
    user: GetUserDep,
    gate: Annotated[Gate | None, Query()] = None,
    seen: Annotated[str | None, Query()] = None,
) -> HTMLResponse:
    """The evidence of a gate, bound to its digest, with the decide form for who may decide."""
    with tools().ledger.reading() as tx:
        asked = existing(tx, request_id)
        stage = Stage(gate) if gate else default_gate(tx, asked)
        view = evidence_view(tx, tools().policy(), asked, stage, person(user), tools().now(), seen)
    pack = view.pack
    quality = pack.get("quality", {"results": [], "data_docs": {}})
    drifts = [t["drift"] for t in pack.get("tables", ()) if t["drift"]]
    return show(
        request,
        "evidence.html.jinja",
        view=view,
        pack=pack,
        failed=failed_rules(quality)[:RULES],
        rules=quality["results"][:RULES],
        docs=[name for name, kept in quality["data_docs"].items() if "page" in kept],
        docs_at=data_docs.address(request_id).removeprefix("/sluice/"),
        drifted=exceeded(drifts),
        personal=personal_columns(pack),
        reasons=REASONS,
        abouts=PARTS,
        columns=COLUMNS,
        say=WORDS,
    )
