"""The contract with its results, as ODCS: what came in goes out, and results stand in customProperties of their own.

`without_results(odcs_with_results(facts))` is the contract as it was handed in, key for key.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from sluice.catalog_out.facts import Facts

PREFIX = "sluice."
MADE = f"{PREFIX}customPropertiesAdded"
"""Says of an object that it had no customProperties before: they go when the results are taken out again."""


def odcs_with_results(facts: Facts) -> dict[str, Any]:
    """The ODCS document, its results in `customProperties` named `sluice.…` of the contract and of each table."""
    document = copy.deepcopy(without_results(dict(facts.contract.document)))
    request, quality = facts.request, facts.pack.get("quality", {})
    _add(document, {
        "contractDigest": request.contract_digest,
        "evidenceDigest": facts.pack.get("evidence_digest", ""),
        "request": request.id,
        "publishedAt": request.closed_at.isoformat() if request.closed_at else None,
        "riskTier": facts.pack.get("tier", request.tier),
        "quality": {k: quality.get(k) for k in ("success", "evaluated", "failed", "warnings")},
        "cost": dict(facts.pack.get("cost", {})),
        "approvals": [
            {"gate": d.gate.value, "role": d.role, "by": d.actor, "verdict": d.verdict.value, "at": d.at.isoformat(), "hash": d.hash}
            for d in facts.decisions
        ],
    })  # fmt: skip
    by_name = {t["name"]: t for t in facts.pack.get("tables", ())}
    for table in document.get("schema") or ():
        name = table["name"]
        seen = by_name.get(name, {})
        rules = [r for r in quality.get("results", ()) if r["table"] == name]
        _add(table, {
            "published": dict(facts.snapshots.get(name, {})),
            "catalog": dict(facts.entries.get(name, {})),
            "rows": {k: seen.get(k) for k in ("rows_read", "rows_staged", "rows_quarantined", "rows_dropped")},
            "qualityResults": [
                {k: r.get(k) for k in ("rule", "column", "dimension", "severity", "success", "observed", "evaluated", "failed")
                 if r.get(k) is not None}
                for r in rules
            ],
        })  # fmt: skip
    return document


def odcs_yaml(document: Mapping[str, Any]) -> str:
    """The document as YAML, in its own order; reading it gives the same data."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Without anchors, which a contract may not have."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    return yaml.dump(dict(document), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)


def without_results(document: dict[str, Any]) -> dict[str, Any]:
    """The document as it was before results were added; a document without them as it is."""
    out = _bare(document)
    if isinstance(out.get("schema"), list):
        out["schema"] = [_bare(table) if isinstance(table, dict) else table for table in out["schema"]]
    return out


def _add(thing: dict[str, Any], results: Mapping[str, Any]) -> None:
    added = "customProperties" not in thing
    properties = thing.setdefault("customProperties", [])
    if added:
        properties.append({"property": MADE, "value": True})
    properties += [{"property": f"{PREFIX}{name}", "value": value} for name, value in results.items()]


def _bare(thing: dict[str, Any]) -> dict[str, Any]:
    properties = thing.get("customProperties")
    if not isinstance(properties, list):
        return thing
    names = [p.get("property") for p in properties if isinstance(p, dict)]
    if MADE in names:
        return {k: v for k, v in thing.items() if k != "customProperties"}
    kept = [p for p in properties if not (isinstance(p, dict) and str(p.get("property", "")).startswith(PREFIX))]
    return {**thing, "customProperties": kept}
