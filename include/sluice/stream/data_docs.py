"""Data Docs kept beside the evidence: a table's results in GX's format, and the page made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sluice.contract.model import Contract, Table, digest_of
from sluice.data_docs import HTML
from sluice.lake import Layout, ObjectStore
from sluice.stream.gate import strict_json


def keep_docs(
    store: ObjectStore,
    layout: Layout,
    contract: Contract,
    table: Table,
    results: Mapping[str, Any],
    *,
    page: bool = True,
) -> dict[str, str]:
    """Write a table's results and its `page`, once per content. Returns `digest` (of the results) and the URIs.

    The page is made here, where Great Expectations is loaded anyway, so that who serves it never needs to.
    """
    from sluice.adapters.gx.data_docs import render

    digest = digest_of(results)
    kept = {"digest": digest, "results": layout.evidence(contract.id, digest, f"gx/{table.table_name}.json")}
    store.write(kept["results"], strict_json(results), content_type="application/json", only_if_absent=True)
    if page:
        kept["page"] = layout.evidence(contract.id, digest, f"gx/{table.table_name}.html")
        html = render(results).encode("utf-8", "replace")
        store.write(kept["page"], html, content_type=HTML, only_if_absent=True)
    return kept
