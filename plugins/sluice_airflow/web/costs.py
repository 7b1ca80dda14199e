"""What published sources cost: a page, the numbers for programs, and FOCUS rows for FinOps tools."""

# No `from __future__ import annotations` here: FastAPI resolves these annotations at run time.
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from sluice.running.costs import alerts
from sluice.running.focus import as_csv, rows
from sluice.stream.costing import prices, summary
from sluice_airflow.web.access import tools
from sluice_airflow.web.pages import pages, show

routes = APIRouter()


@routes.get("/costs")
def list_costs() -> dict[str, Any]:
    """Every published source's cost of a month, estimated and actual, and the budgets that need attention."""
    found = summary(tools())
    return {"sources": [c.to_dict() for c in found], "budgets": _budgets(found)}


@routes.get("/costs.csv", response_class=Response)
def focus(account: str = "sluice") -> Response:
    """All costs on record in the columns of FOCUS 1.0."""
    with tools().ledger.reading() as tx:
        text = as_csv(rows(tx.records(kinds=("cost",)), account=account, account_name=account, now=tools().now()))
    return Response(text, media_type="text/csv", headers={"Content-Disposition": 'attachment; filename="focus.csv"'})


@pages.get("/costs")
def costs_page(request: Request) -> HTMLResponse:
    """What it costs, against what was estimated."""
    found = sorted(summary(tools()), key=lambda c: -c.monthly)
    table = prices(tools())
    return show(
        request, "costs.html.jinja", sources=[c.to_dict() for c in found], budgets=_budgets(found),
        total=sum(c.monthly for c in found), saved=sum(c.saved for c in found), prices=table.named, source=table.source,
    )  # fmt: skip


def _budgets(found: list[Any]) -> list[dict[str, Any]]:
    budgets = tools().policy().running.budgets
    return [
        {"budget": b.name, "spent_usd": used, "monthly_usd": b.monthly_usd, "state": how}
        for b, used, how in alerts(budgets, found)
    ]
