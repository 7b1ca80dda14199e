"""Addresses of Sluice's pages, as letters carry them: paths below the public address of the Airflow UI."""

from __future__ import annotations

from urllib.parse import quote

INBOX = "/sluice/pages/inbox"


def request_page(request_id: str) -> str:
    """Where a request stands: its timeline, decisions and forecast."""
    return f"/sluice/pages/requests/{quote(request_id, safe='')}"


def evidence_page(request_id: str, gate: str) -> str:
    """What a gate decides on, and the form to decide."""
    return f"{request_page(request_id)}/evidence?gate={quote(gate, safe='')}"
