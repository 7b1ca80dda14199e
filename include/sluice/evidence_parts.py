"""Evidence in parts (sluice.policy.PARTS): every word of the contract and of the pack belongs to exactly one.

So a role's signature can outlive a change elsewhere, and no change can hide between the parts. The contract's version
and the digests of the whole belong to none: they change with anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from sluice.contract.model import Contract, digest_of
from sluice.policy import PARTS

_WHOLE = ("evidence_digest", "contract_digest", "source", "parts", "changes", "uri", "signatures", "asked")
_COLUMN_SCHEMA = ("name", "field_name", "type")
_COLUMN_CLASS = ("classification", "pii", "withheld")
_REPEATED = ("parameters", "database", "columns", "comment", "tags")
_CLASS_TERMS = ("classification", "criticalDataElement", "encryptedName", "tags")


def part_contents(contract: Contract, pack: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Part → what the contract and the pack say of it, as plain data."""
    parts: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
    _contract(deepcopy(dict(contract.document)), parts)
    _pack({k: v for k, v in pack.items() if k not in _WHOLE}, parts)
    return parts


def part_digests(contract: Contract, pack: Mapping[str, Any]) -> dict[str, str]:
    """Part → SHA-256 of what is said of it."""
    return {part: digest_of(content) for part, content in part_contents(contract, pack).items()}


def _put(content: dict[str, Any], value: Any, *path: str) -> None:
    if value not in (None, [], {}):
        for name in path[:-1]:
            content = content.setdefault(name, {})
        content[path[-1]] = value


def _contract(document: dict[str, Any], parts: dict[str, dict[str, Any]]) -> None:
    document.pop("version", None)
    _put(parts["source"], document.pop("servers", None), "servers")
    _put(parts["access"], document.pop("roles", None), "roles")
    for table in document.pop("schema", None) or []:
        _table_terms(table, str(table.get("name")), parts)
    _put(parts["contract"], document, "terms")


def _table_terms(table: dict[str, Any], name: str, parts: dict[str, dict[str, Any]]) -> None:
    _put(parts["quality"], table.pop("quality", None), "rules", name, "of the table")
    _put(parts["contract"], table.pop("description", None), "descriptions", name, "the table")
    for term in table.pop("customProperties", None) or []:
        said = str(term.get("property")) if isinstance(term, Mapping) else ""
        part = "quarantine" if said.startswith("quarantine") else "profile" if said == "drift" else "source"
        parts[part].setdefault("terms", {}).setdefault(name, []).append(term)
    for column in table.pop("properties", None) or []:
        if isinstance(column, Mapping):
            _column_terms(dict(column), name, str(column.get("name")), parts)
    _put(parts["schema"], table, "declared", name, "the table")


def _column_terms(column: dict[str, Any], table: str, name: str, parts: dict[str, dict[str, Any]]) -> None:
    _put(parts["quality"], column.pop("quality", None), "rules", table, name)
    _put(parts["contract"], column.pop("description", None), "descriptions", table, name)
    private = {k: column.pop(k) for k in _CLASS_TERMS if k in column}
    custom = column.pop("customProperties", None) or []
    private |= {"pii": [c for c in custom if isinstance(c, Mapping) and c.get("property") == "pii"]}
    _put(parts["classification"], {k: v for k, v in private.items() if v}, "declared", table, name)
    _put(parts["source"], [c for c in custom if c not in private["pii"]], "columns", table, name)
    _put(parts["schema"], column, "declared", table, name)


def _pack(pack: dict[str, Any], parts: dict[str, dict[str, Any]]) -> None:
    words = dict(pack.pop("contract", {}))
    words.pop("version", None)
    _put(parts["classification"], words.pop("classification", None), "most sensitive")
    _put(parts["contract"], words, "in words")
    _put(parts["source"], pack.pop("probe", None), "seen")
    _put(parts["classification"], pack.pop("pii", None), "personal data")
    _put(parts["quality"], pack.pop("quality", None), "checks")
    _put(parts["cost"], pack.pop("cost", None), "estimate")
    _catalog(dict(pack.pop("catalog", {})), parts)
    for name in ("tier", "tier_reasons"):
        _put(parts["risk"], pack.pop(name, None), name)
    for table in pack.pop("tables", ()):
        _table_found(dict(table), parts)
    _put(parts["contract"], pack, "else")


def _catalog(asked: dict[str, Any], parts: dict[str, dict[str, Any]]) -> None:
    """What the catalog will be asked. Most of it repeats the contract, with its version and digest."""
    for grant in asked.pop("access", ()):
        who = {k: v for k, v in grant.items() if k not in ("role", "table")}
        _put(parts["access"], who, "granted", f"{grant['role']} on {grant['table']}")
    _put(parts["access"], asked.pop("access_enforced", None), "enforced")
    for name, wanted in dict(asked.pop("tables", {})).items():
        shape = {k: v for k, v in wanted.items() if k not in _REPEATED}
        _put(parts["schema"], shape, "catalog", "tables", name)
    for name, value in asked.items():
        _put(parts["schema"], value, "catalog", name)


def _table_found(table: dict[str, Any], parts: dict[str, dict[str, Any]]) -> None:
    name = str(table.pop("name"))
    _put(parts["data"], table.pop("content_digest", None), "content", name)
    _put(parts["source"], table.pop("dialect", None), "dialect", name)
    _put(parts["quality"], table.pop("error", None), "error", name)
    for key in ("rows_quarantined", "rows_dropped", "quarantine_reasons"):
        _put(parts["quarantine"], table.pop(key, None), "found", name, key)
    for column in map(dict, table.pop("columns", ())):
        title = str(column.get("name"))
        for part, keys in (("schema", _COLUMN_SCHEMA), ("classification", _COLUMN_CLASS)):
            _put(parts[part], {k: column.pop(k) for k in keys if k in column}, "found", name, title)
        _put(parts["profile"], column, "columns", name, title)
    _put(parts["profile"], table, "tables", name)
