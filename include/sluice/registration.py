"""What registering asks of the catalog, from the contract alone: built before anything is created, shown by `sluice try`.

Sources of the limits: AWS Glue API, Column (comment 255), Table and Database (description 2,048 characters).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sluice.access import declared
from sluice.catalog import SOURCE_PROPERTY, ColumnRequest, TableRequest
from sluice.contract.model import ANY_PII, Contract, Table

COMMENT, DESCRIPTION = 255, 2_048
TAG = "classification"
"""Key of the tag that Lake Formation knows classifications by."""
LINKS = ("request", "evidence", "data-docs", "page", "contract")


def table_request(
    contract: Contract, table: Table, location: str, links: Mapping[str, str] | None = None
) -> TableRequest:
    """The table as the catalog is asked to have it. `links`: some of LINKS, each an address."""
    parameters = {
        SOURCE_PROPERTY: contract.id,
        "sluice.table": table.name,
        "sluice.contract-id": contract.id,
        "sluice.contract-version": contract.version,
        "sluice.contract-digest": contract.digest,
        "sluice.contract-status": contract.status,
        "sluice.primary-key": ",".join(c.field_name for c in table.key),
        "sluice.partition": ", ".join(map(str, table.partition)),
        "sluice.sort-order": ", ".join(map(str, table.sort)),
        "sluice.pii": ",".join(f"{c.field_name}:{'|'.join(_kinds(c.pii))}" for c in table.columns if c.pii),
        "comment": table.description,
        "Description": _short(table.description, DESCRIPTION),
        "owner": contract.owner,
        "domain": contract.domain,
        "classification.level": table.classification,
        **{f"classification.column.{c.field_name}": c.classification for c in table.columns},
        **{f"sluice.link.{name}": address for name, address in (links or {}).items()},
        "write.parquet.compression-codec": "zstd",
    }
    return TableRequest(
        source=contract.id,
        database=contract.id,
        table=table.table_name,
        location=location,
        comment=_short(table.description, DESCRIPTION),
        columns=tuple(
            ColumnRequest(c.field_name, c.type, _short(c.description, COMMENT), c.classification) for c in table.columns
        ),
        key=tuple(c.field_name for c in table.key),
        partition=table.partition,
        sort=table.sort,
        parameters={k: v for k, v in parameters.items() if v},
        database_comment=_short(contract.description, DESCRIPTION),
        database_parameters=_said(
            {
                SOURCE_PROPERTY: contract.id,
                "owner": contract.owner,
                "domain": contract.domain,
                "classification.level": contract.classification,
                "sluice.contract-version": contract.version,
                "sluice.contract-digest": contract.digest,
            }
        ),
        tags=tags_of(contract, table),
    )


def tags_of(contract: Contract, table: Table) -> dict[str, Any]:
    """Which classification is tagged where, so that each column has its own and no more tags than that are set.

    Lake Formation lets a table inherit the database's tag and a column the table's. The database has the most
    sensitive of all: what somebody adds by hand is then protected until it is tagged. The table has its own, so
    that it stays right when another table changes the database's; of the columns, those that differ have one.
    """
    here = table.classification
    return {
        "key": TAG,
        "database": contract.classification,
        "table": here,
        "columns": {c.field_name: c.classification for c in table.columns if c.classification != here},
        "of": [c.field_name for c in table.columns],
    }


def catalog_part(contract: Contract, requests: Mapping[str, TableRequest], kind: str) -> dict[str, Any]:
    """What will be asked of the catalog (`glue` or `sql`), for evidence.json and reports.

    `tables` by name; `access` is what the contract's roles will be granted, principals as the contract names them.
    """
    grants = declared(contract, datetime(1970, 1, 1, tzinfo=UTC), lambda name: name)
    ends = {r.name: r.expires.isoformat() if r.expires else f"{r.expires_days} days after publication" if r.expires_days else None
            for r in contract.roles}  # fmt: skip
    return {
        "kind": kind,
        "database": contract.id,
        "tables": {name: wanted.to_dict() for name, wanted in requests.items()},
        "access": [
            {
                "role": d.role,
                "principal": d.grant.principal,
                "table": d.grant.identifier,
                "permissions": list(d.grant.permissions),
                "columns": list(d.grant.columns) if d.grant.columns is not None else None,
                "expires": ends[d.role],
            }
            for d in grants
        ],
        "access_enforced": kind == "glue",
    }


def _kinds(pii: tuple[str, ...]) -> list[str]:
    return ["yes" if kind == ANY_PII else kind for kind in pii]


def _said(properties: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in properties.items() if v}


def _short(text: str, limit: int) -> str:
    """On one line, and no longer than the catalog takes; the contract has it all."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
