"""A published source written out in another catalog's form."""

from __future__ import annotations

import json
from typing import Any

from sluice.catalog_out import dcat, facts_of, odcs_with_results, odcs_yaml, page_data
from sluice.errors import UsageError
from sluice.stream.gate import strict_json
from sluice.stream.tools import Tools

FORMS = {"odcs": "application/yaml", "dcat": "application/ld+json", "page": "application/json"}
"""Form → media type."""


def exported(tools: Tools, source: str, form: str) -> str:
    """The source in one of FORMS. Raises TerminalError (NOT_PUBLISHED, OFFBOARDED)."""
    if form not in FORMS:
        raise UsageError("FORM", f"{form!r} is no form of a catalog", mend=f"Use one of {', '.join(FORMS)}.")
    with tools.ledger.reading() as tx:
        facts = facts_of(tx, source)
    if form == "odcs":
        return odcs_yaml(_plain(odcs_with_results(facts)))
    base = f"{tools.settings.public_url}/sluice"
    found: Any = dcat(facts, base) if form == "dcat" else page_data(facts)
    return json.dumps(_plain(found), indent=2, ensure_ascii=False) + "\n"


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    """Strict JSON data: numbers that are none have become null."""
    plain: dict[str, Any] = json.loads(strict_json(found))
    return plain
