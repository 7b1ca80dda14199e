"""The evidence pack: what approvers see, assembled from what the stages found, and the digest that binds to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sluice import cost, data_docs
from sluice.contract.model import ANY_PII, Contract, Table, digest_of
from sluice.evidence_parts import part_digests
from sluice.lake import Manifest
from sluice.ledger import Request
from sluice.policy import Asked, Policy, facts_of
from sluice.stages import Stage

ROWS = ("rows_read", "rows_staged", "rows_quarantined", "rows_dropped")


def admission_pack(contract: Contract, policy: Policy, request: Request, probe: Mapping[str, Any]) -> dict[str, Any]:
    """What is known before any data moves. `probe`: what the request stage saw of the source, by table."""
    pack = {
        "source": contract.id,
        "contract_digest": contract.digest,
        "contract": _plain_words(contract),
        "tier": request.tier,
        "tier_reasons": list(request.tier_reasons),
        **_asked(policy.asked(Stage.ADMISSION, request.tier)),
        "probe": dict(probe),
    }
    return _bound(contract, pack)


def publication_pack(
    contract: Contract,
    policy: Policy,
    manifests: Mapping[str, Mapping[str, Any]],
    profiles: Mapping[str, Mapping[str, Any]],
    checks: Mapping[str, Mapping[str, Any]],
    promised: str = "",
    errors: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    owner_known: bool = False,
    change: Mapping[str, Any] | None = None,
    catalog: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What was found, table by table; the format is shared/DESIGN.md's evidence.json.

    `promised` is the tier when the request was made: the evidence can raise it and never lowers it. `errors` tells, by table, what kept a stage from finishing: only a trial goes on without it.
    `change` is what differs from the version that is published: the diff, and whom it touches. `catalog` is what will
    be asked of the catalog: where people find the tables, and who may read them.
    Its digest depends on content alone, so landing the same data again gives the same digest.
    """
    errors = errors or {}
    pii = _pii(contract, profiles)
    read = {name: Manifest.from_dict(dict(m)) for name, m in manifests.items()}
    staged = [f for m in read.values() for f in m.staged]
    landed = [f for m in read.values() for f in m.sources]
    private = {name: {c["field_name"] for c in p["columns"] if c["withheld"]} for name, p in profiles.items()}
    results = [
        _discreet(r, private.get(name, set())) | {"table": name}
        for name, report in checks.items()
        for r in report["results"]
    ]
    estimated = cost.estimate(
        contract,
        sum(f.size for f in landed),
        sum(f.size for f in staged),
        len(read),
        len(staged) + len(landed),
        policy.running.region,
    )
    rows = sum(m.rows_read for m in read.values())
    aside = sum(m.rows_quarantined + m.rows_dropped for m in read.values())
    facts = facts_of(
        contract, owner_known=owner_known, pii_undeclared=tuple(pii["undeclared"]), bytes=sum(f.size for f in landed),
        rows=rows, quarantined=aside / rows if rows else 0.0, monthly_usd=estimated["monthly_usd"],
    )  # fmt: skip
    assessed = policy.assess(facts)
    tier, reasons = policy.tiers.heavier(promised or assessed.tier, assessed.tier), list(assessed.reasons)
    if tier != assessed.tier:
        reasons.append(f"when it was asked for, the request was in the tier {tier}: it stays there")
    pack = {
        "source": contract.id,
        "contract_digest": contract.digest,
        "contract": _plain_words(contract),
        "tier": tier,
        "tier_reasons": reasons,
        **_asked((*policy.asked(Stage.PUBLICATION, tier), *policy.asked(Stage.PUBLICATION, promised or tier))),
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
        "cost": estimated,
        **({"catalog": dict(catalog)} if catalog else {}),
        **({"change": dict(change)} if change else {}),
    }
    return _bound(contract, pack)


def _bound(contract: Contract, pack: dict[str, Any]) -> dict[str, Any]:
    """The pack with the digests of its parts, and the one that a decision names."""
    whole = {**pack, "parts": part_digests(contract, pack)}
    return {**whole, "evidence_digest": digest_of(whole)}


def _asked(asked: tuple[Asked, ...]) -> dict[str, Any]:
    """Who signs: the roles, and of each how many people, or why the policy itself signs."""
    by_role: dict[str, Asked] = {}
    for a in asked:
        by_role.setdefault(a.role, a)
    return {
        "signatures": list(by_role),
        "asked": [
            {"role": a.role, "signatures": a.signatures, "pre_approved": a.pre_approved} for a in by_role.values()
        ],
    }


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
