"""Where people read what the checks of a request found: addresses, and which kept page answers to one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from sluice.errors import RefusedError
from sluice.ledger import Request, Transaction
from sluice.onboarding import found
from sluice.stages import Stage

HTML = "text/html; charset=utf-8"
KEPT = ("digest", "results", "page")
"""What evidence tells of a table's Data Docs: the digest of the results in GX's format, and the URIs in the lake."""


def address(request_id: str, table: str | None = None) -> str:
    """The path of a table's page on the API server; without a table, of the index."""
    return f"/sluice/requests/{quote(request_id, safe='')}/data-docs" + (f"/{quote(table)}" if table else "")


def kept(checks: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """What check reports say of their Data Docs, by table; reports without any are left out."""
    return {
        name: {key: report["data_docs"][key] for key in KEPT if key in report["data_docs"]}
        for name, report in checks.items()
        if report.get("data_docs")
    }


def addresses(request_id: str, checks: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The path of every table's page that is kept."""
    return {name: address(request_id, name) for name, docs in kept(checks).items() if "page" in docs}


def page_uri(tx: Transaction, request: Request, table: str) -> str:
    """Where in the lake the table's page is.

    Raises RefusedError: NO_DATA_DOCS (404) when the table has none, DATA_DOCS_WITHHELD (403) when the profile found
    personal data in a column of which the page may tell values.
    """
    report = found(tx, request, Stage.CHECK).get(table)
    docs = (report or {}).get("data_docs")
    if not docs:
        raise RefusedError(
            "NO_DATA_DOCS", f"there are no Data Docs of {table!r}", where=request.id, status=404,
            mend="They are there when the table's checks have run.",
        )  # fmt: skip
    profile = found(tx, request, Stage.PROFILE).get(table) or {"columns": []}
    if private := {c["field_name"] for c in profile["columns"] if c["withheld"]} & set(docs["shown"]):
        raise RefusedError(
            "DATA_DOCS_WITHHELD", f"the page would tell values of {', '.join(sorted(private))}", where=request.id, status=403,
            mend="Classify the columns in the contract, then ask again.",
        )  # fmt: skip
    return str(docs["page"])
