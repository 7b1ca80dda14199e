"""The evidence pack: what approvers see, assembled from what the stages found, and the digest that binds to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sluice import cost, data_docs
from sluice.contract.model import ANY_PII, Contract, Table, digest_of
from sluice.lake import Manifest
from sluice.ledger import Request
from sluice.policy import Policy
from sluice.stages import Stage

ROWS = ("rows_read", "rows_staged", "rows_quarantined", "rows_dropped")


def admission_pack(contract: Contract, request: Request, probe: Mapping[str, Any]) -> dict[str, Any]:
    """What is known before any data moves. `probe`: what the request stage saw of the source, by table."""
    pack = {
        "source": contract.id,
        "contract_digest": contract.digest,
        "contract": _plain_words(contract),
        "tier": request.tier,
        "tier_reasons": list(request.tier_reasons),
        "signatures": list(request.signatures[Stage.ADMISSION]),
        "probe": dict(probe),
    }
    return {**pack, "evidence_digest": digest_of(pack)}


def publication_pack(
    contract: Contract,
    policy: Policy,
    manifests: Mapping[str, Mapping[str, Any]],
    profiles: Mapping[str, Mapping[str, Any]],
    checks: Mapping[str, Mapping[str, Any]],
    promised: tuple[str, ...] = (),
    errors: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """What was found, table by table; the format is shared/DESIGN.md's evidence.json.

    `promised` are the roles named when the request was made; a tier raised by the evidence adds to them and
    never takes away. `errors` tells, by table, what kept a stage from finishing: only a trial goes on without it.
    Its digest depends on content alone, so landing the same data again gives the same digest.
    """
    errors = errors or {}
    pii = _pii(contract, profiles)
    tier, reasons = policy.tier(contract, tuple(pii["undeclared"]))
    required = policy.required(Stage.PUBLICATION, tier)
    read = {name: Manifest.from_dict(dict(m)) for name, m in manifests.items()}
    staged = [f for m in read.values() for f in m.staged]
    landed = [f for m in read.values() for f in m.sources]
    private = {name: {c["field_name"] for c in p["columns"] if c["withheld"]} for name, p in profiles.items()}
    results = [
        _discreet(r, private.get(name, set())) | {"table": name}
        for name, report in checks.items()
        for r in report["results"]
    ]
    pack = {
        "source": contract.id,
        "contract_digest": contract.digest,
        "contract": _plain_words(contract),
        "tier": tier,
        "tier_reasons": list(reasons),
        "signatures": list(dict.fromkeys((*promised, *required))),
        "pii": pii,
        "tables": [_table(t, read.get(t.name), profiles.get(t.name), errors.get(t.name)) for t in contract.tables],
        "quality": {
            "success": not errors
            and all(report["success"] for report in checks.values())
            and not any(drift["stops"] for profile in profiles.values() if (drift := profile.get("drift"))),
            "evaluated": sum(report["evaluated"] for report in checks.values()),
            "failed": sum(report["failed"] for report in checks.values()),
            "warnings": sum(report["warnings"] for report in checks.values()),
            "results": results,
            "data_docs": data_docs.kept(checks),
        },
        "cost": cost.estimate(
            sum(f.size for f in landed), sum(f.size for f in staged), len(read), len(staged) + len(landed)
        ),
    }
    return {**pack, "evidence_digest": digest_of(pack)}


def table_rows(manifest: Mapping[str, Any]) -> dict[str, int]:
    """The row counts of a manifest, as evidence and overviews show them."""
    return {name: manifest[name] for name in ROWS}


def _plain_words(contract: Contract) -> dict[str, Any]:
    return {
        "name": contract.name,
        "version": contract.version,
        "domain": contract.domain,
        "owner": contract.owner,
        "purpose": contract.description,
        "classification": contract.classification,
        "tables": {t.name: t.description for t in contract.tables},
    }


def _table(
    table: Table, manifest: Manifest | None, profile: Mapping[str, Any] | None, error: Mapping[str, Any] | None
) -> dict[str, Any]:
    rows = table_rows(manifest.to_dict()) if manifest else dict.fromkeys(ROWS, 0)
    return {
        "name": table.name,
        "content_digest": manifest.content_digest if manifest else None,
        **rows,
        "quarantine_reasons": dict(manifest.reasons) if manifest else {},
        "dialect": dict(manifest.dialect) if manifest else {},
        "duplicate_rows": profile["duplicate_rows"] if profile else None,
        "columns": list(profile["columns"]) if profile else [],
        "drift": profile.get("drift") if profile else None,
        **({"error": dict(error)} if error else {}),
    }


def _discreet(result: Mapping[str, Any], private: set[str]) -> dict[str, Any]:
    """The result without values of columns where the profile found what the contract did not declare."""
    columns = {result["column"]} | {n for e in result["examples"] if isinstance(e, Mapping) for n in e}
    if not columns & private:
        return dict(result)
    observed = result["observed"]
    return {**result, "examples": [], "observed": observed if isinstance(observed, (int, float)) else None}


def _pii(contract: Contract, profiles: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Personal data as found against as declared, each as `table.column (kinds)`.

    Declared is what a column's `pii` says; a classification of confidential or restricted declares whatever is there.
    """
    undeclared, not_found = [], []
    for table in (t for t in contract.tables if t.name in profiles):
        for column in profiles[table.name]["columns"]:
            declared = set(table.column(column["name"]).pii)
            found = [finding["kind"] for finding in column["pii"]]
            protected = column["classification"] not in ("public", "internal")
            where = f"{table.name}.{column['name']}"
            if not protected and (unexpected := [k for k in found if not declared & {k, ANY_PII}]):
                undeclared.append(f"{where} ({', '.join(unexpected)})")
            if missing := sorted(declared - set(found) - ({ANY_PII} if found else set())):
                not_found.append(f"{where} ({', '.join(missing)})")
    return {"undeclared": undeclared, "declared_not_found": not_found}
